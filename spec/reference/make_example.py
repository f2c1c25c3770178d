#!/usr/bin/env python3
"""A tiny writer of .qamw 0.3: a second implementation of the layout that qamw.md specifies.

It shares no code with the product nor with qamw_reference.py. It needs Python 3.9, xxhash and zstandard.

    python make_example.py OUT.qamw       the file that section 11 of qamw.md shows byte by byte
    python make_example.py --cases DIR    one small file for each corner of the format; symbols are pseudo-random bits

The output is the same on every machine (files that hold zstd frames: for every version of libzstd).
"""

import hashlib
import os
import struct
import sys

import xxhash
import zstandard

MASK, MASK32 = (1 << 64) - 1, (1 << 32) - 1


def xxh3(data):
    return xxhash.xxh3_64_intdigest(data)


def padded(data, to):
    return data + bytes(-len(data) % to)


def text(value, width):
    raw = value.encode("utf-8")
    return struct.pack("<I" if width == 4 else "<Q", len(raw)) + raw


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def sign(seed, column):
    word = mix((seed + (column // 64 + 1) * 0x9E3779B97F4A7C15) & MASK)
    return -1 if word >> (column % 64) & 1 else 1


def frames(content):
    """Section 5.3."""
    pieces = [zstandard.ZstdCompressor(level=9).compress(content[i:i + (1 << 20)]) for i in range(0, len(content), 1 << 20)]
    return b"".join(pieces) + b"".join(struct.pack("<I", len(piece)) for piece in pieces)


# Metadata (6.1): lists of (key, type, value); an array's value is (element type, list).

FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<B", 10: "<Q", 11: "<q", 12: "<d"}


def encode_value(kind, value):
    return text(value, 8) if kind == 8 else struct.pack(FORMATS[kind], value)


def encode_metadata(entries):
    out = struct.pack("<Q", len(entries))
    for key, kind, value in entries:
        if kind == 9:
            element, values = value
            value = struct.pack("<IQ", element, len(values)) + b"".join(encode_value(element, v) for v in values)
        else:
            value = encode_value(kind, value)
        out += text(key, 8) + struct.pack("<IQ", kind, len(value)) + value
    return out


class Writer:
    """Collects extents in directory order, then lays the file out (sections 3 to 6)."""

    ORDER = ("metadata", "directory", "codebooks", "seeds", "producer", "shards", "content", "scales", "symbols", "files", "raw", "checksums")
    CHUNKED = ("scales", "symbols", "files", "raw")
    PRODUCER = None  # all files without another producer

    def __init__(self, alignment=64, metadata=(), growth=8192):
        self.alignment, self.growth = alignment, growth
        self.metadata = encode_metadata(metadata)
        self.payload = {name: b"" for name in self.CHUNKED}
        self.hashes = {name: [] for name in self.CHUNKED}
        self.codebooks, self.seeds, self.tensors, self.files = [], [], [], []
        self.codebook_codec = 1
        self.compresses_metadata, self.order, self.extra = False, self.ORDER, None
        self.producer, self.shards, self.content = self.PRODUCER, None, None

    def extent(self, section, data):
        self.payload[section] = padded(self.payload[section], 64)
        offset = len(self.payload[section])
        self.payload[section] += data
        self.hashes[section] += [xxh3(data[i:i + (1 << 20)]) for i in range(0, len(data), 1 << 20)]
        return offset

    def record(self, name, kind, shape, extents, fields):
        """extents: (section, offset, length), the section 0 raw, 1 symbols, 2 scales"""
        rest = struct.pack("<BBBx", kind, len(shape), len(extents)) + b"".join(struct.pack("<Q", d) for d in shape)
        rest += b"".join(struct.pack("<B7xQQ", *extent) for extent in extents) + fields
        self.tensors.append(text(name, 4) + struct.pack("<I", len(rest)) + rest)

    def raw(self, name, shape, dtype, data, compress=False):
        stored = frames(data) if compress else data
        self.record(name, 0, shape, [(0, self.extent("raw", stored), len(stored))], struct.pack("<BBH", dtype, compress, 0))

    def alias(self, name, shape, target):
        self.record(name, 2, shape, [], struct.pack("<Q", target))

    def coded(self, name, shape, source, codebook, seed, parameters, streams, codec=1):
        """streams: (role, kind, bytes per row, per group or in total, data), and for kind 2 the binary logarithm of a group's rows"""
        extents, fields = [], struct.pack("<HBBHH", codec, source, len(parameters), codebook, seed) + parameters
        for role, kind, size, data, *group in streams:
            section = "symbols" if role == 1 else "scales"
            extents.append((1 if role == 1 else 2, self.extent(section, data), len(data)))
            fields += struct.pack("<BBBxQ", role, kind, *(group or [0]), size)
        self.record(name, 1, shape, extents, fields)

    def file(self, name, data, compress=False, role=0):
        stored = frames(data) if compress else data
        rest = struct.pack("<BBHQQQ", compress, role, 0, len(data), self.extent("files", stored), len(stored))
        self.files.append(text(name, 4) + struct.pack("<I", len(rest)) + rest)

    def bytes(self):
        content = {name: data for name, data in self.payload.items() if data}
        content["metadata"] = frames(self.metadata) if self.compresses_metadata else self.metadata
        content["directory"] = struct.pack("<QQ", len(self.tensors), len(self.files)) + b"".join(self.tensors + self.files)
        if self.codebooks:
            records = [struct.pack("<HHI", self.codebook_codec, 0, len(c)) + padded(c, 8) for c in self.codebooks]
            content["codebooks"] = struct.pack("<Q", len(records)) + b"".join(records)
        if self.seeds:
            content["seeds"] = struct.pack("<QII", len(self.seeds), 8, 0) + b"".join(struct.pack("<Q", s) for s in self.seeds)
        if self.producer:
            content["producer"] = self.producer
        if self.shards:
            content["shards"] = self.shards
        if self.content:
            content["content"] = self.content
        if self.extra:
            content[self.extra[0]] = self.extra[1]
        order = [name for name in self.order if name in content or name == "checksums"]
        lists = {name: b"".join(struct.pack("<Q", h) for h in self.hashes[name]) for name in self.CHUNKED}
        content["checksums"] = b"".join(lists[name] for name in order if name in lists)

        body, table = b"", b""
        begin = 64 + 64 * len(order)
        for name in order:
            data = content[name]
            critical, chunked = name in self.ORDER and name not in ("producer", "shards", "content"), name in self.CHUNKED
            body = padded(bytes(begin) + body, self.alignment if chunked else 64)[begin:]
            compressed = name == "metadata" and self.compresses_metadata
            length = len(self.metadata) if compressed else len(data)
            checksum = xxh3(lists[name]) if chunked else xxh3(data)
            table += struct.pack("<16sIIQQQQQ", name.encode(), critical + 2 * chunked + 4 * compressed, 0, begin + len(body), len(data), length, checksum, 0)
            body += data
            if name == order[0] == "metadata":
                body = padded(body, 64) + bytes(64 * (len(order) + 1) + len(padded(data, 64)) + self.growth)
            elif chunked:
                body += bytes(64)
        return header(self.alignment, begin + len(body), table, 64) + table + body


def header(alignment, file_length, table, table_offset):
    fields = struct.pack("<8sHHIQIIQQII", b"\x89QAM\r\n\x1a\n", 0, 3, alignment, file_length, len(table) // 64, 0, xxh3(table), table_offset, 0, 0)
    return fields + struct.pack("<Q", xxh3(fields))


def edited(data, metadata, high=True):
    """Section 5.5: the file after its metadata were edited in place. Returns the file after each of the two writes."""
    alignment, length, count, _, _, at = struct.unpack_from("<IQIIQQ", data, 12)
    entries = {e[0].rstrip(b"\0").decode(): e for e in struct.iter_unpack("<16sIIQQQQQ", data[at:at + 64 * count])}
    old, spare, rest = entries["metadata"], entries.get("spare"), [e for n, e in entries.items() if n not in ("metadata", "spare")]
    room, new = rest[0][3], encode_metadata(metadata)
    end = -(-max(at + 64 * count, old[3] + old[4]) // 64) * 64
    size = 64 * (len(rest) + 2) + len(new)
    place = min(room - len(padded(bytes(size), 64)), end + 4096) // 64 * 64 if high else 64
    slot_end = place + len(padded(bytes(size), 64))
    assert end <= place if high else slot_end <= min(at, old[3])
    first = 64 if high else slot_end
    last = max([at + 64 * count, old[3] + old[4]] + ([spare[3] + spare[4]] if spare and not high else []))
    unused = data[first:last]
    changed = [old[:1] + (1, 0, place + 64 * (len(rest) + 2), len(new), len(new), xxh3(new), 0),
               (b"spare", 0, 0, first, len(unused), len(unused), xxh3(unused), 0)]
    table = b"".join(struct.pack("<16sIIQQQQQ", *e) for e in sorted(changed + rest, key=lambda e: e[3]))
    keep = set(range(at, at + 64 * count)) | set(range(old[3], old[3] + old[4])) | set(range(first, last))
    written = bytearray(b if i < 64 or i >= room or i in keep else 0 for i, b in enumerate(data))
    written[place:place + size] = table + new
    return bytes(written), header(alignment, length, table, place) + bytes(written[64:])


# The file of section 11 -------------------------------------------------------------------------------------

def example_codebook():
    """256 base points of a triangular grid: a = 11 i + 5, b = 11 j + 5 with j <= i."""
    points = [(11 * i + 5, 11 * j + 5) for i in range(23) for j in range(i + 1)][:256]
    return struct.pack("<BBBBf", 2, 8, 8, 0, 0.015625) + b"".join(struct.pack("BB", a, b) for a, b in points)


def encode_octant_row(row, seed, log_block, codebook):
    """Section 8.6 for s = 8 and no channel scales: gain and symbols of a row whose pairs are a multiple of eight."""
    columns, block = len(row), 1 << log_block
    gain = (sum(w * w for w in row) / columns) ** 0.5
    z = []
    for begin in range(0, columns, block):
        part = [sign(seed, j) * row[j] / gain for j in range(begin, begin + block)]
        h = 1
        while h < block:
            for i in range(0, block, 2 * h):
                for j in range(i, i + h):
                    part[j], part[j + h] = part[j] + part[j + h], part[j] - part[j + h]
            h *= 2
        z += [value / block ** 0.5 for value in part]
    step = struct.unpack("<f", codebook[4:8])[0]
    points = [(codebook[i] * step, codebook[i + 1] * step) for i in range(8, len(codebook), 2)]
    out, y = b"", []
    for group in range(0, columns, 128):
        pairs = min(64, (columns - group) // 2)
        first = second = swapped = 0
        base = b""
        for pair in range(pairs):
            x0, x1 = z[group + 2 * pair], z[group + 2 * pair + 1]
            first |= (x0 < 0) << pair
            second |= (x1 < 0) << pair
            swap = abs(x0) < abs(x1)
            swapped |= swap << pair
            high, low = max(abs(x0), abs(x1)), min(abs(x0), abs(x1))
            index = min(range(256), key=lambda k: (points[k][0] - high) ** 2 + (points[k][1] - low) ** 2)
            base += bytes([index])
            magnitudes = points[index][::-1] if swap else points[index]
            y += [magnitudes[0] * (-1 if x0 < 0 else 1), magnitudes[1] * (-1 if x1 < 0 else 1)]
        out += b"".join(plane.to_bytes(pairs // 8, "little") for plane in (first, second, swapped)) + base
    gain *= sum(a * b for a, b in zip(z, y)) / sum(b * b for b in y)
    return gain, out


def example():
    seed = 42
    codebook = example_codebook()
    writer = Writer(alignment=64, metadata=[("general.name", 8, "example")])
    writer.codebooks, writer.seeds, writer.producer = [codebook], [seed], writer.producer or b"make_example 1"
    row = [((37 * j + 11) % 64 - 31.5) / 64 for j in range(64)]
    gain, symbols = encode_octant_row(row, seed, 6, codebook)
    writer.raw("norm", (3,), 14, struct.pack("<3e", 1.0, -0.5, 2.0))
    writer.coded("proj", (1, 64), 18, 0, 0, bytes([2, 8, 6, 1]), [(1, 0, 44, symbols), (2, 0, 2, struct.pack("<e", gain))])
    writer.file("note.txt", b"hello\n")
    return writer.bytes()


# The rows of sections 15.5, 16.5 and 17.6 ----------------------------------------------------------------------------

def rotated(row, seed):
    """z of section 8.6 for one block as long as the row, and the gain."""
    gain = (sum(w * w for w in row) / len(row)) ** 0.5
    z, h = [sign(seed, j) * w / gain for j, w in enumerate(row)], 1
    while h < len(row):
        for j in range(len(row)):
            if not j & h:
                z[j], z[j + h] = z[j] + z[j + h], z[j] - z[j + h]
        h *= 2
    return gain, [value / len(row) ** 0.5 for value in z]


def polar_codebook(bits, amplitudes, directions):
    """Section 15.2."""
    numbers = [*amplitudes, *(coordinate for direction in directions for coordinate in direction)]
    return struct.pack(f"<BBHHH{len(numbers)}f", bits, 0, len(amplitudes), len(directions), 0, *numbers)


def packed_symbols(symbols, bits):
    """Section 8.4: eight symbols take `bits` bytes."""
    return sum(symbol << i * bits for i, symbol in enumerate(symbols)).to_bytes(-(-len(symbols) // 8) * bits, "little")


def polar_example():
    seed, amplitudes, directions = 42, [0.5, 1.25, 2.25], [(1, 0), (0, 1), (-1, 0), (0, -1)]
    gain, z = rotated([(j - 5) / 16 for j in range(8)], seed)
    points = [(a * c, a * s) for a in amplitudes for c, s in directions]
    symbols, y = [], []
    for x0, x1 in zip(z[::2], z[1::2]):
        symbols.append(min(range(12), key=lambda k: (points[k][0] - x0) ** 2 + (points[k][1] - x1) ** 2))
        y += points[symbols[-1]]
    gain *= sum(a * b for a, b in zip(z, y)) / sum(b * b for b in y)
    writer = Writer(growth=0)
    writer.codebook_codec, writer.codebooks, writer.seeds = 2, [polar_codebook(4, amplitudes, directions)], [seed]
    writer.coded("w", (1, 8), 18, 0, 0, bytes([4, 0, 3, 1]), [(1, 0, 4, packed_symbols(symbols, 4)), (2, 0, 2, struct.pack("<e", gain))], codec=2)
    return writer.bytes()


def integer_example():
    row, scales = [0.75, -0.5, 0.25, -1.5, 0.0625], [1, 0.5, 2, 1, 4]
    scaled = [w * c for w, c in zip(row, scales)]
    gain = struct.unpack("<e", struct.pack("<e", max(map(abs, scaled)) / 127))[0]
    symbols = struct.pack("5b", *(max(-127, min(127, round(w / gain))) for w in scaled))
    writer = Writer(growth=0)
    writer.coded("w", (1, 5), 18, 0xFFFF, 0xFFFF, bytes([8, 0, 0, 1]), [
        (1, 0, 5, symbols), (2, 0, 2, struct.pack("<e", gain)), (3, 1, 10, struct.pack("<5e", *scales))], codec=3)
    return writer.bytes()


def trellis_value(window):
    """Section 17.2."""
    return sum((window * 0x83DCD12D & MASK32).to_bytes(4, "little")) - 510


def trellis_tile(rings, rate):
    """Section 17.2: a tile of two rings, integers of 128 * rate bits."""
    tile = bytearray(32 * rate)
    for r, ring in enumerate(rings):
        for g in range(8 * rate):
            struct.pack_into("<H", tile, 32 * (g % rate) + 4 * (g // rate) + 2 * r, ring >> 16 * g & 0xFFFF)
    return bytes(tile)


def trellis_path(targets, window, rate):
    """Section 17.4 for weights 0, 1, ... that do not reach the end of their ring: its first bits, with the least sum of squared errors."""
    best = {w: ((trellis_value(w) - targets[0]) ** 2, w) for w in range(1 << window)}  # by the last window: cost, and all bits
    for t, target in enumerate(targets[1:], 1):
        start = t * rate // 2
        new = start - (t - 1) * rate // 2
        following = {}
        for w, (cost, bits) in best.items():
            for fresh in range(1 << new):
                after = w >> new | fresh << window - new
                reached = (cost + (trellis_value(after) - target) ** 2, bits | fresh << start + window - new)
                if after not in following or reached < following[after]:
                    following[after] = reached
        best = following
    return min(best.values())[1]


def trellis_example():
    seed, window, rate, step = 42, 12, 3, 2.0 ** -7
    gain, z = rotated([(j - 5) / 16 for j in range(8)], seed)
    bits = trellis_path([value / step for value in z], window, rate)
    y = [trellis_value(bits >> t * rate // 2 & (1 << window) - 1) * step for t in range(8)]
    gain *= sum(a * b for a, b in zip(z, y)) / sum(b * b for b in y)
    writer = Writer(growth=0)
    writer.seeds = [seed]
    writer.coded("w", (1, 8), 18, 0xFFFF, 0, struct.pack("<BBBBf", window, rate, 3, 1, step), [
        (1, 2, 32 * rate, trellis_tile((bits, 0), rate), 4), (2, 0, 2, struct.pack("<e", gain))], codec=4)
    return writer.bytes()


# Corner cases -----------------------------------------------------------------------------------------------

class Noise:
    """Pseudo-random bits: SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def word(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return mix(self.state)

    def bytes(self, count):
        return b"".join(struct.pack("<Q", self.word()) for _ in range(count // 8 + 1))[:count]

    def real(self):
        return self.word() / 2.0 ** 64


def random_codebook(noise, family, bits):
    if family == 1:
        return struct.pack("<BBBBI", 1, bits, bits, 0, 0) + b"".join(struct.pack("<f", 6 * noise.real() - 3) for _ in range(2 << bits))
    window = max(8, bits)
    points = [sorted(noise.bytes(2), reverse=True) for _ in range(1 << window)]
    return struct.pack("<BBBBf", 2, bits, window, 0, 0.01 + 0.01 * noise.real()) + b"".join(bytes(p) for p in points)


def coded_case(noise, family, bits, log_block, gain_type, scaled, shape, zero_rows=()):
    columns, rows = shape[-1], 1
    for dimension in shape[:-1]:
        rows *= dimension
    writer = Writer()
    writer.codebooks, writer.seeds = [random_codebook(noise, family, bits)], [noise.word(), noise.word()]
    size = (columns + 15) // 16 * bits if family == 1 else (columns + 15) // 16 * (3 + bits)
    streams = row_streams(noise, rows, columns, size, gain_type, scaled, zero_rows)
    writer.coded("w", shape, 15, 0, 1, bytes([family, bits, log_block, gain_type]), streams)
    return writer.bytes()


def row_streams(noise, rows, columns, size, gain_type, scaled, zero_rows=()):
    gains = [0.0 if r in zero_rows else 0.001 + noise.real() for r in range(rows)]
    streams = [(1, 0, size, noise.bytes(rows * size)),
               (2, 0, 2 * gain_type, b"".join(struct.pack("<e" if gain_type == 1 else "<f", g) for g in gains))]
    if scaled:
        streams.append((3, 1, 2 * columns, b"".join(struct.pack("<e", 0.1 + 4 * noise.real()) for _ in range(columns))))
    return streams


def polar_case(noise, bits, levels, phases, log_block, gain_type, scaled, shape, zero_rows=()):
    """Amplitudes at random distances, and directions that need not have unit length."""
    columns, rows, amplitudes = shape[-1], 1, []
    for dimension in shape[:-1]:
        rows *= dimension
    for _ in range(levels):
        amplitudes.append((amplitudes[-1] if amplitudes else 0) + (0.1 + noise.real()) * 4 / levels)
    directions = [(2 * noise.real() - 1, 2 * noise.real() - 1) for _ in range(phases)]
    writer = Writer(growth=0)
    writer.codebook_codec, writer.codebooks = 2, [polar_codebook(bits, amplitudes, directions)]
    writer.seeds = [noise.word(), noise.word()]
    streams = row_streams(noise, rows, columns, (columns + 15) // 16 * bits, gain_type, scaled, zero_rows)
    writer.coded("w", shape, 15, 0, 1, bytes([bits, 0, log_block, gain_type]), streams, codec=2)
    return writer.bytes()


def integer_case(noise, gain_type, scaled, shape, zero_rows=(), symbols=None):
    columns, rows = shape[-1], 1
    for dimension in shape[:-1]:
        rows *= dimension
    streams = row_streams(noise, rows, columns, columns, gain_type, scaled, zero_rows)
    writer = Writer(growth=0)
    writer.coded("w", shape, 15, 0xFFFF, 0xFFFF, bytes([8, 0, 0, gain_type]), [streams[0] if symbols is None else (1, 0, columns, symbols)] + streams[1:], codec=3)
    return writer.bytes()


def trellis_streams(noise, window, rate, gain_type, scaled, shape, zero_rows=(), symbols=None):
    columns, rows = shape[-1], 1
    for dimension in shape[:-1]:
        rows *= dimension
    size, streams = -(-columns // 32) * 32 * rate, row_streams(noise, rows, columns, 0, gain_type, scaled, zero_rows)
    count = -(-rows // 16) * size
    return [(1, 2, size, noise.bytes(count) if symbols is None else symbols * count, 4)] + streams[1:]


def trellis_case(noise, window, rate, log_block, gain_type, scaled, shape, zero_rows=(), symbols=None, step=None):
    writer = Writer(growth=0)
    writer.seeds = [noise.word(), noise.word()]
    parameters = struct.pack("<BBBBf", window, rate, log_block, gain_type, 0.005 + 0.005 * noise.real() if step is None else step)
    writer.coded("w", shape, 15, 0xFFFF, 1, parameters, trellis_streams(noise, window, rate, gain_type, scaled, shape, zero_rows, symbols), codec=4)
    return writer.bytes()


def trellis_all(noise):
    """A tensor for each pair of a window and a rate."""
    writer = Writer(growth=0)
    writer.seeds = [noise.word()]
    for window in (12, 14, 16):
        for rate in range(3, min(13, window) + 1):
            writer.coded(f"w{window}.{rate}", (2, 32), 18, 0xFFFF, 0, struct.pack("<BBBBf", window, rate, 5, 2, 0.0075),
                         trellis_streams(noise, window, rate, 2, False, (2, 32)), codec=4)
    return writer.bytes()


def leaves(content):
    """Section 6.10."""
    return [hashlib.sha256(bytes(64) + content[at:at + (1 << 20)]).digest() for at in range(0, len(content), 1 << 20)]


def content_case(noise):
    """A file that keeps the hashes of its content: a compressed tensor of three leaves, an alias, and a file."""
    writer = Writer(metadata=[("b", 4, 7), ("a", 8, "text")])
    large = noise.bytes(1 << 20) + bytes((1 << 20) + 6)
    small, note = struct.pack("<3e", 1.0, -0.5, 2.0), b"hello\n"
    writer.raw("zeros", (len(large) // 2,), 14, large, compress=True)
    writer.alias("again", (len(large) // 2,), 0)
    writer.raw("norm", (3,), 14, small)
    writer.file("note.txt", note)
    digests = [leaf for content in (large, small, note) for leaf in leaves(content)]
    writer.content = struct.pack("<IIQ", 1, 1 << 20, len(digests)) + b"".join(digests)
    return writer.bytes()


def cases():
    yield "content", content_case(Noise(20261201))
    noise = Noise(20261123)
    for stride in range(1, 11):
        yield f"octant-{stride:02}", coded_case(noise, 2, stride, 1 + stride % 7, 1 + stride % 2, stride % 3 == 0, (5, 640))
    for bits in range(4, 14):
        yield f"free-{bits:02}", coded_case(noise, 1, bits, 1 + bits % 7, 1 + bits % 2, bits % 3 == 0, (5, 640))
    for log_block in range(1, 16):
        columns = 1 << log_block
        yield f"octant-block-{log_block:02}", coded_case(noise, 2, 5, log_block, 2, log_block % 2 == 0, (2, columns))
        yield f"free-block-{log_block:02}", coded_case(noise, 1, 7, log_block, 1, log_block % 2 == 1, (2, columns))
    for columns in (2, 6, 14, 18, 62, 66, 126, 130, 142):
        yield f"octant-columns-{columns:03}", coded_case(noise, 2, 3, 1, 1, True, (3, columns))
        yield f"free-columns-{columns:03}", coded_case(noise, 1, 5, 1, 1, True, (3, columns))
    yield "zero-rows", coded_case(noise, 2, 8, 4, 1, False, (4, 64), zero_rows=(1, 3))
    yield "zero-rows-free", coded_case(noise, 1, 8, 4, 2, True, (4, 64), zero_rows=(0,))
    yield "rank-3", coded_case(noise, 2, 4, 5, 1, False, (2, 3, 96))

    yield "empty", Writer().bytes()
    writer = Writer(alignment=4096)
    sizes = {2: 1 / 2, 3: 3 / 4, 4: 3 / 4, 12: 2, 13: 2, 14: 2, 15: 2, 16: 4, 17: 4, 18: 4, 19: 8, 20: 8, 21: 8, 22: 8}
    for dtype in range(1, 23):
        data = noise.bytes(int(12 * sizes.get(dtype, 1)))
        writer.raw(f"t{dtype}", (3, 4), dtype, bytes(b & 1 for b in data) if dtype == 1 else data)
    writer.raw("scalar", (), 18, struct.pack("<f", 0.25))
    writer.raw("none", (0, 7), 18, b"")
    writer.raw("last", (7,), 5, noise.bytes(7))
    writer.alias("tied", (3, 4), 17)
    yield "raw", writer.bytes()
    writer = Writer()
    writer.alias("first", (2, 600000), 1)
    writer.raw("big", (2, 600000), 14, (noise.bytes(999) * 2403)[:2400000], compress=True)
    writer.raw("empty", (0,), 14, b"", compress=True)
    writer.file("config.json", b"{}", role=1)
    writer.file("b.bin", b"".join(noise.bytes(50) + bytes(950) for _ in range(2200)), compress=True)
    writer.file("empty", b"")
    yield "compressed", writer.bytes()
    writer = Writer(metadata=[
        ("u8", 0, 255), ("i8", 1, -128), ("u16", 2, 65535), ("i16", 3, -32768), ("u32", 4, 4294967295), ("i32", 5, -2147483648),
        ("f32", 6, 0.5), ("no", 7, 0), ("yes", 7, 1), ("text", 8, "nul \0 and é"), ("", 8, ""), ("u64", 10, MASK),
        ("i64", 11, -(1 << 63)), ("f64", 12, 0.1), ("strings", 9, (8, ["a", "", "ß"])), ("bools", 9, (7, [1, 0])),
        ("floats", 9, (6, [1.5] * 500)), ("nothing", 9, (4, []))])
    writer.compresses_metadata = True
    yield "metadata", writer.bytes()
    writer = Writer()
    writer.raw("w", (70,), 5, noise.bytes(70))
    writer.file("f", b"file")
    writer.order = ("raw", "x-note", "directory", "metadata", "files", "checksums")
    writer.extra = ("x-note", b"an ancillary section")
    yield "other-order", writer.bytes()
    writer = Writer()
    writer.raw("w", (2,), 18, struct.pack("<ff", 1, 2))
    writer.file("config.json", b"{}", role=1)
    writer.file("1_Pooling/config.json", b'{"pooling_mode": "mean"}')
    writer.file("a.b/c d/..e", b"three parts")
    yield "file-folders", writer.bytes()
    before = example()
    interrupted, high = edited(before, [("general.name", 8, "edited once")])
    yield "edited-high", high
    yield "edited-high-interrupted", interrupted
    interrupted, low = edited(high, [("n", 4, 2)], high=False)
    yield "edited-low", low
    yield "edited-low-interrupted", interrupted
    yield "edited-again", edited(low, [("general.name", 8, "edited for the third time")])[1]

    yield "polar-example", polar_example()
    for bits, levels in enumerate((2, 3, 4, 6, 9, 13, 20, 28, 39, 56), 4):
        yield f"polar-{bits:02}", polar_case(noise, bits, levels, (1 << bits) // levels, 1 + bits % 7, 1 + bits % 2, bits % 3 == 0, (3, 384))
    for columns in (2, 6, 14, 18, 142):
        yield f"polar-columns-{columns:03}", polar_case(noise, 5, 3, 7, 1, 1, True, (3, columns))
    yield "polar-one-amplitude", polar_case(noise, 6, 1, 64, 4, 2, False, (2, 64))
    yield "polar-one-phase", polar_case(noise, 6, 33, 1, 4, 1, False, (2, 64))
    yield "polar-block-12", polar_case(noise, 4, 2, 8, 12, 2, True, (1, 4096))
    yield "polar-zero-rows", polar_case(noise, 8, 9, 28, 4, 1, True, (4, 64), zero_rows=(1, 3))
    yield "polar-rank-3", polar_case(noise, 7, 6, 21, 5, 2, False, (2, 3, 96))
    yield "int8-example", integer_example()
    for columns in (1, 2, 7, 16, 33, 64, 257):
        yield f"int8-columns-{columns:03}", integer_case(noise, 1 + columns % 2, columns % 3 != 1, (3, columns))
    yield "int8-all-symbols", integer_case(noise, 2, True, (2, 256), symbols=bytes(range(256)) * 2)
    yield "int8-zero-rows", integer_case(noise, 1, False, (4, 48), zero_rows=(0, 2))
    yield "int8-rank-3", integer_case(noise, 1, True, (2, 3, 5))
    yield "trellis-example", trellis_example()
    for rate in range(3, 14):
        yield f"trellis-{rate:02}", trellis_case(noise, (12, 14, 16)[rate % 3], rate, 1 + rate % 6, 1 + rate % 2, rate % 3 == 0, (17, 64))
    yield "trellis-windows", trellis_all(noise)
    for rows in (1, 15, 16, 17, 33):
        yield f"trellis-rows-{rows:03}", trellis_case(noise, 14, 4, 4, 1, rows % 2 == 0, (rows, 48))
    for columns in (2, 14, 18, 30, 34, 62, 66, 130):
        yield f"trellis-columns-{columns:03}", trellis_case(noise, 12, 5, 1, 2, columns % 4 == 2, (3, columns))
    for log_block in (7, 8, 11):
        yield f"trellis-block-{log_block:02}", trellis_case(noise, 16, 3, log_block, 2, log_block % 2 == 1, (2, 1 << log_block))
    yield "trellis-block-15", trellis_case(noise, 16, 3, 15, 1, False, (1, 1 << 15), symbols=b"\0")
    yield "trellis-ones", trellis_case(noise, 16, 7, 5, 2, False, (2, 32), symbols=b"\xff")
    yield "trellis-zero-rows", trellis_case(noise, 14, 8, 4, 1, True, (18, 64), zero_rows=(0, 3, 16))
    yield "trellis-rank-3", trellis_case(noise, 12, 6, 5, 1, False, (3, 11, 32))
    yield "trellis-rank-4", trellis_case(noise, 14, 9, 3, 2, True, (2, 1, 9, 40))
    yield "trellis-small-step", trellis_case(noise, 12, 4, 2, 2, False, (2, 32), step=2.0 ** -140)


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--cases":
        os.makedirs(arguments[1], exist_ok=True)
        for name, data in cases():
            with open(os.path.join(arguments[1], name + ".qamw"), "wb") as file:
                file.write(data)
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        with open(arguments[0], "wb") as file:
            file.write(example())
    else:
        print(__doc__, file=sys.stderr)
        return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
