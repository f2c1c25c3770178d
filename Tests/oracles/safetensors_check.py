#!/usr/bin/env python3
"""Opens safetensors files that the command wrote with PyPI's safetensors, and compares them with the input bit for bit.

    safetensors_check.py QAMW_BINARY TESTDATA_DIR

Inputs: a file with every dtype of safetensors and unusual shapes and names, and each model in TESTDATA_DIR; converted directly, through
.qamw and, quantized, in the packed form.
"""

import json
import os
import sys

sys.dont_write_bytecode = True
import numpy as np
import safetensors
import safetensors.numpy

import oracle

sys.path.insert(0, os.path.join(oracle.SPEC, "reference"))
import qamw_reference as qamw

# name: (elements, bytes) of the smallest whole number of bytes
DTYPES = {
    "BOOL": (1, 1), "F4": (2, 1), "F6_E2M3": (4, 3), "F6_E3M2": (4, 3), "U8": (1, 1), "I8": (1, 1), "F8_E5M2": (1, 1),
    "F8_E4M3": (1, 1), "F8_E8M0": (1, 1), "F8_E4M3FNUZ": (1, 1), "F8_E5M2FNUZ": (1, 1), "I16": (1, 2), "U16": (1, 2), "F16": (1, 2),
    "BF16": (1, 2), "I32": (1, 4), "U32": (1, 4), "F32": (1, 4), "C64": (1, 8), "F64": (1, 8), "I64": (1, 8), "U64": (1, 8),
}
NUMPY = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2", "I32": "<i4", "U32": "<u4", "F32": "<f4",
    "F64": "<f8", "I64": "<i8", "U64": "<u8",
}


def peer_reads(data):
    """name -> (dtype, shape, bytes) as read by PyPI's safetensors."""
    return {name: (t["dtype"], tuple(t["shape"]), bytes(t["data"])) for name, t in safetensors.deserialize(data)}


def peer_opens(path):
    """Whether the numpy framework gives the same arrays for the types that it supports."""
    tensors, _ = oracle.decode_safetensors(oracle.read_file(path))
    with safetensors.safe_open(path, framework="numpy") as file:
        if set(file.keys()) != set(tensors):
            return False
        for name, (dtype, shape, data) in tensors.items():
            if dtype in NUMPY:
                array = file.get_tensor(name)
                if array.shape != shape or array.astype(NUMPY[dtype]).tobytes() != data:
                    return False
    return True


def peer_knows(dtype):
    blocks, size = DTYPES[dtype]
    try:
        safetensors.deserialize(oracle.encode_safetensors({"t": (dtype, (blocks,), bytes(size))}))
        return True
    except Exception:
        return False


def all_types():
    generator = np.random.default_rng(20261123)
    tensors = {}
    for dtype, (blocks, size) in DTYPES.items():
        if not peer_knows(dtype):
            print(f"note: PyPI's safetensors {safetensors.__version__} does not know {dtype}: left out")
            continue
        data = generator.integers(0, 2 if dtype == "BOOL" else 256, 15 * size, np.uint8).tobytes()
        tensors[f"type.{dtype}"] = (dtype, (3, 5 * blocks), data)
    tensors["scalar"] = ("F32", (), generator.bytes(4))
    tensors["empty"] = ("F16", (0, 3), b"")
    tensors["one dimension"] = ("I64", (3,), generator.bytes(24))
    tensors["five.dimensions"] = ("U8", (1, 2, 3, 1, 2), generator.bytes(12))
    tensors["name with \"quotes\", \\ and ü 名"] = ("BF16", (7,), generator.bytes(14))
    tensors["large"] = ("F32", (300, 1001), generator.bytes(300 * 1001 * 4))
    return tensors


def check_route(command, source, steps, scratch, tally, what):
    """Converts through `steps` (file names) and compares the last one with the source."""
    expected, metadata = oracle.decode_safetensors(oracle.read_file(source))
    previous = source
    for step in steps:
        output = os.path.join(scratch, step)
        if not command.run("convert", previous, output, "--force", "--quiet"):
            return
        previous = output
    try:
        actual = peer_reads(oracle.read_file(previous))
        opens = peer_opens(previous)
    except Exception as error:
        tally.check(False, f"{what}: PyPI's safetensors refuses the output: {error}")
        return
    tally.check(opens, f"{what}: the numpy framework gives other arrays")
    tally.check(set(actual) == set(expected), f"{what}: other tensors")
    for name in set(actual) & set(expected):
        tally.check(actual[name] == expected[name], f"{what}: tensor {name!r} differs")
    with safetensors.safe_open(previous, framework="numpy") as file:
        kept = file.metadata() or {}
    tally.check(all(kept.get(key) == value for key, value in metadata.items()), f"{what}: the metadata differ")


def packed_form(opened, files):
    """The carriers that section 9 of the spec requires, name -> (dtype, shape, bytes), and the packed directory without its options."""
    carriers = {f"qamw.codebooks.{i}": ("U8", (len(c),), c) for i, (_, c) in enumerate(opened.codebooks)}
    if opened.seeds:
        carriers["qamw.seeds"] = ("U64", (len(opened.seeds),), np.array(opened.seeds, "<u8").tobytes())
    records = []
    for tensor in opened.tensors:
        record = {"name": tensor.name, "shape": list(tensor.shape)}
        if tensor.kind == qamw.ALIAS:
            record["alias"] = opened.tensors[tensor.target].name
        elif tensor.kind == qamw.RAW:
            dtype = qamw.DTYPES[tensor.dtype][0]
            record["dtype"] = tensor.dtype
            carriers[tensor.name] = (dtype, tensor.shape, qamw.read_raw(opened, tensor))
        else:
            coding, rows, columns = tensor.coding, tensor.rows, tensor.columns
            record.update(codec=coding.codec, sourceType=coding.source, parameters=coding.parameters.hex())
            record.update({key: value for key, value in (("codebook", coding.codebook), ("seed", coding.seed)) if value is not None})
            record["streams"] = [stream_record(*stream) for stream in coding.streams]
            for (role, group, size), extent in zip(coding.streams, tensor.extents):
                name = {1: "symbols", 2: "gains", 3: "channel_scales"}[role]
                form = {1: ("U8", (-(-rows // max(1, group)), size)), 2: ("F16" if size == 2 else "F32", (rows,)), 3: ("F16", (columns,))}[role]
                carriers[f"{tensor.name}.qamw.{name}"] = form + (bytes(opened.stored(extent)),)
        records.append(record)
    for name in files:
        content = qamw.read_file(opened, name)
        carriers[f"qamw.files.{name}"] = ("U8", (len(content),), content)
    return carriers, {"version": 3, "codebooks": [codec for codec, _ in opened.codebooks], "seeds": len(opened.seeds),
                      "files": files, "tensors": records}


def stream_record(role, group, size):
    """A stream in the packed directory; `group` is the rows of a group, 0 for a stream of the whole tensor."""
    if group > 1:
        return {"role": role, "group": size, "rows": group}
    return {"role": role, ("whole", "row")[group]: size}


def check_packed(command, model, codebook, scratch, tally):
    """Quantized, packed into safetensors and unpacked: the same .qamw."""
    coded, packed, again = (os.path.join(scratch, name) for name in ("coded.qamw", "packed.safetensors", "again.qamw"))
    name = os.path.basename(model)
    if not (command.run("quantize", "--plain", model, coded, "--bits", "4.5", "--codebook", codebook, "--force", "--quiet")
            and command.run("convert", coded, packed, "--packed", "--force", "--quiet")):
        return
    try:
        tensors = peer_reads(oracle.read_file(packed))
        tally.check(peer_opens(packed), f"{name}, packed: the numpy framework gives other arrays")
    except Exception as error:
        tally.check(False, f"{name}, packed: PyPI's safetensors refuses it: {error}")
        return
    with safetensors.safe_open(packed, framework="numpy") as file:
        directory = json.loads((file.metadata() or {}).get("qamw.directory", "{}"))
    directory.pop("options", None)
    carriers, expected = packed_form(qamw.open_qamw(oracle.read_file(coded)), directory.get("files", []))
    tally.check(tensors == carriers, f"{name}, packed: the carriers are not those of the spec's section 9")
    tally.check(directory == expected, f"{name}, packed: the packed directory is not that of the spec's section 9")
    if command.run("convert", packed, again, "--force", "--quiet"):
        tally.check(oracle.read_file(again) == oracle.read_file(coded), f"{name}: packed and unpacked, it has other bytes")


def check(command, testdata, scratch, tally):
    everything = os.path.join(scratch, "everything.safetensors")
    oracle.write_file(everything, oracle.encode_safetensors(all_types(), {"format": "pt", "note": "ü \"x\""}))
    check_route(command, everything, ["a.safetensors"], scratch, tally, "all types, straight")
    check_route(command, everything, ["b.qamw", "b.safetensors"], scratch, tally, "all types, through .qamw")
    for model in oracle.models(testdata):
        source, name = os.path.join(model, "model.safetensors"), os.path.basename(model)
        check_route(command, source, ["c.safetensors"], scratch, tally, f"{name}, straight")
        check_route(command, source, ["d.qamw", "d.safetensors"], scratch, tally, f"{name}, through .qamw")
        for codebook in ("octant", "trellis"):
            check_packed(command, model, codebook, scratch, tally)


if __name__ == "__main__":
    sys.exit(oracle.main(check, "safetensors_check.py"))
