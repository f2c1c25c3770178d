#!/usr/bin/env python3
"""Small .qamw files that a reader must refuse, and a few unusual ones that it must accept.

    python make_invalid.py DIR    writes them all

Each is the file of section 11 of qamw.md (with less room after its metadata) with one change. All checksums are valid
unless a checksum is the subject. `cases()` gives each file with its verdict. Files that make_example's writer cannot write
are made by `Image`, which takes its file apart and reassembles it. Requires Python 3.9, xxhash and zstandard.

The output is the same on every machine for a given version of libzstd, which the zstd frames depend on.
"""

import os
import struct
import sys

import make_example
import zstandard
from make_example import Writer, frames, header, xxh3

ACCEPT, WARNING, REJECT = "accept", "accept-with-warning", "reject"


def patched(data, offset, value):
    return data[:offset] + value + data[offset + len(value):]


def u64(value):
    return struct.pack("<Q", value)


class Section:
    """An entry of the section table and its section's bytes. Fields that are None are computed by Image.bytes."""

    def __init__(self, name, flags, data):
        self.name, self.flags, self.data, self.gap, self.extents = name, flags, data, 64, [(0, len(data))]
        self.content_length = self.length = self.offset = self.checksum = self.place = None
        self.unused, self.field = 0, name.encode()

    def hashes(self):
        return b"".join(u64(xxh3(self.data[offset:offset + length])) for offset, length in self.extents)


class Image:
    """A file taken apart; `bytes` reassembles it with valid checksums. Extents are below 1 MiB."""

    def __init__(self, data):
        self.alignment, self.tail, self.header, self.sections, self.hashes = 64, b"", {}, [], None
        for at in range(64, 64 + 64 * struct.unpack_from("<I", data, 24)[0], 64):
            name, flags, offset, length = struct.unpack_from("<16sI4xQQ", data, at)
            self.sections.append(Section(name.rstrip(b"\0").decode(), flags, data[offset:offset + length]))

    def __getitem__(self, name):
        return next(s for s in self.sections if s.name == name)

    def bytes(self):
        chunked = [s for s in self.sections if s.flags & 2 and s.name != "checksums"]
        for section in self.sections:
            if section.name == "checksums":
                section.data = b"".join(s.hashes() for s in chunked) if self.hashes is None else self.hashes
        begin = end = 64 + 64 * len(self.sections)
        body, table = b"", b""
        for index, s in enumerate(self.sections):
            to = self.alignment if s.flags & 2 else 64
            s.place = place = -(-end // to) * to
            body += bytes(place - end) + s.data
            length = len(s.data) if s.length is None else s.length
            content = length if s.content_length is None else s.content_length
            checksum = xxh3(s.hashes() if s in chunked else s.data) if s.checksum is None else s.checksum
            offset = place if s.offset is None else s.offset
            table += struct.pack("<16sI4xQQQQQ", s.field, s.flags, offset, length, content, checksum, s.unused)
            end = place + len(s.data) + s.gap
            body += bytes(s.gap) if index + 1 < len(self.sections) else b""
        body += self.tail
        head = header(self.alignment, begin + len(body), table, 64)[:56]
        for offset, value in self.header.items():
            head = patched(head, offset, value)
        return head + u64(xxh3(head)) + table + body


EXAMPLE = Image(make_example.example())
CODEBOOK = make_example.example_codebook()
SYMBOLS, GAIN, NORM, NOTE = (EXAMPLE[name].data for name in ("symbols", "scales", "raw", "files"))
STREAMS = [(1, 0, 44, SYMBOLS), (2, 0, 2, GAIN)]


def model(norm=None, proj=None, note=None, more=None, codebook=CODEBOOK, metadata=None, codebook_codec=1):
    """The example's model, written by make_example's writer with some arguments changed. Returns the file."""
    writer = Writer(metadata=[("general.name", 8, "example")], growth=0)
    writer.metadata = writer.metadata if metadata is None else metadata
    writer.codebooks, writer.seeds, writer.producer = [codebook], [42], b"make_invalid 1"
    writer.codebook_codec = codebook_codec
    writer.raw(**{**dict(name="norm", shape=(3,), dtype=14, data=NORM), **(norm or {})})
    writer.coded(**{**dict(name="proj", shape=(1, 64), source=18, codebook=0, seed=0, parameters=bytes([2, 8, 6, 1]),
                           streams=STREAMS), **(proj or {})})
    writer.file(**{**dict(name="note.txt", data=NOTE), **(note or {})})
    if more:
        more(writer)
    return writer.bytes()


def record(list_name, index, offset, value):
    """The model with bytes of one directory record replaced."""
    def change(writer):
        records = getattr(writer, list_name)
        records[index] = patched(records[index], offset, value)
    return model(more=change)


def image(change):
    """The model's file, taken apart, changed and reassembled."""
    result = Image(model())
    change(result)
    return result.bytes()


def vary(section, **values):
    for key, value in values.items():
        setattr(section, key, value)
    return section


def section(name, **values):
    return image(lambda i: vary(i[name], **values))


def insert(new, before="checksums"):
    return image(lambda i: i.sections.insert(i.sections.index(i[before]), new))


def without(name):
    return image(lambda i: i.sections.remove(i[name]))


def flipped(name):
    """One bit of a section's first byte changed, without updating any checksum."""
    taken = Image(model())
    data = taken.bytes()
    return patched(data, taken[name].place, bytes([data[taken[name].place] ^ 1]))


def packed(stored, length):
    """The model with a compressed tensor `t` of `length` bytes, stored as these bytes."""
    def add(writer):
        writer.record("t", 0, (length,), [(0, writer.extent("raw", stored), len(stored))], struct.pack("<BBH", 5, 1, 0))
    return model(more=add)


def windowed(log_window):
    """A zstd frame with one raw block and this window."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([log_window - 10 << 3]) + struct.pack("<I", 1 | 8 << 3)[:3] + b"content!"


def framed(*pieces):
    return b"".join(pieces) + b"".join(struct.pack("<I", len(p)) for p in pieces)


def header_cases():
    good = model()
    yield "signature-lf-to-crlf", good.replace(b"\n", b"\r\n"), "malformed", "header", "a text-mode transfer made LF into CR LF"
    yield "signature-crlf-to-lf", good.replace(b"\r\n", b"\n"), "malformed", "header", "a text-mode transfer made CR LF into LF"
    yield "signature-no-1a", good.replace(b"\x1a", b""), "malformed", "header", "a text-mode transfer dropped the byte 1A"
    yield "signature-cut-at-1a", good[:6], "truncated", "header", "a text-mode transfer ended the file at the byte 1A"
    yield "signature-seven-bits", bytes(b & 0x7F for b in good), "malformed", "header", "a transfer cleared bit 7 of every byte"
    yield "signature-latin-1", good.decode("latin-1").encode(), "malformed", "header", "a program took the bytes for Latin-1 text"
    yield "signature-other", b"GGUF" + good[4:], "malformed", "header", "another format's signature"
    yield "cut-empty", b"", "truncated", "header", "the file is empty"
    yield "cut-in-header", good[:63], "truncated", "header", "63 bytes are less than a header"
    yield "cut-in-table", good[:100], "truncated", "header", "the file is shorter than its header says"
    yield "cut-last-byte", good[:-1], "truncated", "header", "the last byte is missing"
    yield "byte-appended", good + b"\0", "malformed", "header", "the file is longer than its header says"
    yield "header-hash", patched(good, 12, b"\x80"), "checksumMismatch", "header", "a header byte and no hash changed"
    for name, offset, value, code, why in [
            ("version-major", 8, b"\1", "unsupported", "a newer major version"),
            ("version-minor-1", 10, b"\1", "unsupported", "version 0.1: each 0.x is a format of its own"),
            ("version-minor-2", 10, b"\2", "unsupported", "version 0.2: each 0.x is a format of its own"),
            ("version-minor-99", 10, b"\x63", "unsupported", "version 0.99"),
            ("alignment-0", 12, bytes(4), "malformed", "alignment 0"),
            ("alignment-96", 12, struct.pack("<I", 96), "malformed", "alignment no power of two"),
            ("length-huge", 16, u64((1 << 64) - 1), "malformed", "a file length of 2^63 or more"),
            ("sections-65", 24, struct.pack("<I", 65), "malformed", "more than 64 sections"),
            ("table-offset-0", 40, u64(0), "malformed", "a section table in the header"),
            ("table-offset-100", 40, u64(100), "malformed", "a table offset that is no multiple of 64"),
            ("table-offset-huge", 40, u64((1 << 64) - 64), "malformed", "a table offset of 2^63 or more"),
            ("features-required", 48, b"\1", "unsupported", "a required feature that nobody knows")]:
        yield name, image(lambda i: i.header.update({offset: value})), code, "header", why
    for name, offset, why in [("header-unused", 28, "unused header bytes are ignored"), ("features-optional", 52, "an optional feature that nobody knows")]:
        yield name, image(lambda i: i.header.update({offset: b"\1"})), ACCEPT, None, why


def table_cases():
    good, table = model(), "section table"
    yield "table-hash", patched(good, 90, b"\1"), "checksumMismatch", table, "a byte of the section table changed"
    beyond, unaligned = (image(lambda i: i.header.update(field)) for field in ({24: b"\x40"}, {12: b"\0\1"}))
    yield "table-beyond-end", beyond, "truncated", table, "64 sections need more bytes than there are"
    yield "table-far", image(lambda i: i.header.update({40: u64(1 << 40)})), "truncated", table, "a section table beyond the end of the file"
    yield "table-overlap", section("metadata", offset=128), "malformed", table, "a section that overlaps the table"
    yield "section-in-header", section("metadata", offset=0), "malformed", table, "a section that overlaps the header"
    yield "section-unaligned", unaligned, "malformed", table, "offsets that are no multiples of the alignment"
    yield "section-critical", insert(Section("tomorrow", 1, b"?")), "unsupported", "tomorrow", "an unknown critical section"
    yield "section-ancillary", insert(Section("x-note", 0, b"?")), WARNING, None, "an unknown ancillary section"
    yield "section-twice", insert(Section("seeds", 1, u64(0))), "malformed", table, "two sections of one name"
    taken = Image(good)
    taken.bytes()
    places = taken["metadata"].place, taken["directory"].place
    swap = lambda i: setattr(i["directory"], "offset", places[0]) or setattr(i["metadata"], "offset", places[1])
    yield "section-order", image(swap), "malformed", table, "entries not in the order of their sections"
    yield "section-overlap", section("directory", offset=places[0]), "malformed", table, "two sections share bytes"
    yield "section-beyond-end", section("checksums", length=96), "malformed", table, "a section ends beyond the file"
    yield "section-before-end", image(lambda i: setattr(i, "tail", bytes(64))), "malformed", table, "bytes follow the last section"
    yield "section-end-huge", section("checksums", offset=(1 << 63) - 64, length=128), "malformed", table, "offset + length is 2^63 or more"
    yield "section-content-length", section("seeds", content_length=25), "malformed", table, "a content length without zstd"
    yield "section-unused", section("seeds", unused=1), ACCEPT, None, "unused bytes of an entry are ignored"
    spare = lambda **values: insert(vary(Section("spare", 0, b"left over"), **values), "directory")
    yield "spare", spare(), ACCEPT, None, "bytes that an edit has put out of use"
    yield "spare-checksum", spare(checksum=1), WARNING, None, "an interrupted edit has written over bytes out of use"
    yield "spare-critical", spare(flags=1), "malformed", table, "spare is critical"
    yield "spare-behind", insert(Section("spare", 0, b"left over")), ACCEPT, None, "bytes out of use behind the room"
    yield "section-no-name", section("seeds", field=b""), "malformed", table, "a section without a name"
    yield "section-name-tail", section("seeds", field=b"seeds\0x"), "malformed", table, "bytes after a name's first zero"
    yield "flags-unknown", section("seeds", flags=9), "unsupported", "seeds", "an unknown flag that a reader must know"
    yield "flags-not-critical", section("seeds", flags=0), "malformed", table, "seeds is not critical"
    yield "flags-zstd", section("directory", flags=5), "malformed", table, "only metadata may be compressed"
    yield "flags-not-chunked", section("raw", flags=1), "malformed", table, "raw is not chunked"
    for name in ("metadata", "directory", "scales"):
        yield "missing-" + name, without(name), "malformed", name, "a section that must be there is missing"
    last = lambda i: i.sections.remove(i["checksums"]) or i.sections.append(i.sections.pop(3))
    yield "missing-checksums", image(last), "malformed", "checksums", "a section that must be there is missing"
    yield "missing-codebooks", without("codebooks"), "malformed", "directory", "a tensor refers to a codebook and there is none"
    yield "slack", section("raw", gap=0), "malformed", "raw", "58 bytes follow a payload section, fewer than 64"
    yield "slack-last", image(lambda i: i.sections.append(i.sections.pop(-2))), "malformed", "raw", "the last section is a payload section"
    yield "payload-long", section("symbols", data=SYMBOLS + b"\0"), "malformed", "symbols", "a section longer than its extents"


def checksum_cases():
    hashes, one = Image(model())["checksums"].data, b"\1"
    for name in [part.name for part in Image(model()).sections]:
        yield "damage-" + name, flipped(name), "checksumMismatch", name, "one bit of the section changed"
    yield "checksum-of-hashes", section("raw", checksum=1), "checksumMismatch", "raw", "a checksum that is not that of the chunks' hashes"
    yield "checksums-short", image(lambda i: setattr(i, "hashes", hashes[:-8])), "malformed", "checksums", "a chunk has no hash"
    yield "checksums-long", image(lambda i: setattr(i, "hashes", hashes + u64(0))), "malformed", "checksums", "a hash has no chunk"
    taken = Image(model())
    data, directory = taken.bytes(), taken["directory"]
    yield "padding-section", patched(data, directory.place + len(directory.data), one), "malformed", "directory", "padding after a section not zero"
    yield "padding-room", patched(data, taken["metadata"].place + len(taken["metadata"].data), one), WARNING, None, "an interrupted edit has written into the room"
    yield "padding-payload", patched(data, len(data) - 33, one), "malformed", "raw", "padding after a payload section not zero"
    two = Image(model(more=lambda w: w.raw("t", (1,), 5, b"t")))
    two["raw"].data, two["raw"].extents = patched(two["raw"].data, 63, one), [(0, 6), (64, 1)]
    yield "padding-extents", two.bytes(), "malformed", "raw", "padding between two extents not zero"


def metadata_cases():
    entry = lambda key, kind, value: u64(len(key)) + key + struct.pack("<IQ", kind, len(value)) + value
    array = lambda kind, count, values: struct.pack("<IQ", kind, count) + values
    for name, content, why in [
            ("key-twice", u64(2) + entry(b"k", 0, b"\0") * 2, "a key twice"),
            ("key-nul", u64(1) + entry(b"k\0", 0, b"\0"), "a key with a zero byte"),
            ("key-not-utf8", u64(1) + entry(b"\xc0\x80", 0, b"\0"), "a key that is not UTF-8 (overlong)"),
            ("count", u64(1 << 62), "2^62 entries in 8 bytes"),
            ("value-long", u64(1) + entry(b"k", 0, b"\0\0"), "a value that is longer than its type"),
            ("value-short", u64(1) + entry(b"k", 4, b"\0\0"), "a value that is shorter than its type"),
            ("value-length", u64(1) + u64(1) + b"k" + struct.pack("<IQ", 13, (1 << 64) - 1), "a value of 2^64 - 1 bytes"),
            ("truth-2", u64(1) + entry(b"k", 7, b"\2"), "a truth value that is neither 0 nor 1"),
            ("text-not-utf8", u64(1) + entry(b"k", 8, u64(3) + b"\xed\xa0\x80"), "a string that is not UTF-8 (a surrogate)"),
            ("text-length", u64(1) + entry(b"k", 8, u64((1 << 64) - 1)), "a string of 2^64 - 1 bytes"),
            ("array-count", u64(1) + entry(b"k", 9, array(4, 1 << 61, bytes(8))), "an array of 2^61 numbers in 8 bytes"),
            ("tail", u64(0) + b"\0", "a byte after the last entry")]:
        yield "metadata-" + name, model(metadata=content), "malformed", "metadata", why
    plain = u64(1) + entry(b"k", 8, u64(200) + bytes(range(100)) * 2)
    for name, stored, length, why in [
            ("bomb", frames(bytes(1 << 20)), 1 << 20, "metadata that expand more than 64 times"),
            ("frame-length", frames(plain)[:-4] + struct.pack("<I", 1), len(plain), "a frame's length that does not add up"),
            ("frame-content", frames(plain), len(plain) + 1, "a frame that holds fewer bytes")]:
        data = section("metadata", flags=5, data=stored, content_length=length)
        yield "metadata-" + name, data, "malformed", "metadata", why


def zstd_cases():
    plain = bytes(i * i // 7 & 0xFF for i in range(200)) * 2
    pack = lambda data: zstandard.ZstdCompressor().compress(data)
    whole, skippable = pack(plain), struct.pack("<II", 0x184D2A50, 4) + b"skip"
    blocks = b"\x28\xb5\x2f\xfd\x20\x08" + bytes(3) * 200 + struct.pack("<I", 1 | 8 << 3)[:3] + b"content!"
    for name, stored, length, why in [
            ("several", framed(pack(plain[:200]) + pack(plain[200:])), 400, "two frames where one belongs"),
            ("skippable", framed(skippable + whole), 400, "a skippable frame before the frame"),
            ("tail", framed(whole + b"\0"), 400, "a byte after the frame"),
            ("lengths", whole + b"\0" + struct.pack("<I", len(whole)), 400, "lengths that do not add up"),
            ("long", framed(blocks), 8, "a frame longer than its content can need"),
            ("window", framed(windowed(24)), 8, "a window of 16 MiB"),
            ("long-content", framed(pack(plain + b"\0")), 400, "a frame with a byte too many"),
            ("not-sound", framed(whole[:-20] + bytes(20)), 400, "a frame that is not sound")]:
        yield "zstd-" + name, packed(stored, length), "malformed", "raw", why
    for name, stored, length, why in [
            ("no-room", whole, 1 << 50, "more frames than the stored bytes hold"),
            ("no-table", b"\1\2\3", 1, "stored bytes that have no room for a table"),
            ("ratio", bytes(4096), 1 << 27 | 1 << 15, "more content than blocks of zstd can hold in the stored bytes"),
            ("empty", whole, 0, "stored bytes of a tensor without elements")]:
        yield "zstd-" + name, packed(stored, length), "malformed", "directory", why
    nothing = model(more=lambda w: w.files.append(patched(w.files.pop(), 16, b"\1\0\0\0" + u64(0))))
    yield "zstd-file-empty", nothing, "malformed", "directory", "stored bytes of a file without content"
    yield "zstd-window-largest", packed(framed(windowed(23)), 8), ACCEPT, None, "a window of 8 MiB"
    bomb = dict(data=bytes(1 << 20), compress=True)
    yield "zstd-file-bomb", model(note=bomb), "malformed", "directory", "a file that expands more than 64 times"


def directory_cases():
    count = lambda offset, value: section("directory", data=patched(Image(model())["directory"].data, offset, u64(value)))
    tensor, norm, proj, file = lambda f: model(more=f), 0, 1, 0
    twice = lambda w: w.record("t", 0, (6,), [(0, 0, 6)], struct.pack("<BBH", 5, 0, 0))
    wraps = [(1, 0, 1 << 14, b""), (2, 0, 1 << 14, b"")]
    for name, data, why in [
            ("tensors", count(0, 1 << 62), "2^62 tensors"), ("files", count(8, 2), "two files where there is one record"),
            ("tail", count(8, 0), "bytes after the last record"), ("cut", section("directory", data=u64(0)), "no count of files"),
            ("name-twice", model(proj=dict(name="norm")), "two tensors of one name"),
            ("name-nul", model(norm=dict(name="no\0m")), "a zero byte in a name"),
            ("name-not-utf8", record("tensors", norm, 4, b"\xff"), "a name that is not UTF-8"),
            ("name-length", record("tensors", norm, 0, b"\xff\xff\xff\xff"), "a name of 2^32 - 1 bytes"),
            ("record-short", record("tensors", norm, NORM_FIELDS["record"], b"\x27"), "a tensor's record that is shorter than its fields"),
            ("record-long", record("tensors", norm, NORM_FIELDS["record"], b"\xff\xff\xff\xff"), "a tensor's record of 2^32 - 1 bytes"),
            ("file-record-short", record("files", file, NOTE_FIELDS["record"], b"\x1b"), "a file's record that is shorter than its fields"),
            ("extents-none", record("tensors", norm, NORM_FIELDS["extents"], b"\0"), "a raw tensor without an extent"),
            ("extents-many", record("tensors", norm, NORM_FIELDS["extents"], b"\xff"), "255 extents in a short record"),
            ("extent-section", record("tensors", norm, NORM_FIELDS["section"], b"\3"), "an extent in no section"),
            ("extent-elsewhere", record("tensors", proj, PROJ_FIELDS["section"], b"\2"), "symbols in the section scales"),
            ("extent-huge", record("tensors", proj, PROJ_FIELDS["length"], u64(1 << 63)), "an extent of 2^63 bytes"),
            ("dimension", record("tensors", norm, NORM_FIELDS["shape"], u64(1 << 63)), "a dimension of 2^63"),
            ("shape", model(norm=dict(shape=(1 << 32, 0, 1 << 31))), "the dimensions that are not zero make 2^63"),
            ("bytes", model(norm=dict(shape=(1 << 61,), dtype=20)), "the elements make 2^64 bytes"),
            ("block", model(norm=dict(dtype=2)), "3 elements of F4, which has 2 a block"),
            ("offset", record("tensors", norm, NORM_FIELDS["offset"], u64(64)), "an extent that begins where none belongs"),
            ("offset-overlap", tensor(twice), "two tensors share an extent"),
            ("length", record("tensors", norm, NORM_FIELDS["length"], u64(5)), "a length that is not the shape's"),
            ("alias-beyond", tensor(lambda w: w.alias("t", (3,), 3)), "an alias of no tensor"),
            ("alias-of-alias", tensor(lambda w: w.alias("t", (3,), 3) or w.alias("u", (3,), 0)), "an alias of an alias"),
            ("alias-shape", tensor(lambda w: w.alias("t", (1, 3), 0)), "an alias of another shape"),
            ("codebook", model(proj=dict(codebook=1)), "a codebook that is not there"),
            ("seed", model(proj=dict(seed=1)), "a seed that is not there"),
            ("coded-scalar", model(proj=dict(shape=())), "a coded tensor without dimensions"),
            ("stream-overflow", model(proj=dict(shape=(1 << 50, 64), streams=wraps)), "rows times bytes a row is 2^64"),
            ("file-content", record("files", file, NOTE_FIELDS["content"], u64(7)), "a content length that is not the stored one"),
            ("file-twice", tensor(lambda w: w.file("note.txt", b"")), "two files of one name")] + [
            (f"file-name-{label}", model(note=dict(name=value)), f"an embedded file named {value[:9]!r}") for label, value in [
                ("up", "../x"), ("slash", "/a"), ("inner-up", "a/../b"), ("inner-none", "a//b"), ("folder", "a/"), ("none", ""), ("backslash", "a\\b"), ("long", "x" * 256)]]:
        yield "directory-" + name, data, "malformed", "directory", why
    unknown = lambda w, shape, *streams: w.coded(
        name=f"t{len(w.tensors)}", shape=shape, source=18, codebook=0xFFFF, seed=0xFFFF, parameters=b"", streams=list(streams), codec=77)
    nothing = lambda w: w.raw("t", (0, 1 << 55), 5, b"") or w.raw("u", (1 << 55, 0), 5, b"")
    aliases = lambda w: unknown(w, (1 << 54, 1)) or [w.alias(f"a{i}", (1 << 54, 1), 2) for i in range(4)] and None
    for name, data, why in [
            ("total-elements", tensor(lambda w: unknown(w, (1 << 40, 1 << 17))), "2^57 elements of a codec that is not known"),
            ("total-rows", tensor(lambda w: unknown(w, (1 << 62, 0), (1, 0, 0, b""))), "2^62 rows without columns"),
            ("total-dimensions", tensor(nothing), "two tensors without elements whose other dimensions make 2^56"),
            ("total-aliases", tensor(aliases), "aliases of a tensor of 2^54 elements")]:
        yield "directory-" + name, data, "limitExceeded", "directory", why
    yield "ggml-types", model(more=ggml_types), ACCEPT, None, "one block of each dtype of ggml"


def ggml_types(writer):
    sizes = {32: {66: 18, 67: 20, 70: 22, 71: 24, 72: 34, 73: 36, 84: 18, 103: 17}, 64: {104: 36, 106: 18}, 128: {105: 18},
             256: {74: 84, 75: 110, 76: 144, 77: 176, 78: 210, 79: 292, 80: 66, 81: 74, 82: 98, 83: 50, 85: 110, 86: 82, 87: 136,
                   93: 56, 98: 54, 99: 66}}
    for elements, types in sizes.items():
        for dtype, size in types.items():
            writer.raw(f"t{dtype}", (elements,), dtype, make_example.Noise(dtype).bytes(size))


def codec_cases():
    shared = Image(model())
    books, seeds = shared["codebooks"].data, shared["seeds"].data
    for name, data, place, why in [
            ("codebooks-count", patched(books, 0, u64(65535)), "codebooks", "more than 65,534 codebooks"),
            ("codebooks-length", patched(books, 12, b"\xff\xff\xff\xff"), "codebooks", "a codebook longer than its section"),
            ("codebooks-tail", books + bytes(8), "codebooks", "bytes after the last codebook"),
            ("seeds-count", patched(seeds, 0, u64(2)), "seeds", "two seeds in 8 bytes"),
            ("seeds-record", patched(seeds, 8, b"\7"), "seeds", "seeds of 7 bytes"),
            ("producer-empty", b"", "producer", "a producer without a name"),
            ("producer-long", b"x" * 256, "producer", "a producer of 256 bytes"),
            ("producer-nul", b"a\0b", "producer", "a zero byte in the producer"),
            ("seeds-huge", patched(seeds, 0, u64(1 << 61)), "seeds", "2^61 seeds, whose bytes overflow to none")]:
        yield name, section(place, data=data), "malformed", place, why
    yield "content-flags", insert(Section("content", 1, struct.pack("<IIQ", 1, 1 << 20, 0))), "malformed", "section table", "a section `content` that is critical"
    damaged = vary(Section("content", 0, struct.pack("<IIQ", 1, 1 << 20, 0)), checksum=0)
    yield "content-checksum", insert(damaged), "checksumMismatch", "content", "a damaged section `content`"
    scaled = lambda scale: dict(streams=STREAMS + [(3, 1, 128, struct.pack("<H", scale) * 64)])
    codec = lambda *parameters: model(proj=dict(parameters=bytes(parameters)))
    for name, data, why in [
            ("parameters-3", codec(2, 8, 6), "3 bytes of parameters"),
            ("rate", codec(2, 11, 6, 1), "stride 11"), ("block-16", codec(2, 8, 16, 1), "k = 16"),
            ("block", codec(2, 8, 7, 1), "a block of 128 for 64 columns"), ("other-rate", codec(2, 9, 6, 1), "a codebook of another rate"),
            ("other-family", codec(1, 8, 6, 1), "a codebook of another family"),
            ("no-codebook", model(proj=dict(codebook=0xFFFF)), "no codebook"), ("no-seed", model(proj=dict(seed=0xFFFF)), "no seed"),
            ("rank-1", model(proj=dict(shape=(64,))), "one dimension"),
            ("no-rows", model(proj=dict(shape=(0, 64), streams=[(1, 0, 44, b""), (2, 0, 2, b"")])), "a dimension of zero"),
            ("no-gains", model(proj=dict(streams=STREAMS[:1])), "no stream of gains"),
            ("order", model(proj=dict(streams=STREAMS[::-1])), "streams in another order"),
            ("symbols-short", model(proj=dict(streams=[(1, 0, 43, SYMBOLS[:43]), STREAMS[1]])), "a row of symbols with a byte too few"),
            ("gains-wide", model(proj=dict(streams=[STREAMS[0], (2, 0, 4, GAIN * 2)])), "float32 gains under gain type 1"),
            ("stream-4", model(proj=dict(streams=STREAMS + [(4, 1, 1, b"?")])), "a stream that the codec does not have"),
            ("gain-negative", model(proj=dict(streams=[STREAMS[0], (2, 0, 2, b"\0\x80")])), "a gain of -0"),
            ("gain-nan", model(proj=dict(streams=[STREAMS[0], (2, 0, 2, b"\0\x7e")])), "a gain that is NaN"),
            ("scale-subnormal", model(proj=scaled(0x03FF)), "a subnormal channel scale"),
            ("book-codec", section("codebooks", data=patched(books, 8, b"\2")), "a codebook of another codec"),
            ("book-reserved", model(codebook=patched(CODEBOOK, 3, b"\1")), "a reserved byte of a codebook"),
            ("book-step", model(codebook=patched(CODEBOOK, 4, bytes(4))), "a step of 0"),
            ("book-point", model(codebook=patched(CODEBOOK, 8, b"\0\1")), "a base point with a < b")]:
        yield "codec-" + name, data, "malformed", None, why
    for name, data, why in [
            ("unknown", model(proj=dict(codec=32767)), "codec"), ("family", codec(3, 8, 6, 1), "family"),
            ("gain-type", codec(2, 8, 6, 3), "gain type"),
            ("book-family", model(codebook=patched(CODEBOOK, 0, b"\3")), "family of a codebook")]:
        yield "codec-" + name, data, WARNING, None, f"an unknown {why}: only its tensor cannot be decoded"


POLAR_BOOK = make_example.polar_codebook(6, [0.5, 1, 1.5], [(1, 0), (0, 1), (-1, 0), (0, -1)])


def polar_cases():
    symbols = make_example.Noise(2).bytes(24)
    streams = [(1, 0, 24, symbols), (2, 0, 2, GAIN)]

    def polar(parameters=(6, 0, 6, 1), codebook=POLAR_BOOK, codebook_codec=2, **proj):
        proj = {**dict(codec=2, parameters=bytes(parameters), streams=streams), **proj}
        return model(proj=proj, codebook=codebook, codebook_codec=codebook_codec)
    book = lambda offset, value: polar(codebook=patched(POLAR_BOOK, offset, value))
    number = lambda offset, value: book(offset, struct.pack("<f", value))
    for name, data, why in [
            ("parameters-5", polar((6, 0, 6, 1, 0)), "5 bytes of parameters"), ("rate-3", polar((3, 0, 6, 1)), "3 bits"),
            ("rate-14", polar((14, 0, 6, 1)), "14 bits"), ("reserved", polar((6, 1, 6, 1)), "a reserved parameter"),
            ("block-0", polar((6, 0, 0, 1)), "k = 0"), ("block", polar((6, 0, 7, 1)), "a block of 128 for 64 columns"),
            ("other-rate", polar((5, 0, 6, 1), streams=[(1, 0, 20, symbols[:20]), streams[1]]), "a codebook of another rate"),
            ("no-codebook", polar(codebook=CODEBOOK, codebook_codec=1), "a codebook of codec 1"),
            ("codebook-none", model(proj=dict(codec=2, parameters=bytes([6, 0, 6, 1]), streams=streams, codebook=0xFFFF)), "no codebook"),
            ("seed-none", polar(seed=0xFFFF), "no seed"), ("rank-1", polar(shape=(64,)), "one dimension"),
            ("symbols-short", polar(streams=[(1, 0, 23, symbols[:23]), streams[1]]), "a row of symbols with a byte too few"),
            ("no-gains", polar(streams=streams[:1]), "no stream of gains"),
            ("gain-negative", polar(streams=[streams[0], (2, 0, 2, b"\0\x80")]), "a gain of -0"),
            ("scale-zero", polar(streams=streams + [(3, 1, 128, bytes(128))]), "channel scales of 0"),
            ("book-short", polar(codebook=POLAR_BOOK[:-1]), "a codebook with a byte too few"),
            ("book-header", polar(codebook=POLAR_BOOK[:7]), "a codebook shorter than its header"),
            ("book-reserved", book(1, b"\1"), "a reserved byte of a codebook"), ("book-reserved-2", book(6, b"\1"), "reserved bytes of a codebook"),
            ("book-rate", book(0, b"\3"), "a codebook of 3 bits"), ("book-no-amplitudes", book(2, bytes(2)), "no amplitudes"),
            ("book-no-phases", book(4, bytes(2)), "no phases"),
            ("book-many", polar(codebook=make_example.polar_codebook(6, [0.5, 1, 1.5], [(1, 0)] * 22)), "66 codewords for 6 bits"),
            ("book-huge", book(2, b"\xff\xff\xff\xff"), "65,535 amplitudes and phases"),
            ("book-zero", number(8, 0), "an amplitude of 0"), ("book-negative", number(8, -0.5), "a negative amplitude"),
            ("book-order", number(12, 0.5), "an amplitude twice"), ("book-infinite", number(16, float("inf")), "an infinite amplitude"),
            ("book-nan", number(12, float("nan")), "an amplitude that is NaN"),
            ("book-direction", number(20, float("nan")), "a direction that is NaN")]:
        yield "polar-" + name, data, "malformed", None, why
    yield "polar-gain-type", polar((6, 0, 6, 3)), WARNING, None, "an unknown gain type: only its tensor cannot be decoded"
    yield "polar-book-long", polar(codebook=POLAR_BOOK + b"later version"), ACCEPT, None, "a longer codebook of codec 2"


def integer_cases():
    symbols = make_example.Noise(3).bytes(64)
    streams = [(1, 0, 64, symbols), (2, 0, 2, GAIN)]

    def integers(*parameters, **proj):
        return model(proj={**dict(codec=3, codebook=0xFFFF, seed=0xFFFF, parameters=bytes(parameters or (8, 0, 0, 1)), streams=streams), **proj})
    for name, data, why in [
            ("parameters-3", integers(8, 0, 0), "3 bytes of parameters"), ("reserved", integers(8, 1, 0, 1), "a reserved parameter"),
            ("reserved-2", integers(8, 0, 1, 1), "a reserved parameter"), ("codebook", integers(codebook=0), "a codebook"),
            ("seed", integers(seed=0), "a seed"), ("rank-1", integers(shape=(64,)), "one dimension"),
            ("no-rows", integers(shape=(0, 64), streams=[(1, 0, 64, b""), (2, 0, 2, b"")]), "a dimension of zero"),
            ("symbols-short", integers(streams=[(1, 0, 63, symbols[:63]), streams[1]]), "a row of symbols with a byte too few"),
            ("gains-wide", integers(streams=[streams[0], (2, 0, 4, GAIN * 2)]), "float32 gains under gain type 1"),
            ("order", integers(streams=streams[::-1]), "streams in another order"),
            ("gain-infinite", integers(streams=[streams[0], (2, 0, 2, b"\0\x7c")]), "an infinite gain"),
            ("scale-negative", integers(streams=streams + [(3, 1, 128, b"\0\xbc" * 64)]), "negative channel scales")]:
        yield "int8-" + name, data, "malformed", None, why
    for name, data, why in [("bits", integers(4, 0, 0, 1), "number of bits"), ("gain-type", integers(8, 0, 0, 0), "gain type")]:
        yield "int8-" + name, data, WARNING, None, f"an unknown {why}: only its tensor cannot be decoded"


def trellis_cases():
    symbols = make_example.Noise(4).bytes(384)
    gains = (2, 0, 2, GAIN)
    group = lambda kind, size, data, *log_rows: [(1, kind, size, data, *log_rows), gains]

    def trellis(window=12, rate=6, k=6, gain_type=1, step=0.0078125, **proj):
        parameters = struct.pack("<BBBBf", window, rate, k, gain_type, step)
        return model(proj={**dict(codec=4, codebook=0xFFFF, parameters=parameters, streams=group(2, 384, symbols, 4)), **proj})
    rate = lambda window, value: trellis(window, value, streams=group(2, 64 * value, make_example.Noise(value).bytes(64 * value), 4))
    for name, data, why in [
            ("parameters-7", trellis(parameters=bytes([12, 6, 6, 1, 0, 0, 0])), "7 bytes of parameters"),
            ("parameters-9", trellis(parameters=struct.pack("<BBBBfB", 12, 6, 6, 1, 0.5, 0)), "9 bytes of parameters"),
            ("rate-2", rate(12, 2), "2 bits of two weights"), ("rate-14", rate(14, 14), "14 bits of two weights"),
            ("rate-window", rate(12, 13), "13 bits of two weights and a window of 12"),
            ("block-0", trellis(k=0), "k = 0"), ("block-16", trellis(k=16), "k = 16"), ("block", trellis(k=7), "a block of 128 for 64 columns"),
            ("step-zero", trellis(step=0), "a step of 0"), ("step-negative", trellis(step=-0.5), "a negative step"),
            ("step-infinite", trellis(step=float("inf")), "an infinite step"), ("step-nan", trellis(step=float("nan")), "a step that is NaN"),
            ("codebook", trellis(codebook=0), "a codebook"), ("seed-none", trellis(seed=0xFFFF), "no seed"),
            ("rank-1", trellis(shape=(64,)), "one dimension"),
            ("no-rows", trellis(shape=(0, 64), streams=[(1, 2, 384, b"", 4), (2, 0, 2, b"")]), "a dimension of zero"),
            ("no-columns", trellis(shape=(1, 0), streams=group(2, 0, b"", 4)), "a dimension of zero"),
            ("stream-kind-0", trellis(streams=group(0, 384, symbols)), "symbols of each row"),
            ("stream-kind-1", trellis(streams=group(1, 384, symbols)), "symbols in total"),
            ("group-3", trellis(streams=group(2, 384, symbols, 3)), "groups of 8 rows"),
            ("group-5", trellis(streams=group(2, 384, symbols, 5)), "groups of 32 rows"),
            ("symbols-short", trellis(streams=group(2, 383, symbols[:383], 4)), "a group of symbols with a byte too few"),
            ("no-gains", trellis(streams=group(2, 384, symbols, 4)[:1]), "no stream of gains"),
            ("gains-group", trellis(streams=[(1, 2, 384, symbols, 4), (2, 2, 2, GAIN, 4)]), "gains of groups of rows"),
            ("gains-wide", trellis(streams=[(1, 2, 384, symbols, 4), (2, 0, 4, GAIN * 2)]), "float32 gains under gain type 1"),
            ("order", trellis(streams=group(2, 384, symbols, 4)[::-1]), "streams in another order"),
            ("gain-negative", trellis(streams=[(1, 2, 384, symbols, 4), (2, 0, 2, b"\0\x80")]), "a gain of -0"),
            ("gain-infinite", trellis(streams=[(1, 2, 384, symbols, 4), (2, 0, 2, b"\0\x7c")]), "an infinite gain"),
            ("scale-zero", trellis(streams=group(2, 384, symbols, 4) + [(3, 1, 128, bytes(128))]), "channel scales of 0")]:
        yield "trellis-" + name, data, "malformed", None, why
    two = lambda data: trellis(shape=(17, 64), streams=[(1, 2, 384, data, 4), (2, 0, 2, GAIN * 17)])
    wraps = trellis(shape=(1 << 50, 64), streams=[(1, 2, 1 << 18, b"", 4), (2, 0, 1 << 14, b"")])
    for name, data, why in [
            ("group-missing", two(symbols), "17 rows in one group of 16"), ("group-cut", two((symbols * 2)[:-1]), "a last group that is a byte short"),
            ("group-many", two(symbols * 17), "17 rows in 17 groups of 16"), ("group-overflow", wraps, "groups times bytes a group is 2^64")]:
        yield "trellis-" + name, data, "malformed", "directory", why
    for name, data, why in [
            ("window-13", trellis(13), "window"), ("window-0", trellis(0), "window"), ("gain-type-0", trellis(gain_type=0), "gain type"),
            ("gain-type-3", trellis(gain_type=3), "gain type")]:
        yield "trellis-" + name, data, WARNING, None, f"an unknown {why}: only its tensor cannot be decoded"
    full = two(symbols * 2)
    yield "trellis-good", full, ACCEPT, None, "17 rows in two groups"


def future_cases():
    """Content that a later version may write: a current reader loses only what depends on it."""
    def longer(list_name, index, name_length):
        def change(writer):
            records = getattr(writer, list_name)
            at = 4 + name_length
            length = struct.unpack_from("<I", records[index], at)[0]
            records[index] = patched(records[index], at, struct.pack("<I", length + 5)) + b"later"
        return model(more=change)
    unused = lambda list_name, index, *offsets: model(more=lambda w: [
        getattr(w, list_name).__setitem__(index, patched(getattr(w, list_name)[index], at, b"\1")) for at in offsets])
    entry = lambda kind, value: u64(1) + u64(1) + b"k" + struct.pack("<IQ", kind, len(value)) + value + b""
    note, first = "an unknown ancillary section", Image(model())
    seeds = struct.pack("<QIIQQ", 1, 16, 0, 42, 7)
    for name, data, verdict, why in [
            ("kind", record("tensors", 0, NORM_FIELDS["kind"], b"\3"), WARNING, "a tensor of an unknown kind"),
            ("kind-extents", model(more=lambda w: w.record("t", 9, (2, 3), [(1, w.extent("symbols", b"sym"), 3), (0, w.extent("raw", b"raw"), 3)], b"?")),
             WARNING, "a tensor of an unknown kind with two extents"),
            ("kind-alias", model(more=lambda w: (w.record("t", 9, (2,), [], b""), w.alias("u", (2,), 2))), WARNING, "an alias of a tensor of an unknown kind"),
            ("dtype", model(norm=dict(dtype=23)), WARNING, "a tensor of an unknown dtype"),
            ("source", model(proj=dict(source=23)), ACCEPT, "an unknown source dtype"),
            ("source-none", model(proj=dict(source=0)), ACCEPT, "a source dtype that is not known"),
            ("compression", record("tensors", 0, NORM_FIELDS["compression"], b"\2"), WARNING, "a tensor of an unknown compression"),
            ("stream-kind", record("tensors", 1, PROJ_FIELDS["stream"] + 1, b"\3"), WARNING, "a stream of an unknown kind"),
            ("stream-group-0", record("tensors", 1, PROJ_FIELDS["stream"] + 1, b"\2\0"), WARNING, "a stream whose groups have 2^0 rows"),
            ("stream-group-16", record("tensors", 1, PROJ_FIELDS["stream"] + 1, b"\2\x10"), WARNING, "a stream whose groups have 2^16 rows"),
            ("codec-groups", model(proj=dict(shape=(5, 8), codec=77, streams=[(1, 2, 8, SYMBOLS[:24], 1), (9, 2, 5, b"other", 15)])), WARNING,
             "an unknown codec whose streams have groups of rows"),
            ("codec", model(proj=dict(codec=77, parameters=b"any", streams=[(1, 0, 44, SYMBOLS), (9, 1, 5, b"other")])), WARNING, "an unknown codec"),
            ("file-compression", record("files", 0, NOTE_FIELDS["compression"], b"\2"), WARNING, "a file of an unknown compression"),
            ("file-role", model(note=dict(role=200)), ACCEPT, "a file of an unknown role"),
            ("metadata-type", model(metadata=entry(13, b"what?")), WARNING, "metadata of an unknown type"),
            ("metadata-array", model(metadata=entry(9, struct.pack("<IQ", 13, 2) + b"??")), WARNING, "an array of an unknown type"),
            ("metadata-nested", model(metadata=entry(9, struct.pack("<IQ", 9, 0))), WARNING, "an array of arrays"),
            ("record-raw", longer("tensors", 0, 4), ACCEPT, "a longer record of a raw tensor"),
            ("record-coded", longer("tensors", 1, 4), ACCEPT, "a longer record of a coded tensor"),
            ("record-file", longer("files", 0, 8), ACCEPT, "a longer record of a file"),
            ("record-codebook", model(codebook=CODEBOOK + b"later version"), ACCEPT, "a longer codebook"),
            ("record-seed", section("seeds", data=seeds), ACCEPT, "longer records of seeds"),
            ("unused-tensor", unused("tensors", 0, 15, 25, 31, 51), ACCEPT, "unused bytes of a tensor's record"),
            ("unused-stream", unused("tensors", 1, PROJ_FIELDS["stream"] + 2), ACCEPT, "unused bytes of a stream"),
            ("unused-file", unused("files", 0, 19), ACCEPT, "unused bytes of a file's record"),
            ("unused-codebook", section("codebooks", data=patched(first["codebooks"].data, 10, b"\1")), ACCEPT, "unused bytes of a codebook's record"),
            ("unused-seeds", section("seeds", data=patched(first["seeds"].data, 12, b"\1")), ACCEPT, "unused bytes of seeds"),
            ("flags-ignorable", section("seeds", flags=1 | 1 << 16), ACCEPT, "a flag that may be ignored"),
            ("section-flags", insert(Section("x-note", 1 << 3 | 1 << 31, b"?")), WARNING, note + " with unknown flags"),
            ("section-chunked", insert(Section("x-note", 2, b"a large section" * 1000)), WARNING, note + " that is chunked"),
            ("section-chunked-zstd", insert(Section("x-note", 6, frames(b"?"))), WARNING, note + " that is chunked and compressed")]:
        yield "future-" + name, data, verdict, None, why
    damaged = Image(model())
    damaged.sections.insert(damaged.sections.index(damaged["checksums"]), Section("x-note", 2, b"a large section" * 1000))
    data = damaged.bytes()
    yield "future-damage-chunked", patched(data, damaged["x-note"].place + 9000, b"\0"), "checksumMismatch", "x-note", "damage in a chunked section that is unknown"
    damaged = record("tensors", 0, NORM_FIELDS["kind"], b"\3")
    at = damaged.rindex(NORM)
    yield "future-damage-kind", patched(damaged, at, b"\1"), "checksumMismatch", "raw", "damage in a tensor of an unknown kind"


# Offsets of the fields in the records of `norm`, `proj` and `note.txt`.
NORM_FIELDS = dict(record=8, kind=12, extents=14, shape=16, section=24, offset=32, length=40, dtype=48, compression=49)
PROJ_FIELDS = dict(record=8, section=32, offset=40, length=48, codec=80, stream=92)
NOTE_FIELDS = dict(record=12, compression=16, role=17, content=20)


def cases():
    """(name, bytes, verdict, code or None, section or None, why). No section: the error names a tensor instead."""
    for group in (header_cases, table_cases, checksum_cases, metadata_cases, zstd_cases, directory_cases, codec_cases, polar_cases, integer_cases,
                  trellis_cases, future_cases):
        for name, data, code, place, why in group():
            rejected = code not in (ACCEPT, WARNING)
            yield name, data, REJECT if rejected else code, code if rejected else None, place, why


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 64
    os.makedirs(arguments[0], exist_ok=True)
    for name, data, *_ in cases():
        with open(os.path.join(arguments[0], name + ".qamw"), "wb") as file:
            file.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
