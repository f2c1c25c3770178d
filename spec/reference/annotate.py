#!/usr/bin/env python3
"""Prints a small .qamw file byte by byte with the fields' names, as section 11 of qamw.md does.

    python annotate.py FILE

Each line has the offset, the bytes (`00 x N` for N zero bytes), and their meaning. Requires the packages of qamw_reference.py.
"""

import sys

import qamw_reference as qamw


class Listing:
    def __init__(self, data):
        self.data, self.at = data, 0

    def show(self, count, label, wide=16):
        piece = self.data[self.at:self.at + count]
        if count > 16 and not any(piece):
            print(f"{self.at:08x}  {'00 x ' + str(count):<47}  {label}")
        else:
            for begin in range(0, count, wide):
                print(f"{self.at + begin:08x}  {piece[begin:begin + wide].hex(' '):<47}  {label if begin == 0 else ''}".rstrip())
        self.at += count
        return piece

    def number(self, width, label):
        value = int.from_bytes(self.data[self.at:self.at + width], "little")
        self.show(width, f"{label} = {value}")
        return value

    def title(self, text):
        print(f"\n; {text}")


def header(out):
    out.title("Header (section 3)")
    out.show(8, "signature")
    out.number(2, "major version"), out.number(2, "minor version"), out.number(4, "alignment"), out.number(8, "file length")
    out.number(4, "sections"), out.show(4, "unused"), out.show(8, "XXH3 of the section table"), out.number(8, "table offset")
    out.number(4, "required features"), out.number(4, "optional features"), out.show(8, "XXH3 of bytes 0 to 55")


def table(out, sections):
    for section in sections:
        out.title(f"Section table entry: {section.name} (section 4)")
        out.show(16, "name"), out.number(4, "flags"), out.show(4, "unused"), out.number(8, "offset")
        out.number(8, "length"), out.number(8, "content length"), out.show(8, "checksum"), out.show(8, "unused")


def metadata(out, opened):
    out.number(8, "entries")
    for key, (kind, value) in opened.metadata.items():
        out.show(out.number(8, "length of the key"), f'key "{key}"')
        out.number(4, "type"), out.number(8, "length of the value")
        if kind != qamw.STRING:
            raise SystemExit("only strings are shown")
        out.show(out.number(8, "length of the string"), f'value "{value}"')


def directory(out, opened):
    out.number(8, "tensors"), out.number(8, "files")
    for tensor in opened.tensors:
        out.show(out.number(4, "length of the name"), f'name "{tensor.name}"')
        out.number(4, "length of the record")
        out.number(1, "kind"), out.number(1, "rank"), out.number(1, "extents"), out.show(1, "unused")
        for index in range(len(tensor.shape)):
            out.number(8, f"dimension {index}")
        for extent in tensor.extents:
            out.show(1, f"section {extent.section}"), out.show(7, "unused"), out.number(8, f"offset in {extent.section}"), out.number(8, "length")
        if tensor.kind == qamw.ALIAS:
            out.number(8, "target")
        elif tensor.kind == qamw.RAW:
            out.number(1, "dtype"), out.number(1, "compression"), out.show(2, "unused")
        else:
            out.number(2, "codec"), out.number(1, "source dtype"), out.number(1, "length of the parameters")
            out.number(2, "codebook"), out.number(2, "seed")
            out.show(len(tensor.coding.parameters), "parameters: family, b or s, k, gain type" if tensor.coding.codec == qamw.QAM_PAIRS else "parameters")
            for _ in tensor.extents:
                out.number(1, "role")
                if out.number(1, "stream kind") == 2:
                    out.number(1, "g"), out.show(1, "unused")
                else:
                    out.show(2, "unused")
                out.number(8, "bytes")
    for file in opened.files:
        out.show(out.number(4, "length of the name"), f'name "{file.name}"')
        out.number(4, "length of the record")
        out.number(1, "compression"), out.number(1, "role"), out.show(2, "unused"), out.number(8, "content length")
        out.number(8, "offset in files"), out.number(8, "length")


def codebooks(out, opened):
    out.number(8, "codebooks")
    for _, record in opened.codebooks:
        out.number(2, "codec"), out.show(2, "unused"), out.number(4, "length")
        out.number(1, "family"), out.number(1, "b or s"), out.number(1, "window bits"), out.show(1, "zero"), out.show(4, "step")
        out.show(len(record) - 8, "points: a, b, a, b, ...")
        if -len(record) % 8:
            out.show(-len(record) % 8, "padding of the record")


def seeds(out, opened):
    out.number(8, "seeds"), out.number(4, "length of a record"), out.show(4, "unused")
    for index, seed in enumerate(opened.seeds):
        out.show(8, f"seed {index} = {seed}")


def extents(out, opened, section):
    for owner, extent in qamw.extents_of(opened, section.name):
        gap = section.offset + extent.offset - out.at
        if gap:
            out.show(gap, "padding")
        if section.name == "symbols" and extent.length == 44:
            out.show(4, f"{owner}: first signs"), out.show(4, "second signs"), out.show(4, "swaps"), out.show(32, "base bits")
        else:
            out.show(extent.length, owner)


def main(path):
    with open(path, "rb") as file:
        data = file.read()
    opened, out = qamw.open_qamw(data), Listing(data)
    header(out)
    table(out, opened.sections.values())
    for section in opened.sections.values():
        if section.offset > out.at:
            print()
            out.show(section.offset - out.at, "padding")
        out.title(f"Section {section.name}")
        special = {"metadata": metadata, "directory": directory, "codebooks": codebooks, "seeds": seeds}.get(section.name)
        if special and not section.flags & qamw.ZSTD:
            special(out, opened)
        elif section.flags & qamw.CHUNKED:
            extents(out, opened, section)
        elif section.name == "checksums":
            for name in (name for name in opened.sections if name in qamw.CHUNKED_SECTIONS):
                for owner, extent in qamw.extents_of(opened, name):
                    for chunk in range((extent.length + qamw.CHUNK - 1) // qamw.CHUNK):
                        out.show(8, f"{name}, {owner}, chunk {chunk}")
        else:
            out.show(section.length, "stored bytes")


if __name__ == "__main__":
    main(sys.argv[1])
