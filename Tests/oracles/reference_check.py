#!/usr/bin/env python3
"""Compares the command with the reference decoder of spec/, a second implementation of .qamw.

    reference_check.py QAMW_BINARY TESTDATA_DIR

Files: the corner cases that spec/reference/make_example.py writes, and those that the command makes from
each model in TESTDATA_DIR at every rate. Each must verify in both, and decode to the same bits. Both must detect a changed
byte. The bytes and vectors printed in the spec must be those of the files that it describes.
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import numpy as np
import xxhash

import oracle

sys.path.insert(0, os.path.join(oracle.SPEC, "reference"))
import make_example
import make_shards
import qamw_reference as qamw


# Raw tensors as the float32 that `convert --dtype f32` gives ------------------------------------------------------------

def small_float(exponent_bits, mantissa_bits, bias, fnuz, infinities):
    """All 256 values of an 8-bit type."""
    values = np.empty(256, np.float32)
    for bits in range(256):
        exponent, mantissa = bits >> mantissa_bits & (1 << exponent_bits) - 1, bits & (1 << mantissa_bits) - 1
        magnitude = (mantissa + (exponent > 0) * 2.0 ** mantissa_bits) * 2.0 ** (max(exponent, 1) - bias - mantissa_bits)
        if fnuz:
            magnitude = np.nan if bits == 0x80 else magnitude
        elif exponent == (1 << exponent_bits) - 1:
            if infinities:
                magnitude = np.nan if mantissa else np.inf
            elif mantissa == (1 << mantissa_bits) - 1:
                magnitude = np.nan
        values[bits] = -magnitude if bits & 0x80 else magnitude
    return values


TABLES = {
    "F8_E5M2": small_float(5, 2, 15, False, True), "F8_E4M3": small_float(4, 3, 7, False, False),
    "F8_E5M2FNUZ": small_float(5, 2, 16, True, False), "F8_E4M3FNUZ": small_float(4, 3, 8, True, False),
    "F8_E8M0": np.array([2.0 ** (e - 127) for e in range(255)] + [np.nan]).astype(np.float32),
}


def as_float32(dtype, data):
    if dtype == "F32":
        return np.frombuffer(data, "<f4")
    if dtype == "F16":
        return np.frombuffer(data, "<f2").astype(np.float32)
    if dtype == "F64":
        with np.errstate(over="ignore"):
            return np.frombuffer(data, "<f8").astype(np.float32)
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    return TABLES[dtype][np.frombuffer(data, np.uint8)] if dtype in TABLES else None


def same_floats(a, b):
    """Equal bits, or both NaN."""
    return a.shape == b.shape and bool(((a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))).all())


# Checks ----------------------------------------------------------------------------------------------------------------

def check_file(command, path, scratch, tally):
    """Both verify the file, and decode it to the same bits."""
    name = os.path.basename(path)
    try:
        opened = qamw.open_qamw(oracle.read_file(path))
        problems, _ = qamw.verify(opened)
    except (qamw.Damaged, qamw.Unsupported) as error:
        tally.check(False, f"{name}: the reference decoder refuses it: {error}")
        return
    tally.check(not problems, f"{name}: the reference decoder finds {problems[:1]}")
    command.run("verify", path, "--quiet")
    output = os.path.join(scratch, "decoded.safetensors")
    if not command.run("convert", path, output, "--dtype", "f32", "--force", "--quiet"):
        return
    decoded, _ = oracle.decode_safetensors(oracle.read_file(output))
    os.unlink(output)
    tally.check(set(decoded) == {t.name for t in opened.tensors}, f"{name}: the decoded file has other tensors")
    for tensor in opened.tensors:
        if tensor.name not in decoded:
            continue
        dtype, shape, data = decoded[tensor.name]
        expected = qamw.decode_tensor(opened, tensor.name)
        stored = opened.tensors[tensor.target] if tensor.kind == qamw.ALIAS else tensor
        what = f"{name}: tensor {tensor.name!r} ({dtype})"
        tally.check(shape == tensor.shape, f"{what}: shape {shape}, not {tensor.shape}")
        if stored.kind == qamw.CODED:
            tally.check(dtype == "F32" and data == expected.astype("<f4").tobytes(), f"{what}: decoded bits differ")
        elif dtype == qamw.DTYPES[stored.dtype][0]:
            tally.check(data == expected.tobytes(), f"{what}: raw bytes differ")
        else:
            floats = as_float32(qamw.DTYPES[stored.dtype][0], expected.tobytes())
            tally.check(floats is not None and dtype == "F32" and same_floats(floats, np.frombuffer(data, "<f4")), f"{what}: cast values differ")


def check_rewriting(command, scratch, tally):
    """The command rewrites make_example.py's file with identical bytes: two writers, one layout."""
    version = subprocess.run([command.path, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    make_example.Writer.PRODUCER = f"qamw {version}".encode()
    files = list(make_example.cases())
    make_example.Writer.PRODUCER = None
    path, output = os.path.join(scratch, "written.qamw"), os.path.join(scratch, "rewritten.qamw")
    for name, data in files:
        # The command compresses what make_example.py does not, and orders and places metadata in its own way.
        if name in ("other-order", "compressed", "content", "metadata") or name.startswith("edited"):
            continue
        oracle.write_file(path, data)
        if command.run("convert", path, output, "--force", "--quiet"):
            tally.check(oracle.read_file(output) == data, f"{name}: rewritten, it has other bytes")
            os.unlink(output)


def check_set(command, model, scratch, tally):
    """Sets: the command writes the same bytes as make_shards.py, and the reference decoder decodes the command's sets."""
    version = subprocess.run([command.path, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    make_example.Writer.PRODUCER = f"qamw {version}".encode()
    files = make_shards.files()
    make_example.Writer.PRODUCER = None
    folder = os.path.join(scratch, "set")
    os.mkdir(folder)

    def path(prefix, number):
        return os.path.join(folder, make_shards.name_of(prefix, number, len(files)))

    for number, data in enumerate(files, 1):
        oracle.write_file(path("set", number), data)
    if command.run("convert", path("set", 1), os.path.join(folder, "again.qamw"), "--max-shard-size", "50B", "--quiet"):
        for number, data in enumerate(files, 1):
            tally.check(oracle.read_file(path("again", number)) == data, f"file {number} of the set: rewritten, it has other bytes")

    whole, split = os.path.join(folder, "whole.qamw"), os.path.join(folder, "split.qamw")
    command.run("quantize", "--plain", model, whole, "--quiet")
    command.run("convert", whole, split, "--max-shard-size", "10KB", "--quiet")
    firsts = [name for name in os.listdir(folder) if name.startswith("split-00001-of-")]
    if not tally.check(len(firsts) == 1, f"the set was not written: {sorted(os.listdir(folder))}"):
        return
    command.run("verify", os.path.join(folder, firsts[0]), "--quiet")
    set_, opened = qamw.open_model(firsts[0], lambda name: oracle.read_file(os.path.join(folder, name))), qamw.open_qamw(oracle.read_file(whole))
    tally.check(len(set_.files) > 3 and not any(qamw.verify(file)[0] for file in set_.files), "the reference decoder finds problems in the set")
    tally.check(list(set_.tensors) == [tensor.name for tensor in opened.tensors], "the set has other tensors than the file")
    for name, file in set_.tensors.items():
        tally.check(qamw.decode_tensor(file, name).tobytes() == qamw.decode_tensor(opened, name).tobytes(), f"the set's tensor {name!r} decodes to other bits")


def check_damage(command, scratch, tally):
    """Both detect a changed byte at any position."""
    example, path = make_example.example(), os.path.join(scratch, "damaged.qamw")
    for position in list(range(0, len(example), 53)) + [len(example) - 1]:
        damaged = bytearray(example)
        damaged[position] ^= 1 << position % 8
        oracle.write_file(path, damaged)
        try:
            problems, warnings = qamw.verify(qamw.open_qamw(bytes(damaged)))
            found, is_unused = bool(problems or warnings), not problems
        except (qamw.Damaged, qamw.Unsupported):
            found, is_unused = True, False
        tally.check(found, f"the reference decoder does not find the change of byte {position}")
        status, message = command.status("verify", path, "--quiet")
        # Remains of an interrupted edit in place are a warning.
        told = status == 0 and "interrupted" in message if is_unused else status == 65
        tally.check(told, f"qamw verify gives status {status} for the change of byte {position}")
    for damaged in (example[:-1], example + b"\0", example[:63], b""):
        oracle.write_file(path, damaged)
        status, _ = command.status("verify", path, "--quiet")
        tally.check(status == 65, f"qamw verify gives status {status} for the example with {len(damaged)} bytes")


def check_spec(tally):
    """Sections 11 and 12 of the spec, compared with the files that they describe."""
    with open(os.path.join(oracle.SPEC, "qamw.md"), encoding="utf-8") as file:
        text = file.read()
    eleven = text[text.index("\n## 11."):text.index("\n## 12.")]
    listing, decoded = re.findall(r"```\n(.*?)```", eleven, re.S)[:2]
    content = b""
    for line in listing.splitlines():
        match = re.match(r"([0-9a-f]{8})  (00 x (\d+)|[0-9a-f]{2}(?: [0-9a-f]{2})*)(?:  |$)", line)
        if match:
            tally.check(int(match[1], 16) == len(content), f"spec, section 11: the offset {match[1]}")
            content += bytes(int(match[3])) if match[3] else bytes.fromhex(match[2])
    example = make_example.example()
    tally.check(content == example, "spec, section 11: the listing is not the file of make_example.py")
    bits = qamw.decode_tensor(qamw.open_qamw(example), "proj").astype("<f4").view("<u4").reshape(-1)
    tally.check([int(word, 16) for word in decoded.split()] == bits.tolist(), "spec, section 11: the decoded bits")
    rows = re.findall(r"^\| ([a-z0-9-]+) \| 0x([0-9A-F]{16}) \| 0x([0-9A-F]{16}) \|$", text[text.index("\n### 12.6"):], re.M)
    files = dict(make_example.cases())
    tally.check(len(rows) > 50, "spec, section 12.6: the table")
    for name, file_hash, tensor_hash in rows:
        tally.check(xxhash.xxh3_64_intdigest(files[name]) == int(file_hash, 16), f"spec, section 12.6: {name}: the file")
        decoded = qamw.decode_tensor(qamw.open_qamw(files[name]), "w").astype("<f4").tobytes()
        tally.check(xxhash.xxh3_64_intdigest(decoded) == int(tensor_hash, 16), f"spec, section 12.6: {name}: the tensor")


def check(command, testdata, scratch, tally):
    check_spec(tally)
    for name, data in list(make_example.cases()) + [("example", make_example.example())]:
        path = os.path.join(scratch, name + ".qamw")
        oracle.write_file(path, data)
        check_file(command, path, scratch, tally)
    check_rewriting(command, scratch, tally)
    check_set(command, oracle.models(testdata)[0], scratch, tally)
    check_damage(command, scratch, tally)
    for model in oracle.models(testdata):
        for codebook in ("octant", "free"):
            for half_bits in range(4, 14):
                bits = f"{half_bits / 2:.1f}"
                path = os.path.join(scratch, f"{os.path.basename(model)}-{codebook}-{bits}.qamw")
                if command.run("quantize", "--plain", model, path, "--bits", bits, "--codebook", codebook, "--force", "--quiet"):
                    check_file(command, path, scratch, tally)
                    os.unlink(path)


if __name__ == "__main__":
    sys.exit(oracle.main(check, "reference_check.py"))
