#!/usr/bin/env python3
"""Reference decoder of .qamw, version 0.3.

It follows the document qamw.md section by section; the numbers in the headings below are that document's.
It is optimised for reading, not for speed. It needs Python 3.9, numpy, zstandard and xxhash.

    python qamw_reference.py FILE                        list the content, verify every checksum and all padding
    python qamw_reference.py FILE --tensor NAME -o X.npy one tensor: float32 of a coded one, bytes (uint8) of a raw one
    python qamw_reference.py FILE --all OUT.npz          all tensors in the same way
    python qamw_reference.py FILE --file NAME -o OUT     one embedded file

The first file of a set stands for the whole set.

Exit status: 0 success, 65 the file is damaged or unsupported, 66 it cannot be read or has no such tensor.
"""

import argparse
import hashlib
import mmap
import os
import re
import struct
import sys
import zipfile
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import xxhash
import zstandard


# 1. Conventions ---------------------------------------------------------------------------------------------

class Damaged(Exception):
    """The bytes violate the format."""


class Unsupported(Exception):
    """The bytes are well-formed, but this version cannot read them: the file, or only a tensor, a file or a metadata entry."""


class TooLarge(Unsupported):
    """The bytes may be valid, but claim more than a reader should accept from an untrusted file (10)."""


def require(condition: bool, cause: str) -> None:
    if not condition:
        raise Damaged(cause)


def align_up(value: int, to: int) -> int:
    return (value + to - 1) // to * to


def xxh3(data) -> int:
    return xxhash.xxh3_64_intdigest(data)


class Cursor:
    """Reads consecutive little-endian fields, never beyond the end."""

    def __init__(self, data, what: str):
        self.data, self.what, self.at = data, what, 0

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int):
        require(0 <= count <= self.left(), f"{self.what}: {count} bytes are needed at {self.at}, {self.left()} are left")
        self.at += count
        return self.data[self.at - count:self.at]

    def uint(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def count(self) -> int:
        """A u64 that must be below 2^63."""
        value = self.uint(8)
        require(value < 1 << 63, f"{self.what}: the value {value} is out of range")
        return value

    def reserved(self, count: int) -> None:
        require(not any(self.take(count)), f"{self.what}: reserved bytes before {self.at} are not zero")

    def text(self, count: int, nul: bool = False) -> str:
        raw = bytes(self.take(count))
        require(nul or 0 not in raw, f"{self.what}: a text holds a NUL")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Damaged(f"{self.what}: a text is not UTF-8") from None

    def end(self) -> None:
        require(self.left() == 0, f"{self.what}: {self.left()} bytes follow the last record")


# 3. File header ---------------------------------------------------------------------------------------------

SIGNATURE = b"\x89QAM\r\n\x1a\n"
HEADER_BYTES, ENTRY_BYTES = 64, 64


class Header(NamedTuple):
    version: Tuple[int, int]
    alignment: int
    file_length: int
    section_count: int
    table_hash: int
    table_offset: int

    @property
    def table_end(self) -> int:
        return self.table_offset + ENTRY_BYTES * self.section_count


def read_header(data) -> Header:
    require(len(data) >= HEADER_BYTES, f"the file has {len(data)} bytes, less than a header")
    cursor = Cursor(data[:HEADER_BYTES], "header")
    require(bytes(cursor.take(8)) == SIGNATURE, "header: the signature is wrong")
    major, minor = cursor.uint(2), cursor.uint(2)
    if (major, minor) != (0, 3):
        raise Unsupported(f"format version {major}.{minor}; this program reads 0.3")
    require(xxh3(data[:56]) == int.from_bytes(data[56:64], "little"), "header: the checksum differs")
    alignment = cursor.uint(4)
    require(64 <= alignment <= 1 << 20 and alignment & (alignment - 1) == 0, f"header: the alignment is {alignment}")
    file_length = cursor.count()
    section_count = cursor.uint(4)
    require(section_count <= 64, f"header: {section_count} sections")
    cursor.take(4)
    table_hash, table_offset = cursor.uint(8), cursor.count()
    require(table_offset >= HEADER_BYTES and table_offset % 64 == 0, f"header: the table offset is {table_offset}")
    required = cursor.uint(4)
    if required:
        raise Unsupported(f"header: features {required:#x} that a reader must know")
    cursor.take(4)
    require(file_length == len(data), f"the file has {len(data)} bytes, but its header says {file_length}")
    return Header((major, minor), alignment, file_length, section_count, table_hash, table_offset)


# 4. Section table -------------------------------------------------------------------------------------------

CRITICAL, CHUNKED, ZSTD = 1, 2, 4
CHUNKED_SECTIONS = ("scales", "symbols", "files", "raw")
ANCILLARY_SECTIONS = ("spare", "producer", "shards", "content")
KNOWN_SECTIONS = ("metadata", "directory", "codebooks", "seeds", "checksums") + ANCILLARY_SECTIONS + CHUNKED_SECTIONS
REQUIRED_FLAGS = 0xFFFF
SLACK = 64


class Section(NamedTuple):
    name: str
    flags: int
    offset: int
    length: int
    content_length: int
    checksum: int

    @property
    def end(self) -> int:
        return self.offset + self.length


def read_section_table(data, header: Header) -> Dict[str, Section]:
    require(header.table_end <= header.file_length, "section table: it reaches beyond the end of the file")
    table, end = data[header.table_offset:header.table_end], HEADER_BYTES
    require(xxh3(table) == header.table_hash, "section table: the checksum differs")
    cursor = Cursor(table, "section table")
    sections: Dict[str, Section] = {}
    previous: Optional[Section] = None
    for _ in range(header.section_count):
        field = bytes(cursor.take(16))
        raw = field.split(b"\0")[0]
        require(raw and not any(field[len(raw):]) and all(0x21 <= b <= 0x7E for b in raw), f"section table: the name {field!r}")
        name, flags = raw.decode("ascii"), cursor.uint(4)
        if flags & REQUIRED_FLAGS & ~7 and (flags & CRITICAL or name in KNOWN_SECTIONS):
            raise Unsupported(f"section {name}: unknown flags {flags:#x}")
        cursor.take(4)
        section = Section(name, flags, cursor.count(), cursor.count(), cursor.count(), cursor.uint(8))
        cursor.take(8)
        require(flags & ZSTD or section.content_length == section.length, f"section {name}: content length and length differ")
        if name not in KNOWN_SECTIONS:                                                          # 5.1
            if flags & CRITICAL:
                raise Unsupported(f"section {name} is critical and unknown")
        elif name in ANCILLARY_SECTIONS:
            require(not flags & 7, f"section {name}: it must not have the flags {flags}")
        else:
            require(flags & CRITICAL and bool(flags & CHUNKED) == (name in CHUNKED_SECTIONS)
                    and (not flags & ZSTD or name == "metadata"), f"section {name}: it must not have the flags {flags}")
        require(name not in sections, f"section {name}: it is there twice")
        require(section.offset >= end and section.offset % (header.alignment if flags & CHUNKED else 64) == 0,
                f"section {name}: the offset {section.offset}")
        require(section.length == 0 or section.end <= header.table_offset or section.offset >= header.table_end,
                f"section {name}: it overlaps the section table")
        require(section.end <= header.file_length, f"section {name}: it reaches beyond the end of the file")
        if previous is not None and previous.flags & CHUNKED:                                   # 5.4
            require(section.offset - previous.end >= SLACK, f"section {previous.name}: fewer than {SLACK} bytes follow")
        sections[name] = previous = section
        end = section.end
    require(end == header.file_length, "the last section does not end where the file ends")
    require(previous is None or not previous.flags & CHUNKED, "the last section is chunked")
    for name in ("metadata", "directory", "checksums"):
        require(name in sections, f"section {name} is missing")
    return sections


# 5.3 zstd frames --------------------------------------------------------------------------------------------

PIECE, LARGEST_WINDOW = 1 << 20, 1 << 23


def require_possible(content_length: int, stored: int, what: str) -> None:
    """zstd blocks hold at most 128 KiB and take at least four bytes: a larger claim cannot be true."""
    pieces = (content_length + PIECE - 1) // PIECE
    require(stored == 0 if content_length == 0 else content_length // 32768 <= stored and 4 * pieces <= stored,
            f"{what}: {stored} stored bytes cannot become {content_length}")


def unframe(stored, content_length: int, what: str) -> bytes:
    pieces = (content_length + PIECE - 1) // PIECE
    require(4 * pieces <= len(stored), f"{what}: too short for {pieces} zstd frames")
    table = Cursor(stored[len(stored) - 4 * pieces:], what)
    result, at = [], 0
    for piece in range(pieces):
        size, length = min(PIECE, content_length - piece * PIECE), table.uint(4)
        require(length <= size + size // 128 + 512, f"{what}: zstd frame {piece} is too long")
        require(at + length <= len(stored) - 4 * pieces, f"{what}: zstd frame {piece} reaches into the table")
        frame = bytes(stored[at:at + length])
        try:
            require(zstandard.frame_content_size(frame) in (size, -1), f"{what}: the size of zstd frame {piece}")
            require(zstandard.get_frame_parameters(frame).window_size <= LARGEST_WINDOW, f"{what}: the window of zstd frame {piece}")
            content = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise Damaged(f"{what}: zstd frame {piece}: {error}") from None
        require(len(content) == size, f"{what}: zstd frame {piece} holds {len(content)} bytes, not {size}")
        result.append(content)
        at += length
    require(at == len(stored) - 4 * pieces, f"{what}: the lengths of the zstd frames do not add up")
    return b"".join(result)


# 6.1 Metadata -----------------------------------------------------------------------------------------------

SCALARS = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 10: "<u8", 11: "<i8", 12: "<f8"}
BOOL, STRING, ARRAY = 7, 8, 9


def read_value(cursor: Cursor, kind: int, count: int) -> list:
    if kind == STRING:
        require(count <= cursor.left() // 8, "metadata: an array that does not fit")
        return [cursor.text(cursor.count(), nul=True) for _ in range(count)]
    if kind == BOOL:
        raw = cursor.take(count)
        require(all(byte <= 1 for byte in raw), "metadata: a truth value is neither 0 nor 1")
        return [byte == 1 for byte in raw]
    if kind not in SCALARS:
        raise Unsupported(f"metadata type {kind}")
    dtype = np.dtype(SCALARS[kind])
    return np.frombuffer(cursor.take(count * dtype.itemsize), dtype).tolist()


def read_metadata(content) -> Dict[str, Tuple[int, Any]]:
    """Key -> (type, value); an array's value is (element type, list), that of an unreadable entry None."""
    cursor, metadata = Cursor(content, "metadata"), {}
    for _ in range(cursor.count()):
        key = cursor.text(cursor.count())
        require(key not in metadata, f"metadata: two entries {key!r}")
        kind = cursor.uint(4)
        value = Cursor(cursor.take(cursor.count()), f"metadata {key!r}")
        try:
            if kind == ARRAY:
                element = value.uint(4)
                metadata[key] = (ARRAY, (element, read_value(value, element, value.count())))
            else:
                metadata[key] = (kind, read_value(value, kind, 1)[0])
            value.end()
        except Unsupported:
            metadata[key] = (kind, None)
    cursor.end()
    return metadata


# 6.2 Directory, 6.3 dtypes ----------------------------------------------------------------------------------

# id: (name, elements per block, bytes per block)
DTYPES: Dict[int, Tuple[str, int, int]] = {
    1: ("BOOL", 1, 1), 2: ("F4", 2, 1), 3: ("F6_E2M3", 4, 3), 4: ("F6_E3M2", 4, 3), 5: ("U8", 1, 1), 6: ("I8", 1, 1),
    7: ("F8_E5M2", 1, 1), 8: ("F8_E4M3", 1, 1), 9: ("F8_E8M0", 1, 1), 10: ("F8_E4M3FNUZ", 1, 1), 11: ("F8_E5M2FNUZ", 1, 1),
    12: ("I16", 1, 2), 13: ("U16", 1, 2), 14: ("F16", 1, 2), 15: ("BF16", 1, 2), 16: ("I32", 1, 4), 17: ("U32", 1, 4),
    18: ("F32", 1, 4), 19: ("C64", 1, 8), 20: ("F64", 1, 8), 21: ("I64", 1, 8), 22: ("U64", 1, 8),
    66: ("Q4_0", 32, 18), 67: ("Q4_1", 32, 20), 70: ("Q5_0", 32, 22), 71: ("Q5_1", 32, 24), 72: ("Q8_0", 32, 34),
    73: ("Q8_1", 32, 36), 74: ("Q2_K", 256, 84), 75: ("Q3_K", 256, 110), 76: ("Q4_K", 256, 144), 77: ("Q5_K", 256, 176),
    78: ("Q6_K", 256, 210), 79: ("Q8_K", 256, 292), 80: ("IQ2_XXS", 256, 66), 81: ("IQ2_XS", 256, 74),
    82: ("IQ3_XXS", 256, 98), 83: ("IQ1_S", 256, 50), 84: ("IQ4_NL", 32, 18), 85: ("IQ3_S", 256, 110), 86: ("IQ2_S", 256, 82),
    87: ("IQ4_XS", 256, 136), 93: ("IQ1_M", 256, 56), 98: ("TQ1_0", 256, 54), 99: ("TQ2_0", 256, 66), 103: ("MXFP4", 32, 17),
    104: ("NVFP4", 64, 36), 105: ("Q1_0", 128, 18), 106: ("Q2_0", 64, 18),
}
RAW, CODED, ALIAS = 0, 1, 2
EXTENT_ALIGNMENT, CHUNK, NONE = 64, 1 << 20, 0xFFFF


class Extent(NamedTuple):
    section: str
    offset: int  # from the section's begin
    length: int


class Coding(NamedTuple):
    codec: int
    source: int
    codebook: Optional[int]
    seed: Optional[int]
    parameters: bytes
    streams: List[Tuple[int, int, int]]  # role, rows of a group (1: each row has its own bytes; 0: bytes in total), bytes


class Tensor(NamedTuple):
    name: str
    kind: int
    shape: Tuple[int, ...]
    extents: List[Extent]
    dtype: int = 0
    compression: int = 0
    coding: Optional[Coding] = None
    target: int = 0
    unreadable: str = ""  # the unknown field

    @property
    def columns(self) -> int:
        return self.shape[-1] if self.shape else 1

    @property
    def rows(self) -> int:
        return product(self.shape[:-1])


class EmbeddedFile(NamedTuple):
    name: str
    compression: int
    role: int
    content_length: int
    extent: Extent


def product(shape) -> int:
    result = 1
    for dimension in shape:
        result *= dimension
    return result


class Placement:
    """Extents of a section follow each other in directory order, aligned, without holes (5.4)."""

    def __init__(self) -> None:
        self.ends: Dict[str, int] = {}

    def next(self, section: str, offset: int, length: int) -> Extent:
        belongs = align_up(self.ends.get(section, 0), EXTENT_ALIGNMENT)
        require(offset == belongs, f"directory: an extent of {section} lies at {offset}, but belongs at {belongs}")
        require(offset + length < 1 << 63, f"directory: an extent of {section} overflows")
        self.ends[section] = offset + length
        return Extent(section, offset, length)


EXTENT_SECTIONS = ("raw", "symbols", "scales")


def read_extent(record: Cursor, placement: Placement) -> Extent:
    section = record.uint(1)
    require(section < len(EXTENT_SECTIONS), f"{record.what}: an extent lies in section {section}")
    record.take(7)
    return placement.next(EXTENT_SECTIONS[section], record.count(), record.count())


def read_tensor(cursor: Cursor, placement: Placement, codebooks: int, seeds: int) -> Tensor:
    name = cursor.text(cursor.uint(4))
    record = Cursor(cursor.take(cursor.uint(4)), f"tensor {name!r}")        # bytes after the known fields are ignored
    kind, rank, extent_count, _ = (record.uint(1) for _ in range(4))
    shape = tuple(record.count() for _ in range(rank))
    require(product(d for d in shape if d) < 1 << 63, f"tensor {name!r}: the shape overflows")
    require(kind not in (RAW, ALIAS) or extent_count == (kind == RAW), f"tensor {name!r}: {extent_count} extents")
    extents = [read_extent(record, placement) for _ in range(extent_count)]
    if kind == ALIAS:
        return Tensor(name, kind, shape, [], target=record.count())
    if kind == RAW:
        return read_raw_fields(record, Tensor(name, kind, shape, extents))
    if kind == CODED:
        return read_coded_fields(record, Tensor(name, kind, shape, extents), codebooks, seeds)
    return Tensor(name, kind, shape, extents, unreadable=f"kind {kind}")


def read_raw_fields(record: Cursor, tensor: Tensor) -> Tensor:
    dtype, compression = record.uint(1), record.uint(1)
    record.take(2)
    require(tensor.extents[0].section == "raw", f"{record.what}: its extent lies elsewhere than in raw")
    if dtype not in DTYPES:
        return tensor._replace(unreadable=f"dtype {dtype}")
    block, size = DTYPES[dtype][1:]
    require(product(tensor.shape) % block == 0, f"{record.what}: no whole number of blocks")
    content = product(tensor.shape) // block * size
    require(content < 1 << 63, f"{record.what}: too many bytes")
    require(compression != 0 or tensor.extents[0].length == content, f"{record.what}: length and shape differ")
    if compression == 1:
        require_possible(content, tensor.extents[0].length, record.what)                                                                  # 5.3
    return tensor._replace(dtype=dtype, compression=compression, unreadable=f"compression {compression}" if compression > 1 else "")


def read_coded_fields(record: Cursor, tensor: Tensor, codebooks: int, seeds: int) -> Tensor:
    codec, source, parameter_count = record.uint(2), record.uint(1), record.uint(1)
    codebook, seed = record.uint(2), record.uint(2)
    require(codebook == NONE or codebook < codebooks, f"{record.what}: there is no codebook {codebook}")
    require(seed == NONE or seed < seeds, f"{record.what}: there is no seed {seed}")
    parameters = bytes(record.take(parameter_count))
    require(len(tensor.shape) > 0, f"{record.what}: coded, but without dimensions")
    streams, unreadable = [], ""
    for extent in tensor.extents:
        role, stream_kind, log_group = record.uint(1), record.uint(1), record.uint(1)
        record.take(1)
        size = record.count()
        require((extent.section == "symbols") == (role == SYMBOLS) and extent.section != "raw", f"{record.what}: a stream in the wrong section")
        if stream_kind > 2 or stream_kind == 2 and not 1 <= log_group <= 15:
            unreadable = f"stream kind {stream_kind}, group {log_group}"
            continue
        group = (1, 0, 1 << log_group)[stream_kind]
        length = size * groups_of(tensor.rows, group) if group else size
        require(extent.length == length, f"{record.what}: a stream has {extent.length} bytes, not {length}")
        streams.append((role, group, size))
    coding = Coding(codec, source, None if codebook == NONE else codebook, None if seed == NONE else seed, parameters, streams)
    return tensor._replace(coding=coding, unreadable=unreadable)


def groups_of(rows: int, group: int) -> int:
    return (rows + group - 1) // group


def read_file_record(cursor: Cursor, placement: Placement) -> EmbeddedFile:
    name = cursor.text(cursor.uint(4))
    require(not {"", ".", ".."} & set(name.split("/")) and len(name.encode()) <= 255
            and not any(c < " " or c in "\x7f\\" for c in name), f"file {name!r}: no relative file name")
    record = Cursor(cursor.take(cursor.uint(4)), f"file {name!r}")
    compression, role = record.uint(1), record.uint(1)
    record.take(2)
    content_length = record.count()
    extent = placement.next("files", record.count(), record.count())
    require(compression != 0 or extent.length == content_length, f"file {name!r}: the lengths differ")
    if compression == 1:
        require(content_length // 64 <= extent.length, f"file {name!r}: it would expand more than 64 times")                       # 5.3
        require_possible(content_length, extent.length, f"file {name!r}")
    return EmbeddedFile(name, compression, role, content_length, extent)


# 10 Recommended limits
MAXIMUM_ELEMENTS, MAXIMUM_BYTES, MAXIMUM_METADATA = 1 << 56, 1 << 59, 1 << 27


def content_bytes(tensor: Tensor) -> int:
    """The bytes of a tensor before compression."""
    if tensor.kind == RAW and tensor.dtype in DTYPES:
        block, size = DTYPES[tensor.dtype][1:]
        return product(tensor.shape) // block * size
    return sum(extent.length for extent in tensor.extents)


def read_directory(content, sections: Dict[str, Section], codebooks: int, seeds: int) -> Tuple[List[Tensor], List[EmbeddedFile]]:
    cursor, placement = Cursor(content, "directory"), Placement()
    tensor_count, file_count = cursor.count(), cursor.count()
    tensors = [read_tensor(cursor, placement, codebooks, seeds) for _ in range(tensor_count)]
    files = [read_file_record(cursor, placement) for _ in range(file_count)]
    cursor.end()
    require(len({t.name for t in tensors}) == len(tensors), "directory: two tensors of one name")
    require(len({f.name for f in files}) == len(files), "directory: two files of one name")
    for tensor in tensors:
        if tensor.kind == ALIAS:
            require(tensor.target < len(tensors) and tensors[tensor.target].kind != ALIAS
                    and tensors[tensor.target].shape == tensor.shape, f"tensor {tensor.name!r}: the alias names no tensor of its shape")
    elements = sum(product(d for d in tensor.shape if d) for tensor in tensors)
    bytes_ = sum(content_bytes(tensors[t.target] if t.kind == ALIAS else t) for t in tensors) + sum(f.content_length for f in files)
    if elements > MAXIMUM_ELEMENTS or bytes_ > MAXIMUM_BYTES:                                                                  # 10
        raise TooLarge(f"directory: {elements} elements and {bytes_} bytes in all")
    for name in CHUNKED_SECTIONS:
        actual = sections[name].length if name in sections else 0
        require(actual == placement.ends.get(name, 0), f"section {name}: it has {actual} bytes, the directory needs {placement.ends.get(name, 0)}")
    return tensors, files


# 6.4 Codebooks, 6.5 seeds -----------------------------------------------------------------------------------

def read_codebooks(content) -> List[Tuple[int, bytes]]:
    cursor, records = Cursor(content, "codebooks"), []
    count = cursor.count()
    require(count < 0xFFFF, f"codebooks: {count} are too many")
    for _ in range(count):
        codec = cursor.uint(2)
        cursor.take(2)
        length = cursor.uint(4)
        records.append((codec, bytes(cursor.take(length))))
        cursor.take(align_up(length, 8) - length)
    cursor.end()
    return records


def read_seeds(content) -> List[int]:
    cursor = Cursor(content, "seeds")
    count, length = cursor.count(), cursor.uint(4)
    cursor.take(4)
    require(count < 0xFFFF and length >= 8 and cursor.left() == length * count, f"seeds: the section does not hold {count} seeds")
    return [int.from_bytes(cursor.take(length)[:8], "little") for _ in range(count)]


# 6.9 Shards -------------------------------------------------------------------------------------------------

class Shards(NamedTuple):
    number: int
    count: int
    identities: List[int]           # of the other files, in the first
    tensors: List[Tuple[str, int]]  # name and number of the file, in the first


def read_shards(content) -> Shards:
    cursor = Cursor(content, "shards")
    number, count, length = (cursor.uint(4) for _ in range(3))
    cursor.take(4)
    require(2 <= count <= 65535 and 1 <= number <= count, f"shards: file {number} of {count}")
    require(length >= 8, f"shards: records of {length} bytes")
    identities = [int.from_bytes(cursor.take(length)[:8], "little") for _ in range(count - 1 if number == 1 else 0)]
    tensors = []
    for _ in range(cursor.count()):
        name = cursor.text(cursor.uint(4))
        record = Cursor(cursor.take(cursor.uint(4)), f"shards, tensor {name!r}")
        tensors.append((name, record.uint(4)))
        require(1 <= tensors[-1][1] <= count, f"shards, tensor {name!r}: there is no file {tensors[-1][1]}")
    cursor.end()
    require(number == 1 or not tensors, "shards: only the first file lists tensors")
    require(len({name for name, _ in tensors}) == len(tensors), "shards: two tensors of one name")
    return Shards(number, count, identities, tensors)


def identity(sections: Dict[str, Section]) -> int:
    return xxh3(b"".join(struct.pack("<16sI4xQQQQ8x", s.name.encode(), s.flags, s.offset, s.length, s.content_length, s.checksum)
                         for s in sections.values() if s.name not in ("metadata", "spare")))


# 2. The whole: opening --------------------------------------------------------------------------------------

class QamwFile(NamedTuple):
    data: Any
    header: Header
    sections: Dict[str, Section]
    metadata: Dict[str, Tuple[int, Any]]
    codebooks: List[Tuple[int, bytes]]
    seeds: List[int]
    tensors: List[Tensor]
    files: List[EmbeddedFile]
    producer: Optional[str]
    shards: Optional[Shards]

    def section(self, name: str):
        section = self.sections.get(name)
        return self.data[section.offset:section.end] if section else memoryview(b"")

    def stored(self, extent: Extent):
        return self.section(extent.section)[extent.offset:extent.offset + extent.length]

    def tensor(self, name: str) -> Tensor:
        return next(t for t in self.tensors if t.name == name)


def open_qamw(data) -> QamwFile:
    """Reads everything but payloads. `data` is the whole file: bytes or a memoryview of them."""
    data = memoryview(data)
    header = read_header(data)
    sections = read_section_table(data, header)

    def checked(name: str):
        if name not in sections:
            return None
        stored = data[sections[name].offset:sections[name].end]
        require(xxh3(stored) == sections[name].checksum, f"section {name}: the checksum differs")
        return stored

    if max(sections["metadata"].length, sections["metadata"].content_length) > MAXIMUM_METADATA:                               # 10
        raise TooLarge("metadata: too many bytes")
    metadata = checked("metadata")
    if sections["metadata"].flags & ZSTD:
        require(sections["metadata"].content_length // 64 <= len(metadata), "metadata: it would expand more than 64 times")   # 5.3
        metadata = unframe(metadata, sections["metadata"].content_length, "metadata")
    stored_codebooks, stored_seeds = checked("codebooks"), checked("seeds")
    codebooks = [] if stored_codebooks is None else read_codebooks(stored_codebooks)
    seeds = [] if stored_seeds is None else read_seeds(stored_seeds)
    tensors, files = read_directory(checked("directory"), sections, len(codebooks), len(seeds))
    producer = checked("producer")                                                                                             # 6.8
    require(producer is None or 1 <= len(producer) <= 255, "section producer: it is empty or too long")
    producer = None if producer is None else Cursor(producer, "producer").text(len(producer))
    shards = checked("shards")                                                                                                 # 6.9
    shards = None if shards is None else read_shards(shards)
    opened = QamwFile(data, header, sections, read_metadata(metadata), codebooks, seeds, tensors, files, producer, shards)
    for tensor in tensors:
        if tensor.kind == CODED and not tensor.unreadable:
            try:
                read_parameters(opened, tensor)
            except Unsupported:
                pass                                          # 7: the tensor cannot be decoded, the rest can
    return opened


class Model(NamedTuple):
    """A file, or all files of a set."""
    files: List[QamwFile]
    tensors: Dict[str, QamwFile]  # in the model's order, each with the file that holds it


def open_model(name: str, read: Callable[[str], Any]) -> Model:
    """Opens the model whose file, or first file, has this name. `read` gives the content of a file by its name, or raises FileNotFoundError."""
    first = open_qamw(read(name))
    if first.shards is None or first.shards.number > 1:
        return Model([first], {tensor.name: first for tensor in first.tensors})
    count = first.shards.count
    match = re.fullmatch(r"(.+)-(\d{5,})-of-(\d{5,})\.qamw", name, re.DOTALL)
    require(match is not None and name == f"{match[1]}-{1:05}-of-{count:05}.qamw", f"the first file of a set of {count} cannot be called {name}")
    files = [first]
    for number in range(2, count + 1):
        other = f"{match[1]}-{number:05}-of-{count:05}.qamw"
        try:
            file = open_qamw(read(other))
        except FileNotFoundError:
            raise Damaged(f"{other} is missing") from None
        require(file.shards is not None and file.shards[:2] == (number, count), f"{other} is not file {number} of {count}")
        require(identity(file.sections) == first.shards.identities[number - 2], f"{other} is not the file that the first was written with")
        require((file.codebooks, file.seeds) == (first.codebooks, first.seeds), f"{other} has other codebooks or seeds")
        files.append(file)
    for number, file in enumerate(files, 1):
        require([tensor.name for tensor in file.tensors] == [name for name, shard in first.shards.tensors if shard == number],
                f"file {number} holds other tensors than the first says")
    elements = sum(product(d for d in tensor.shape if d) for file in files for tensor in file.tensors)
    bytes_ = sum(content_bytes(f.tensors[t.target] if t.kind == ALIAS else t) for f in files for t in f.tensors)
    if elements > MAXIMUM_ELEMENTS or bytes_ + sum(e.content_length for f in files for e in f.files) > MAXIMUM_BYTES:            # 10
        raise TooLarge(f"{elements} elements and {bytes_} bytes in all files")
    return Model(files, {name: files[shard - 1] for name, shard in first.shards.tensors})


# 5.2 Checksums, 5.4 padding, 6.7 the checksums section ------------------------------------------------------

def verify(opened: QamwFile) -> Tuple[List[str], List[str]]:
    """Checks what open_qamw did not: every checksum and all padding. Returns the problems, and the warnings."""
    problems: List[str] = []
    warnings: List[str] = []
    room = next((s.offset for s in opened.sections.values() if s.name not in ("metadata", "spare")), HEADER_BYTES)              # 5.5

    def is_zero(begin: int, end: int) -> bool:
        return not np.frombuffer(opened.data[begin:end], np.uint8).any()

    def padding(begin: int, end: int, where: str) -> None:
        if is_zero(begin, end):
            return
        if end <= room:
            warnings.append(f"padding {where} ({begin}..<{end}) is not zero: an edit in place has been interrupted")
        else:
            problems.append(f"padding {where} ({begin}..<{end}) is not zero")

    hashes = opened.section("checksums")
    if xxh3(hashes) != opened.sections["checksums"].checksum:
        problems.append("section checksums: the checksum differs")
    at = 0
    end = HEADER_BYTES
    table = (opened.header.table_offset, opened.header.table_end, "the section table")
    for begin, finish, name in sorted([table] + [(s.offset, s.end, s.name) for s in opened.sections.values()]):
        padding(end, begin, f"before {name}")
        end = max(end, finish)
    for section in opened.sections.values():
        if not section.flags & CHUNKED:
            if section.name not in ("checksums", "producer", "shards") and xxh3(opened.section(section.name)) != section.checksum:
                if section.name == "spare":
                    warnings.append("section spare: the checksum differs: an edit in place has been interrupted")
                else:
                    problems.append(f"section {section.name}: the checksum differs")
            continue
        first, extent_end = at, 0
        for owner, extent in extents_of(opened, section.name):
            padding(section.offset + extent_end, section.offset + extent.offset, f"before {owner} in {section.name}")
            extent_end = extent.offset + extent.length
            stored = opened.stored(extent)
            for begin in range(0, extent.length, CHUNK):
                expected = int.from_bytes(hashes[at:at + 8], "little") if at + 8 <= len(hashes) else None
                if xxh3(stored[begin:begin + CHUNK]) != expected:
                    problems.append(f"section {section.name}, {owner}: chunk at {section.offset + extent.offset + begin} is damaged")
                at += 8
        if xxh3(hashes[first:at]) != section.checksum:
            problems.append(f"section {section.name}: the checksum of its chunk hashes differs")
    if at != len(hashes):
        problems.append(f"section checksums: it has {len(hashes)} bytes, not {at}")
    for record in [t for t in opened.tensors if t.kind == RAW] + opened.files:
        if record.compression == 1 and not (isinstance(record, Tensor) and record.unreadable):
            try:
                read_raw(opened, record) if isinstance(record, Tensor) else read_file(opened, record.name)
            except Damaged as error:
                problems.append(str(error))
    return problems, warnings


def extents_of(opened: QamwFile, section: str):
    if section == "files":
        return [(f"file {f.name!r}", f.extent) for f in opened.files]
    if section not in CHUNKED_SECTIONS:                                                         # 5.1: unknown, one extent
        return [("all of it", Extent(section, 0, opened.sections[section].length))]
    return [(f"tensor {t.name!r}", e) for t in opened.tensors for e in t.extents if e.section == section]


# 6.6 Raw tensors and embedded files -------------------------------------------------------------------------

def read_raw(opened: QamwFile, tensor: Tensor) -> bytes:
    block, size = DTYPES[tensor.dtype][1:]
    stored = opened.stored(tensor.extents[0])
    if tensor.compression == 1:
        return unframe(stored, product(tensor.shape) // block * size, f"tensor {tensor.name!r}")
    return bytes(stored)


def read_file(opened: QamwFile, name: str) -> bytes:
    file = next(f for f in opened.files if f.name == name)
    stored = opened.stored(file.extent)
    if file.compression > 1:
        raise Unsupported(f"file {name!r}: compression {file.compression}")
    return unframe(stored, file.content_length, f"file {name!r}") if file.compression == 1 else bytes(stored)


# 6.10 Content -----------------------------------------------------------------------------------------------

LEAF = 1 << 20


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def tagged(purpose: int, *parts: bytes) -> bytes:
    """H(purpose, parts)"""
    return sha256(bytes([purpose]) + bytes(63), *parts)


def leaves_of(content: bytes) -> List[bytes]:
    return [tagged(0, content[at:at + LEAF]) for at in range(0, len(content), LEAF)]


def tree(digests: List[bytes]) -> bytes:
    if len(digests) < 2:
        return digests[0] if digests else sha256()
    left = 1 << (len(digests) - 1).bit_length() - 1
    return tagged(1, tree(digests[:left]), tree(digests[left:]))


def name_field(name: str) -> bytes:
    return struct.pack("<I", len(name.encode())) + name.encode()


def contents_of(opened: QamwFile, tensor: Tensor) -> List[bytes]:
    if tensor.kind == RAW:
        return [read_raw(opened, tensor)]
    return [bytes(opened.stored(extent)) for extent in tensor.extents]


def tensor_record(opened: QamwFile, tensor: Tensor) -> bytes:
    if tensor.unreadable:
        raise Unsupported(f"tensor {tensor.name!r}: {tensor.unreadable}")
    record = name_field(tensor.name) + struct.pack(f"<BB{len(tensor.shape)}Q", tensor.kind, len(tensor.shape), *tensor.shape)
    if tensor.kind == RAW:
        return record + struct.pack("<B", tensor.dtype)
    if tensor.kind == ALIAS:
        return record + name_field(opened.tensors[tensor.target].name)
    coding = tensor.coding
    record += struct.pack("<HBB", coding.codec, coding.source if coding.source in DTYPES else 0, len(coding.parameters)) + coding.parameters
    record += bytes(32) if coding.codebook is None else sha256(bytes(opened.codebooks[coding.codebook][1]))
    record += struct.pack("<BQ", 0, 0) if coding.seed is None else struct.pack("<BQ", 1, opened.seeds[coding.seed])
    record += struct.pack("<B", len(coding.streams))
    for role, group, size in coding.streams:
        record += struct.pack("<BBQ", role, group.bit_length() - 1 if group else 255, size)
    return record


def root_of(model: Model) -> bytes:
    """The root of a model's content."""
    first = model.files[0]
    tensors = {}
    for name, opened in model.tensors.items():
        tensor = opened.tensor(name)
        tensors[name] = tagged(2, tensor_record(opened, tensor), *(tree(leaves_of(content)) for content in contents_of(opened, tensor)))
    files = {}
    for file in first.files:
        content = read_file(first, file.name)
        files[file.name] = tagged(3, name_field(file.name), struct.pack("<BQ", file.role, len(content)), tree(leaves_of(content)))
    entries = {}
    for key, kind, value in metadata_values(first):
        entries[key] = tagged(4, name_field(key), struct.pack("<I", kind), value)
    return tagged(5, *(tree([part[name] for name in sorted(part, key=str.encode)]) for part in (tensors, files, entries)))


def metadata_values(opened: QamwFile) -> List[Tuple[str, int, bytes]]:
    """Key, type and encoded value of each entry."""
    section, stored = opened.sections["metadata"], opened.section("metadata")
    cursor = Cursor(unframe(stored, section.content_length, "metadata") if section.flags & ZSTD else stored, "metadata")
    values = []
    for _ in range(cursor.count()):
        key, kind = cursor.text(cursor.count()), cursor.uint(4)
        value = bytes(cursor.take(cursor.count()))
        if opened.metadata[key][1] is None:
            raise Unsupported(f"metadata {key!r}: type {kind}")
        values.append((key, kind, value))
    return values


def content_section(opened: QamwFile) -> bytes:
    """The section of a file with this content."""
    contents = [content for tensor in opened.tensors if tensor.kind != ALIAS for content in contents_of(opened, tensor)]
    digests = [leaf for content in contents + [read_file(opened, file.name) for file in opened.files] for leaf in leaves_of(content)]
    return struct.pack("<IIQ", 1, LEAF, len(digests)) + b"".join(digests)


# 7. Codec registry ------------------------------------------------------------------------------------------

QAM_PAIRS, POLAR_PAIRS, INT8_ROWS, TRELLIS = 1, 2, 3, 4
SYMBOLS, GAINS, CHANNEL_SCALES = 1, 2, 3


def read_parameters(opened: QamwFile, tensor: Tensor):
    """Checks a codec's description of its tensors, and returns what decoding needs."""
    readers = {QAM_PAIRS: read_pair_parameters, POLAR_PAIRS: read_polar_parameters, INT8_ROWS: read_integer_parameters, TRELLIS: read_trellis_parameters}
    codec, what = tensor.coding.codec, f"tensor {tensor.name!r}"
    if codec not in readers:
        raise Unsupported(f"{what}: codec {codec}")
    size = 8 if codec == TRELLIS else 4
    require(len(tensor.coding.parameters) == size, f"{what}: codec {codec} has {size} bytes of parameters")
    return readers[codec](opened, tensor, what)


def require_rows(tensor: Tensor, what: str, group_bytes: int, gain_type: int, group: int = 1) -> None:
    """Common to all codecs: the shape, and the streams of symbols (of groups of rows), gains and channel scales."""
    require(len(tensor.shape) >= 2 and all(tensor.shape), f"{what}: fewer than two dimensions, or one is zero")
    require(tensor.columns <= 1 << 24, f"{what}: {tensor.columns} columns are too many")                                      # 10
    expected = [(SYMBOLS, group, group_bytes), (GAINS, 1, 2 * gain_type)]
    require(tensor.coding.streams in (expected, expected + [(CHANNEL_SCALES, 0, 2 * tensor.columns)]), f"{what}: unexpected streams")


def require_gain_type(gain_type: int, what: str) -> None:
    if gain_type not in (1, 2):
        raise Unsupported(f"{what}: gain type {gain_type}")


# 8. Codec 1: QAM pairs --------------------------------------------------------------------------------------

FREE, OCTANT = 1, 2


# 8.1 Parameters

class Parameters(NamedTuple):
    family: int
    bits: int        # the rate; free: bits per symbol b; octant: bits per step s
    block: int       # B = 2^k
    log_block: int   # k
    gain_type: int   # 1 float16, 2 float32
    step: np.float32
    points: np.ndarray


def read_pair_parameters(opened: QamwFile, tensor: Tensor, what: str) -> Parameters:
    family, bits, k, gain_type = tensor.coding.parameters
    if family not in (FREE, OCTANT):
        raise Unsupported(f"{what}: family {family}")
    require(4 <= bits <= 13 if family == FREE else 1 <= bits <= 10, f"{what}: rate {bits}")
    require_block(tensor, what, k)
    require_gain_type(gain_type, what)
    record = codebook_of(opened, tensor, what)
    step, points = read_codebook(record)
    require(record[:2] == tensor.coding.parameters[:2], f"{what}: its codebook is of another family or rate")
    require_rows(tensor, what, symbol_row_bytes(family, bits, tensor.columns), gain_type)
    return Parameters(family, bits, 1 << k, k, gain_type, step, points)


def require_block(tensor: Tensor, what: str, k: int) -> None:
    require(1 <= k <= 15, f"{what}: the block 2^{k}")
    require(tensor.columns % (1 << k) == 0, f"{what}: the block 2^{k} does not divide {tensor.columns}")


def codebook_of(opened: QamwFile, tensor: Tensor, what: str) -> bytes:
    require(tensor.coding.codebook is not None and tensor.coding.seed is not None, f"{what}: it has no codebook or no seed")
    codec, record = opened.codebooks[tensor.coding.codebook]
    require(codec == tensor.coding.codec, f"{what}: its codebook belongs to codec {codec}")
    return record


# 8.2 Sign generator

def signs(seed: int, columns: int) -> np.ndarray:
    """True where d = -1."""
    mask, words = (1 << 64) - 1, []
    for i in range((columns + 63) // 64):
        z = (seed + (i + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        words.append(z ^ (z >> 31))
    return np.unpackbits(np.array(words, "<u8").view(np.uint8), bitorder="little")[:columns].astype(bool)


# 8.3 Codebook record

def read_codebook(record: bytes) -> Tuple[np.float32, np.ndarray]:
    require(len(record) >= 8, "codebook: shorter than its header")
    family, bits, window = record[:3]
    if family not in (FREE, OCTANT):
        raise Unsupported(f"codebook: family {family}")
    require(record[3] == 0, "codebook: the reserved byte is not zero")
    step = np.frombuffer(record[4:8], "<f4")[0]
    if family == FREE:
        require(4 <= bits <= 13 and window == bits, f"codebook: {bits} bits, window {window}")
        require(record[4:8] == bytes(4) and len(record) >= 8 + (8 << bits), "codebook: the header or the length")
        points = np.frombuffer(record[8:8 + (8 << bits)], "<f4").reshape(-1, 2)
        require(bool(np.isfinite(points).all()), "codebook: a point is not finite")
    else:
        require(1 <= bits <= 10 and window == max(8, bits), f"codebook: stride {bits}, window {window}")
        require(len(record) >= 8 + (2 << window), "codebook: the length")
        require(bool(np.isfinite(step)) and step > 0, "codebook: the step is not positive")
        points = np.frombuffer(record[8:8 + (2 << window)], np.uint8).reshape(-1, 2)
        require(bool((points[:, 0] >= points[:, 1]).all()), "codebook: a base point with a < b")
    return step, points


# 8.4 Symbols

def symbol_row_bytes(family: int, bits: int, columns: int) -> int:
    return (columns + 15) // 16 * (bits if family == FREE else 3 + bits)


def bits_of(packed: np.ndarray) -> np.ndarray:
    return np.unpackbits(packed, axis=-1, bitorder="little")


def free_coordinates(packed: np.ndarray, parameters: Parameters, columns: int) -> np.ndarray:
    rows, b = len(packed), parameters.bits
    bits = bits_of(packed).reshape(rows, (columns + 15) // 16 * 8, b).astype(np.int32)
    index = (bits << np.arange(b, dtype=np.int32)).sum(axis=-1)
    return parameters.points[index].reshape(rows, index.shape[1] * 2)[:, :columns].astype(np.float32)


def octant_group(group: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Coordinates of one group of each row: rows x bytes become rows x 2N integers."""
    rows, s = len(group), parameters.bits
    n = group.shape[1] // (3 + s)
    planes, base = bits_of(group[:, :max(3, s - 5) * n]).reshape(rows, -1, 8 * n), bits_of(group[:, max(3, s - 5) * n:])
    pair, step = np.arange(8 * n), min(s, 8)
    index = np.zeros((rows, 8 * n), np.int32)
    for j in range(8):
        index |= base[:, (pair * step + j) % base.shape[1]].astype(np.int32) << j
    for p in range(3, planes.shape[1]):
        index |= planes[:, p].astype(np.int32) << (5 + p)
    magnitudes = parameters.points[index].astype(np.int32)
    magnitudes = np.where(planes[:, 2, :, None] == 1, magnitudes[..., ::-1], magnitudes)
    negative = np.stack([planes[:, 0], planes[:, 1]], axis=-1) == 1
    return np.where(negative, -magnitudes, magnitudes).reshape(rows, 16 * n)


def octant_coordinates(packed: np.ndarray, parameters: Parameters, columns: int) -> np.ndarray:
    size = 8 * (3 + parameters.bits)
    groups = [octant_group(packed[:, at:at + size], parameters) for at in range(0, packed.shape[1], size)]
    return np.concatenate(groups, axis=1)[:, :columns]


# 8.5 Decoding

def hadamard(values: np.ndarray, block: int) -> np.ndarray:
    """The unnormalised transform of each block, stage by stage; exact for integers."""
    shape, h = values.shape, 1
    while h < block:
        pairs = values.reshape(-1, 2, h)
        a, b = pairs[:, 0], pairs[:, 1]
        values = np.stack([a + b, a - b], axis=1)
        h *= 2
    return values.reshape(shape)


def root(k: int) -> np.float32:
    """r_B = 2^(-k/2) rounded to float32."""
    if k % 2 == 0:
        return np.float32(2.0 ** (-k // 2))
    return np.array([0x3F3504F3], np.uint32).view(np.float32)[0] * np.float32(2.0 ** (-(k - 1) // 2))


def decode_rows(packed: np.ndarray, gains: np.ndarray, scales: Optional[np.ndarray], negative: np.ndarray,
                parameters: Parameters, columns: int) -> np.ndarray:
    coordinates = free_coordinates if parameters.family == FREE else octant_coordinates
    g = gains.astype(np.float32)
    return rotate_back(coordinates(packed, parameters, columns), g if parameters.family == FREE else g * parameters.step, scales, negative,
                       parameters.log_block)


def rotate_back(y: np.ndarray, gains: np.ndarray, scales: Optional[np.ndarray], negative: np.ndarray, log_block: int) -> np.ndarray:
    """Steps 2 to 4. The gains are those of the coordinates' units."""
    t = hadamard(y, 1 << log_block).astype(np.float32)
    w = np.where(negative, -t, t) * (gains * root(log_block))[:, None]
    return w if scales is None else w / scales.astype(np.float32)


# 15. Codec 2: polar pairs -----------------------------------------------------------------------------------

# 15.1 Parameters: a tensor of codec 1 from here on

def read_polar_parameters(opened: QamwFile, tensor: Tensor, what: str) -> Parameters:
    bits, reserved, k, gain_type = tensor.coding.parameters
    require(4 <= bits <= 13 and reserved == 0, f"{what}: rate {bits}, reserved byte {reserved}")
    require_block(tensor, what, k)
    require_gain_type(gain_type, what)
    record = codebook_of(opened, tensor, what)
    points = polar_points(*read_polar_codebook(record), bits)
    require(record[0] == bits, f"{what}: its codebook is of another rate")
    require_rows(tensor, what, symbol_row_bytes(FREE, bits, tensor.columns), gain_type)
    return Parameters(FREE, bits, 1 << k, k, gain_type, np.float32(0), points)


# 15.2 Codebook record

def read_polar_codebook(record: bytes) -> Tuple[np.ndarray, np.ndarray]:
    cursor = Cursor(record, "codebook")
    bits = cursor.uint(1)
    cursor.reserved(1)
    levels, phases = cursor.uint(2), cursor.uint(2)
    cursor.reserved(2)
    require(4 <= bits <= 13 and levels >= 1 and phases >= 1 and levels * phases <= 1 << bits,
            f"codebook: {bits} bits, {levels} amplitudes, {phases} phases")
    amplitudes = np.frombuffer(cursor.take(4 * levels), "<f4")
    directions = np.frombuffer(cursor.take(8 * phases), "<f4").reshape(-1, 2)
    require(bool(np.isfinite(amplitudes).all() and amplitudes[0] > 0 and (amplitudes[1:] > amplitudes[:-1]).all()), "codebook: the amplitudes")
    require(bool(np.isfinite(directions).all()), "codebook: a direction is not finite")
    return amplitudes, directions


# 15.3 Symbols

def polar_points(amplitudes: np.ndarray, directions: np.ndarray, bits: int) -> np.ndarray:
    symbols = np.arange(1 << bits)
    amplitude = np.minimum(symbols // len(directions), len(amplitudes) - 1)
    return amplitudes[amplitude][:, None] * directions[symbols % len(directions)]


# 16. Codec 3: int8 rows -------------------------------------------------------------------------------------

class IntegerParameters(NamedTuple):
    gain_type: int   # 1 float16, 2 float32


# 16.1 Parameters

def read_integer_parameters(opened: QamwFile, tensor: Tensor, what: str) -> IntegerParameters:
    bits, first, second, gain_type = tensor.coding.parameters
    if bits != 8:
        raise Unsupported(f"{what}: {bits} bits a symbol")
    require(first == 0 and second == 0, f"{what}: a reserved byte is not zero")
    require_gain_type(gain_type, what)
    require(tensor.coding.codebook is None and tensor.coding.seed is None, f"{what}: it has a codebook or a seed")
    require_rows(tensor, what, tensor.columns, gain_type)
    return IntegerParameters(gain_type)


# 16.2 Decoding

def decode_integer_rows(packed: np.ndarray, gains: np.ndarray, scales: Optional[np.ndarray]) -> np.ndarray:
    w = packed.view(np.int8).astype(np.float32) * gains.astype(np.float32)[:, None]
    return w if scales is None else w / scales.astype(np.float32)


# 17. Codec 4: trellis ---------------------------------------------------------------------------------------

TILE_ROWS, TILE_COLUMNS = 16, 32


class TrellisParameters(NamedTuple):
    window: int      # W
    rate: int        # n, bits of two weights
    log_block: int   # k
    gain_type: int   # 1 float16, 2 float32
    step: np.float32


# 17.1 Parameters

def read_trellis_parameters(opened: QamwFile, tensor: Tensor, what: str) -> TrellisParameters:
    window, rate, k, gain_type = tensor.coding.parameters[:4]
    step = np.frombuffer(tensor.coding.parameters[4:], "<f4")[0]
    if window not in (12, 14, 16):
        raise Unsupported(f"{what}: a window of {window} bits")
    require(3 <= rate <= min(13, window), f"{what}: rate {rate}, window {window}")
    require_block(tensor, what, k)
    require_gain_type(gain_type, what)
    require(bool(np.isfinite(step)) and step > 0, f"{what}: the step is not positive")
    require(tensor.coding.codebook is None and tensor.coding.seed is not None, f"{what}: it has a codebook or no seed")
    require_rows(tensor, what, groups_of(tensor.columns, TILE_COLUMNS) * 32 * rate, gain_type, TILE_ROWS)
    return TrellisParameters(window, rate, k, gain_type, step)


# 17.2 Symbols

def trellis_coordinates(packed: np.ndarray, parameters: TrellisParameters, columns: int) -> np.ndarray:
    """Integers of the groups' rows: groups x bytes become 16 rows of each group."""
    groups, n, window = len(packed), parameters.rate, parameters.window
    words = packed.reshape(groups, -1, n, 8, 2, 2)              # group, tile, g mod n, floor(g / n), ring, byte
    rings = bits_of(words.transpose(0, 1, 4, 3, 2, 5).reshape(groups, -1, 2, 16 * n))
    place = (np.arange(256)[:, None] * n // 2 + np.arange(window)) % (128 * n)
    windows = (rings[..., place].astype(np.int64) << np.arange(window)).sum(axis=-1)
    h = windows * 0x83DCD12D & 0xFFFFFFFF
    y = sum(h >> shift & 0xFF for shift in (0, 8, 16, 24)) - 510
    y = y.reshape(groups, -1, 2, 8, 2, 16)                      # group, tile, ring, floor(t / 32), half, column of the ring
    return y.transpose(0, 4, 3, 1, 2, 5).reshape(groups * TILE_ROWS, -1)[:, :columns]


# 17.3 Decoding

def decode_trellis_rows(packed: np.ndarray, gains: np.ndarray, scales: Optional[np.ndarray], negative: np.ndarray,
                        parameters: TrellisParameters, columns: int) -> np.ndarray:
    y = trellis_coordinates(packed, parameters, columns)[:len(gains)]
    return rotate_back(y, gains.astype(np.float32) * parameters.step, scales, negative, parameters.log_block)


# Tensors of any kind ----------------------------------------------------------------------------------------

def decode_tensor(opened: QamwFile, name: str) -> np.ndarray:
    """float32 of a coded tensor; bytes (uint8) of a raw one; for an alias the target's."""
    tensor = opened.tensor(name)
    if tensor.kind == ALIAS:
        tensor = opened.tensors[tensor.target]
    if tensor.unreadable:
        raise Unsupported(f"tensor {tensor.name!r}: {tensor.unreadable}")
    if tensor.kind == RAW:
        return np.frombuffer(read_raw(opened, tensor), np.uint8)
    parameters = read_parameters(opened, tensor)
    rows, columns = tensor.rows, tensor.columns
    _, group, group_bytes = tensor.coding.streams[0]
    packed = np.frombuffer(opened.stored(tensor.extents[0]), np.uint8).reshape(groups_of(rows, group), group_bytes)
    gains = np.frombuffer(opened.stored(tensor.extents[1]), "<f2" if parameters.gain_type == 1 else "<f4")
    scales = None
    if len(tensor.extents) == 3:
        scales = np.frombuffer(opened.stored(tensor.extents[2]), "<f2")
        halves = scales.view("<u2")
        require(bool(((halves >= 0x0400) & (halves <= 0x7BFF)).all()), f"tensor {name!r}: a channel scale is not positive and normal")
    require(bool((np.isfinite(gains) & ~np.signbit(gains)).all()), f"tensor {name!r}: a gain is negative or not finite")
    negative = None if tensor.coding.seed is None else signs(opened.seeds[tensor.coding.seed], columns)
    result, step = np.empty((rows, columns), np.float32), align_up(max(1, (1 << 20) // max(1, columns)), group)
    for begin in range(0, rows, step):
        part, symbols = slice(begin, begin + step), packed[begin // group:(begin + step) // group]
        if isinstance(parameters, IntegerParameters):
            result[part] = decode_integer_rows(symbols, gains[part], scales)
        elif isinstance(parameters, TrellisParameters):
            result[part] = decode_trellis_rows(symbols, gains[part], scales, negative, parameters, columns)
        else:
            result[part] = decode_rows(symbols, gains[part], scales, negative, parameters, columns)
    return result.reshape(tensor.shape)


# The command ------------------------------------------------------------------------------------------------

def describe(opened: QamwFile) -> None:
    header = opened.header
    print(f"version {header.version[0]}.{header.version[1]}, {header.file_length} bytes, alignment {header.alignment}")
    if opened.shards:
        print(f"file {opened.shards.number} of a set of {opened.shards.count}")
    for section in opened.sections.values():
        note = "" if section.name in KNOWN_SECTIONS else "  (unknown, skipped)"
        print(f"section {section.name:<16} offset {section.offset:>12} length {section.length:>12}  {section.checksum:016x}{note}")
    for key, (kind, value) in opened.metadata.items():
        text = "unreadable" if value is None else f"array of {len(value[1])} of type {value[0]}" if kind == ARRAY else repr(value)
        print(f"metadata {key!r} type {kind}: {text[:100]}")
    for tensor in opened.tensors:
        if tensor.unreadable:
            what = f"unreadable: {tensor.unreadable}"
        elif tensor.kind == ALIAS:
            what = f"alias of {opened.tensors[tensor.target].name!r}"
        elif tensor.kind == RAW:
            what = f"raw {DTYPES[tensor.dtype][0]}{', zstd' if tensor.compression else ''}"
        else:
            what = f"codec {tensor.coding.codec}, parameters {tensor.coding.parameters.hex(' ')}"
            what += ", channel scales" if any(role == CHANNEL_SCALES for role, _, _ in tensor.coding.streams) else ""
        print(f"tensor {tensor.name!r} {list(tensor.shape)}: {what}")
    for file in opened.files:
        print(f"file {file.name!r}: role {file.role}, {file.content_length} bytes{', compressed' if file.compression else ''}")


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="Reference decoder of .qamw 0.3.")
    parser.add_argument("path", metavar="FILE")
    parser.add_argument("--tensor", metavar="NAME")
    parser.add_argument("--file", metavar="NAME")
    parser.add_argument("--all", metavar="OUT.npz")
    parser.add_argument("-o", "--output", metavar="OUT")
    options = parser.parse_args(arguments)
    if (options.tensor is not None or options.file is not None) and not options.output:
        parser.error("--tensor and --file need -o OUT")
    def read(name: str):
        with open(os.path.join(os.path.dirname(options.path), name), "rb") as file:
            return file.read() if file.seek(0, 2) == 0 else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    try:
        model = open_model(os.path.basename(options.path), read)
        if options.tensor is not None:
            if options.tensor not in model.tensors:
                raise StopIteration
            np.save(options.output, decode_tensor(model.tensors[options.tensor], options.tensor))
        elif options.file is not None:
            content = read_file(model.files[0], options.file)
            with open(options.output, "wb") as file:
                file.write(content)
        elif options.all:
            with zipfile.ZipFile(options.all, "w") as archive:
                for name, opened in model.tensors.items():
                    with archive.open(name + ".npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, decode_tensor(opened, name), allow_pickle=False)
        else:
            count = 0
            for opened in model.files:
                describe(opened)
                problems, warnings = verify(opened)
                count += len(problems)
                for line in problems + [f"warning: {warning}" for warning in warnings]:
                    print(f"qamw_reference: {options.path}: {line}", file=sys.stderr)
            print(f"{count} problems" if count else "verified: every checksum and all padding")
            return 65 if count else 0
    except (Damaged, Unsupported) as error:
        print(f"qamw_reference: {options.path}: {error}", file=sys.stderr)
        return 65
    except (OSError, StopIteration) as error:
        print(f"qamw_reference: {options.path}: {str(error) or 'there is no such tensor or file'}", file=sys.stderr)
        return 66
    return 0


if __name__ == "__main__":
    sys.exit(main())
