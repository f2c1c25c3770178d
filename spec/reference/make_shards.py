#!/usr/bin/env python3
"""Small sets of .qamw files (section 6.9 of qamw.md): one that a reader must accept, and others that it must refuse.

    python make_shards.py DIR    writes them all

The model is the same in each: `proj` and its alias `tied`, `norm`, `bias`, in files of one or two tensors. The writer is make_example's. It
needs Python 3.9, xxhash and zstandard.
"""

import os
import struct
import sys

import make_example
from make_example import Writer, text, xxh3

ACCEPT, WARNING, REJECT = "accept", "accept-with-warning", "reject"
CODEBOOK = make_example.example_codebook()
COUNT = 3
# The order of the model, and the file of each tensor: an alias is in the file of its target.
TENSORS = [("tied", 2), ("norm", 1), ("proj", 2), ("bias", 3)]


def name_of(prefix, number, count=COUNT):
    return f"{prefix}-{number:05}-of-{count:05}.qamw"


def section(number, count, identities=(), tensors=(), length=8, record=4):
    """Section 6.9; `length` and `record` are the lengths of records, whose further bytes are for later versions."""
    out = struct.pack("<IIII", number, count, length, 0)
    out += b"".join(struct.pack("<Q", i) + b"?" * (length - 8) for i in identities) + struct.pack("<Q", len(tensors))
    return out + b"".join(text(name, 4) + struct.pack("<II", record, shard) + b"?" * (record - 4) for name, shard in tensors)


def identity(data):
    at, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<I", data, 24)[0]
    entries = [data[i:i + 64] for i in range(at, at + 64 * count, 64)]
    return xxh3(b"".join(e for e in entries if e[:16].rstrip(b"\0") not in (b"metadata", b"spare")))


def file(number, shards, scale=1.0, seed=42, tensors=TENSORS, claim=0):
    """A file of the set with a section `shards`, or without one. `scale` changes the weights' values; `claim` adds a tensor with that many
    elements that takes no bytes."""
    writer = Writer(metadata=[("general.name", 8, "three files")] if number == 1 else [])
    writer.codebooks, writer.seeds, writer.producer, writer.shards = [CODEBOOK], [seed], writer.producer or b"make_shards 1", shards
    names = [name for name, shard in tensors if shard == number]
    row = [((37 * j + 11) % 64 - 31.5) / 64 for j in range(64)]
    gain, symbols = make_example.encode_octant_row(row, 42, 6, CODEBOOK)
    for name in names:
        if name == "proj":
            writer.coded(name, (1, 64), 18, 0, 0, bytes([2, 8, 6, 1]), [(1, 0, 44, symbols), (2, 0, 2, struct.pack("<e", scale * gain))])
        elif name == "tied":
            writer.alias(name, (1, 64), names.index("proj"))
        else:
            writer.raw(name, (3,), 18, struct.pack("<3f", scale, -0.5, 2.0))
    if claim:
        writer.coded(f"claim {number}", (claim,), 18, 0xFFFF, 0xFFFF, b"", [(1, 1, 0, b"")], codec=77)
    if number == 1:
        writer.file("note.txt", b"hello\n")
    return writer.bytes()


def files(others=None, tensors=TENSORS, claim=0, **first):
    """The bytes of all files; `others` are the files that the first one refers to."""
    others = others or [file(number, section(number, COUNT), claim=claim) for number in range(2, COUNT + 1)]
    return [file(1, section(1, COUNT, [identity(data) for data in others], tensors, **first), claim=claim), *others]


def refused(prefix, data, why, code="malformed", place="shards"):
    """A set whose first file is refused; the others are valid on their own. Files that are None are missing."""
    verdicts = [(REJECT, code, place)] + [(WARNING if b"shards\0" in d else ACCEPT, None, None) if d else None for d in data[1:]]
    return [(name_of(prefix, i + 1), d, *verdict, why) for i, (d, verdict) in enumerate(zip(data, verdicts)) if d]


def alone(name, shards, why, code="malformed", number=1):
    return [(f"shards-{name}.qamw", file(number, shards), REJECT, code, "shards", why)]


def cases():
    """Groups of files in one folder: lists of (file name, bytes, verdict, code or None, section or None, why)."""
    good = files()

    def accepted(prefix, data, why):
        return [(name_of(prefix, i + 1), d, WARNING if i else ACCEPT, None, None, why if i == 0 else "a file of a set by itself") for i, d in enumerate(data)]

    yield accepted("set", good, "a set of three files")
    yield accepted("set-edited", [make_example.edited(data, [("k", 4, 1)])[1] if i == 0 else data for i, data in enumerate(good)],
                   "a set whose metadata were edited in place")
    yield accepted("set-future", files(length=12, record=9), "a set whose records are longer")

    yield refused("shards-missing", [good[0], good[1], None], "a file of the set is missing")
    yield refused("shards-exchanged", [good[0], good[2], good[1]], "two files of the set have each other's names")
    yield refused("shards-stale", [good[0], file(2, section(2, COUNT), scale=2.0), good[2]], "a file is of another time")
    yield refused("shards-other", [good[0], good[1], file(3, section(3, COUNT + 1))], "a file is of a set of another count")
    yield refused("shards-none", [good[0], good[1], file(3, None)], "a file belongs to no set")
    tables = [file(2, section(2, COUNT)), file(3, section(3, COUNT), seed=43)]
    yield refused("shards-seeds", files(tables), "a file has other seeds")
    yield refused("shards-index-swapped", files(tensors=[("tied", 2), ("norm", 1), ("proj", 3), ("bias", 2)]), "the index puts tensors into other files")
    yield refused("shards-index-order", files(tensors=[TENSORS[2], *TENSORS[:2], TENSORS[3]]), "the index has another order than a file")
    yield refused("shards-index-more", files(tensors=[*TENSORS, ("more", 3)]), "the index lists a tensor that no file holds")
    yield refused("shards-index-fewer", files(tensors=TENSORS[:3]), "the index does not list a tensor of a file")
    claims = files(tensors=[*TENSORS, *((f"claim {number}", number) for number in range(1, COUNT + 1))], claim=1 << 55)
    yield refused("shards-total", claims, "more elements in all files than a reader takes", "limitExceeded")
    yield [("shards-renamed.qamw", good[0], REJECT, "malformed", "shards", "the first file of a set has another name")]

    identities = [identity(data) for data in good[1:]]
    yield alone("number-0", section(0, COUNT), "a file of number 0")
    yield alone("number-4", section(4, COUNT), "a file beyond the set", number=2)
    yield alone("count-1", section(1, 1), "a set of one file")
    yield alone("count-huge", section(2, 65536), "a set of too many files", number=2)
    yield alone("records-cut", section(1, COUNT, identities[:1]), "fewer shard records than other files")
    yield alone("records-short", struct.pack("<IIIIQ", 2, COUNT, 7, 0, 0), "shard records of 7 bytes", number=2)
    yield alone("records-huge", struct.pack("<IIIIQ", 1, COUNT, 0xFFFFFFFF, 0, 0), "shard records of 4 GiB")
    yield alone("tensors-huge", section(1, COUNT, identities)[:-8] + struct.pack("<Q", 1 << 62), "more tensors than there can be")
    yield alone("tensors-elsewhere", section(2, COUNT, (), TENSORS), "another file than the first lists tensors", number=2)
    yield alone("tensor-twice", section(1, COUNT, identities, [*TENSORS, TENSORS[0]]), "two tensors of one name")
    yield alone("tensor-shard-0", section(1, COUNT, identities, [*TENSORS[:3], ("bias", 0)]), "a tensor in file 0")
    yield alone("tensor-shard-4", section(1, COUNT, identities, [*TENSORS[:3], ("bias", 4)]), "a tensor beyond the set")
    yield alone("tensor-record", section(1, COUNT, identities, TENSORS)[:-8] + struct.pack("<II", 3, 3), "a tensor record of 3 bytes")
    yield alone("tail", section(1, COUNT, identities, TENSORS) + b"\0", "bytes behind the last record")
    damaged = bytearray(good[1])
    damaged[damaged.index(section(2, COUNT)) + 20] ^= 1
    yield [("shards-damaged.qamw", bytes(damaged), REJECT, "checksumMismatch", "shards", "damage in the section")]


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 64
    os.makedirs(arguments[0], exist_ok=True)
    for group in cases():
        for name, data, *_ in group:
            with open(os.path.join(arguments[0], name), "wb") as out:
                out.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
