#!/usr/bin/env python3
"""Opens GGUF files that the command wrote with PyPI's gguf, and compares every key and every tensor with the input.

    gguf_check.py QAMW_BINARY TESTDATA_DIR

Inputs: files with every metadata type and every tensor type that the peer can write, little- and big-endian, with several alignments
and split; each model in TESTDATA_DIR, with its names kept and, quantized, in the packed form; and the .gguf files of the folder in the
variable GGUF_VOCABULARIES, if set.
"""

import os
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import gguf
import numpy as np

import oracle
from safetensors_check import packed_form, qamw

TYPES = gguf.GGMLQuantizationType
SPLIT_KEYS = {"split.no", "split.count", "split.tensors.count"}


class Contents:
    """A file as read by the peer: keys in order with types and values, tensors in order with type, shape and bytes."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.version = int(reader.fields["GGUF.version"].parts[0][0])
        self.keys = {name: (tuple(field.types), value(field)) for name, field in reader.fields.items() if not name.startswith("GGUF.")}
        self.tensors = {t.name: (TYPES(t.tensor_type), tuple(int(n) for n in t.shape[::-1]), t.data.tobytes()) for t in reader.tensors}
        self.offsets = [int(t.data_offset) for t in reader.tensors]
        self.alignment, self.start = reader.alignment, reader.data_offset


def value(field):
    """As bits, so that NaNs can be compared."""
    if field.types[:1] == [gguf.GGUFValueType.ARRAY]:
        if field.types[-1] == gguf.GGUFValueType.STRING:
            return [bytes(field.parts[index]) for index in field.data]
        return [field.parts[index].tobytes() for index in field.data]
    return bytes(field.parts[field.data[0]])


def random_bytes(generator, dtype, shape):
    """Blocks of finite numbers, which a peer must return unchanged."""
    return generator.integers(0, 120, gguf.quant_shape_to_byte_shape(shape, dtype), np.uint8)


def write(path, keys=(), tensors=(), endianess=gguf.GGUFEndian.LITTLE, **options):
    """keys: (name, value, type, subtype); tensors: (name, shape, type, bytes or array)"""
    writer = gguf.GGUFWriter(path, "test", endianess=endianess, **options)
    for name, content, kind, sub in keys:
        if name == "general.alignment":
            writer.add_custom_alignment(content)
        else:
            writer.add_key_value(name, content, kind, sub)
    for name, dtype, array in tensors:
        writer.add_tensor(name, array, raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def all_keys():
    kinds = gguf.GGUFValueType
    scalars = {
        kinds.UINT8: 255, kinds.INT8: -128, kinds.UINT16: 65535, kinds.INT16: -32768, kinds.UINT32: 2**32 - 1, kinds.INT32: -2**31,
        kinds.FLOAT32: 1.5, kinds.BOOL: True, kinds.STRING: "ünï \n\0 名", kinds.UINT64: 2**64 - 1, kinds.INT64: -2**63, kinds.FLOAT64: 1e300,
    }
    keys = [(f"scalar.{kind.name}", content, kind, None) for kind, content in scalars.items()]
    keys += [(f"array.{kind.name}", [content] * 3, kinds.ARRAY, kind) for kind, content in scalars.items()]
    keys.append(("array.long", [f"token {i}" * (i % 5) for i in range(70000)], kinds.ARRAY, kinds.STRING))
    keys.append(("float.nan", float("nan"), kinds.FLOAT32, None))
    keys.append(("float.infinite", float("-inf"), kinds.FLOAT64, None))
    return keys


def all_tensors():
    generator = np.random.default_rng(20261124)
    tensors = [("one.number", None, np.float32([0.5]))]
    plain = {TYPES.F32: np.float32, TYPES.F16: np.float16, TYPES.F64: np.float64, TYPES.I8: np.int8, TYPES.I16: np.int16,
             TYPES.I32: np.int32, TYPES.I64: np.int64}
    for dtype, kind in plain.items():
        tensors.append((f"plain.{dtype.name}", None, (generator.standard_normal((3, 5, 2)) * 100).astype(kind)))
    for dtype, (block, _) in gguf.GGML_QUANT_SIZES.items():
        # The peer assumes 40 bytes per Q8_1 block where ggml has 36: its offsets after such a tensor would be wrong.
        if dtype not in plain and dtype != TYPES.Q8_1:
            tensors.append((f"block.{dtype.name}", dtype, random_bytes(generator, dtype, (3, 2 * block))))
    tensors.append(("four.dimensions", None, generator.standard_normal((2, 3, 4, 5)).astype(np.float32)))
    tensors.append(("large", None, generator.standard_normal((300, 1001)).astype(np.float32)))
    return tensors


def same(tally, actual, expected, what, but=frozenset()):
    """Keys in order, tensors in order, and the layout that loaders require."""
    keys = {name: content for name, content in expected.keys.items() if name not in but}
    tally.check(list(actual.keys.items()) == list(keys.items()), f"{what}: keys differ: {set(actual.keys) ^ set(keys)}")
    tally.check(list(actual.tensors.items()) == list(expected.tensors.items()), f"{what}: tensors differ")
    tally.check(actual.version == 3, f"{what}: version {actual.version}")
    place = actual.start
    for offset, (_, _, data) in zip(actual.offsets, actual.tensors.values()):
        tally.check(offset == place, f"{what}: a tensor begins at {offset}, not at {place}")
        place += (len(data) + actual.alignment - 1) // actual.alignment * actual.alignment


def check_routes(command, source, scratch, tally, what):
    expected = Contents(source)
    for steps in (["a.gguf"], ["b.qamw", "b.gguf"]):
        previous = source
        for step in steps:
            output = os.path.join(scratch, step)
            if not command.run("convert", previous, output, "--force", "--quiet"):
                break
            previous = output
        else:
            same(tally, Contents(previous), expected, f"{what}, {' '.join(steps)}")


def check_big_endian(command, scratch, tally):
    """The numbers equal those of the little-endian file; the peer does not swap the bytes of blocks, so they are omitted."""
    little, big, back = (os.path.join(scratch, name) for name in ("little.gguf", "big.gguf", "back.gguf"))
    tensors = [t for t in all_tensors() if not t[0].startswith("block.")]
    write(little, all_keys(), tensors)
    write(big, all_keys(), tensors, gguf.GGUFEndian.BIG)
    if command.run("convert", big, back, "--force", "--quiet"):
        same(tally, Contents(back), Contents(little), "big-endian")


def check_alignment(command, scratch, tally):
    source, output = os.path.join(scratch, "aligned.gguf"), os.path.join(scratch, "realigned.gguf")
    for alignment in (8, 64, 4096):
        write(source, [("general.alignment", alignment, None, None)] + all_keys()[:3], all_tensors())
        check_routes(command, source, scratch, tally, f"alignment {alignment}")
    for alignment in (1, 32, 256):
        if command.run("convert", source, output, "--alignment", str(alignment), "--force", "--quiet"):
            actual = Contents(output)
            tally.check(actual.alignment == alignment, f"--alignment {alignment}: {actual.alignment}")
            tally.check(actual.tensors == Contents(source).tensors, f"--alignment {alignment}: tensors differ")


def check_splits(command, scratch, tally):
    """The command reads the peer's split set, and vice versa."""
    whole = os.path.join(scratch, "whole.gguf")
    write(whole, all_keys(), all_tensors())
    expected = Contents(whole)
    write(os.path.join(scratch, "peer.gguf"), all_keys(), all_tensors(), split_max_size=2000)
    first = sorted(name for name in os.listdir(scratch) if name.startswith("peer-00001-of-"))[0]
    joined = os.path.join(scratch, "joined.gguf")
    if command.run("convert", os.path.join(scratch, first), joined, "--force", "--quiet"):
        same(tally, Contents(joined), expected, "the peer's split set")
    if command.run("convert", whole, os.path.join(scratch, "ours.gguf"), "--max-shard-size", "2000B", "--force", "--quiet"):
        names = sorted(name for name in os.listdir(scratch) if name.startswith("ours-"))
        tensors = {}
        for number, name in enumerate(names):
            tally.check(name == f"ours-{number + 1:05}-of-{len(names):05}.gguf", f"the name {name}")
            shard = Contents(os.path.join(scratch, name))
            tensors.update(shard.tensors)
            counts = [int.from_bytes(shard.keys[key][1], "little") for key in ("split.no", "split.count", "split.tensors.count")]
            tally.check(counts == [number, len(names), len(expected.tensors)], f"{name}: {counts}")
            tally.check(shard.keys["split.no"][0] == (gguf.GGUFValueType.UINT16,), f"{name}: the type of split.no")
            tally.check(number > 0 or {k: v for k, v in shard.keys.items() if k not in SPLIT_KEYS} == expected.keys, f"{name}: keys")
        tally.check(list(tensors.items()) == list(expected.tensors.items()), "our split set: tensors differ")
        tally.check(len(names) > 5, "our split set: too few files")
        command.run("verify", os.path.join(scratch, names[0]), "--quiet")


def check_metadata(command, scratch, tally):
    path = os.path.join(scratch, "edited.gguf")
    write(path, all_keys(), all_tensors())
    before = Contents(path)
    for arguments, key, kind, content in (
            (["--set", "scalar.UINT32=u32:7"], "scalar.UINT32", gguf.GGUFValueType.UINT32, struct.pack("<I", 7)),
            (["--set", "new=string:" + "x" * 5000], "new", gguf.GGUFValueType.STRING, b"x" * 5000)):
        inode = os.stat(path).st_ino
        command.run("metadata", path, *arguments)
        after = Contents(path)
        tally.check(after.keys.get(key) == ((kind,), content), f"metadata {key}")
        tally.check(after.tensors == before.tensors, f"metadata {key}: tensors differ")
        tally.check((os.stat(path).st_ino == inode) == (key != "new"), f"metadata {key}: in place")
    command.run("metadata", path, "--remove", "new", "--set", "scalar.UINT32=u32:4294967295")
    same(tally, Contents(path), before, "metadata set and removed")


def carriers_of(path):
    """The carriers that section 9 of the spec requires in GGUF: name -> (dtype, shape, bytes)."""
    opened = qamw.open_qamw(oracle.read_file(path))
    files = [file.name for file in opened.files]
    plain, _ = packed_form(opened, files)
    short = {}
    for index, tensor in enumerate(opened.tensors):
        short[tensor.name] = f"qamw.tensors.{index}"
        for role in ("symbols", "gains", "channel_scales"):
            short[f"{tensor.name}.qamw.{role}"] = f"qamw.tensors.{index}.{role}"
    carriers = {}
    for name, (dtype, shape, data) in plain.items():
        dtype = {"U8": "I8", "U64": "I64"}.get(dtype, dtype)
        carriers[name if len(name.encode()) < 64 else short[name]] = (dtype, tuple(shape), bytes(data))
    return carriers


def check_model(command, model, scratch, tally):
    """Kept names: the peer reads the safetensors' tensors. Packed: the peer opens the file, and it unpacks to the same .qamw."""
    name, kept = os.path.basename(model), os.path.join(scratch, "kept.gguf")
    tensors, _ = oracle.decode_safetensors(oracle.read_file(os.path.join(model, "model.safetensors")))
    if command.run("convert", os.path.join(model, "model.safetensors"), kept, "--force", "--quiet"):
        actual = {key: (kind.name, shape, data) for key, (kind, shape, data) in Contents(kept).tensors.items()}
        tally.check(actual == tensors, f"{name}, kept: tensors differ")
    coded, packed, again = (os.path.join(scratch, f) for f in ("coded.qamw", "packed.gguf", "again.qamw"))
    if not command.run("quantize", "--plain", model, coded, "--force", "--quiet"):
        return
    for options in ([], ["--max-shard-size", "1MB"]):
        if not command.run("convert", coded, packed, "--packed", "--force", "--quiet", *options):
            continue
        shards = sorted(f for f in os.listdir(scratch) if f.startswith("packed-"))
        opened = [Contents(os.path.join(scratch, f)) for f in shards] or [Contents(packed)]
        tally.check("qamw.directory" in opened[0].keys, f"{name}, packed: no directory")
        tensors = {key: (kind.name, shape, data) for shard in opened for key, (kind, shape, data) in shard.tensors.items()}
        tally.check(tensors == carriers_of(coded), f"{name}, packed: the carriers are not those of the spec's section 9")
        first = os.path.join(scratch, shards[0]) if shards else packed
        if command.run("convert", first, again, "--force", "--quiet"):
            tally.check(oracle.read_file(again) == oracle.read_file(coded), f"{name}: packed and unpacked, it has other bytes")


def check_vocabularies(command, folder, scratch, tally):
    for name in sorted(f for f in os.listdir(folder) if f.endswith(".gguf")):
        path = os.path.join(folder, name)
        best = 1.0
        # The machine may be busy.
        for _ in range(20):
            start = time.time()
            subprocess.run([command.path, "verify", path, "--quiet"], check=False)
            best = min(best, time.time() - start)
            if best < 0.1:
                break
        tally.check(best < 0.1, f"{name}: opening takes {best:.3f} s")
        check_routes(command, path, scratch, tally, name)
        data = oracle.read_file(path)
        tally.check(data[4] != 3 or oracle.read_file(os.path.join(scratch, "a.gguf")) == data, f"{name}: other bytes")
        print(f"{name}: opened in {best * 1000:.0f} ms", flush=True)


def check(command, testdata, scratch, tally):
    everything = os.path.join(scratch, "everything.gguf")
    write(everything, all_keys(), all_tensors())
    check_routes(command, everything, scratch, tally, "all types")
    write(everything, all_keys())
    check_routes(command, everything, scratch, tally, "no tensors")
    check_big_endian(command, scratch, tally)
    check_alignment(command, scratch, tally)
    check_splits(command, scratch, tally)
    check_metadata(command, scratch, tally)
    for model in oracle.models(testdata):
        check_model(command, model, scratch, tally)
    if os.environ.get("GGUF_VOCABULARIES"):
        check_vocabularies(command, os.environ["GGUF_VOCABULARIES"], scratch, tally)


if __name__ == "__main__":
    sys.exit(oracle.main(check, "gguf_check.py"))
