#!/usr/bin/env python3
"""Compares libqamw, as scripts/build-libqamw installs it, with its header, the reference decoder and numpy, from C.

    libqamw_check.py QAMW_BINARY TESTDATA_DIR PREFIX

The library exports its own functions only and depends on the documented libraries; examples/c prints what the reference decoder
decodes; Tests/CLibrary passes.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import numpy as np

import oracle

sys.path.insert(0, os.path.join(oracle.SPEC, "reference"))
import make_example
import make_shards
import qamw_reference as qamw

ROOT = os.path.join(oracle.SPEC, "..")
NEEDED = re.compile(r"lib(c|m|stdc\+\+|gcc_s|zstd|xxhash)\.so\.|ld-linux")


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def check_library(prefix, tally):
    library = os.path.join(prefix, "lib", "libqamw.so")
    header = oracle.read_file(os.path.join(prefix, "include", "qamw.h")).decode()
    declared = set(re.findall(r"^\w[\w ]*\*?(qamw_\w+)\(", header, re.M))
    exported = {line.split()[-1] for line in output("nm", "-D", "--defined-only", library).splitlines()}
    tally.check(len(declared) > 20 and declared == exported, f"exported and not declared, or the reverse: {declared ^ exported}")
    dynamic = output("readelf", "-d", library)
    tally.check("[libqamw.so.0]" in dynamic, "the library's name is not libqamw.so.0")
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        tally.check(NEEDED.match(name), f"the library needs {name}")
    tally.check("RUNPATH" not in dynamic and "RPATH" not in dynamic, "the library looks for others at places of this machine")


def compile_c(prefix, sources, program):
    """As a user would: with the flags from pkg-config."""
    environment = os.environ | {"PKG_CONFIG_PATH": os.path.join(prefix, "lib", "pkgconfig")}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "qamw"], check=True, capture_output=True, text=True, env=environment)
    compiler = "cc" if shutil.which("cc") else "clang"
    subprocess.run([compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", *sources, *flags.stdout.split(),
                    f"-Wl,-rpath,{prefix}/lib", "-lm", "-lpthread", "-o", program], check=True)


def check_example(program, path, tally):
    """The example's output for a file's first coded tensor."""
    result = subprocess.run([program, path], capture_output=True, text=True)
    if not tally.check(result.returncode == 0, f"read_model {path}: status {result.returncode}: {result.stderr}"):
        return
    lines = result.stdout.splitlines()
    opened = qamw.open_qamw(oracle.read_file(path))
    listed = [line.split() for line in lines if line.startswith("tensor ")]
    tally.check([words[1] for words in listed] == [t.name for t in opened.tensors], "the example lists other tensors")
    shown = dict(line.split(": ", 1) for line in lines if ": " in line)
    tensor = next(t for t in opened.tensors if t.kind == qamw.CODED)
    tally.check(f"shown {tensor.name}" in lines, f"the example does not show {tensor.name}")
    weights = qamw.decode_tensor(opened, tensor.name).reshape(tensor.rows, tensor.columns)
    for row in range(min(2, tensor.rows)):
        # Nine digits identify every float32.
        printed = np.array(shown[f"row {row}"].split(), np.float32)
        tally.check(np.array_equal(printed.view(np.uint32), weights[row].view(np.uint32)), f"row {row} of {tensor.name} differs")
    x = np.arange(1, tensor.columns + 1)
    product, printed = weights.astype(np.float64) @ x, np.array(shown["product"].split(), np.float64)
    error = np.linalg.norm(printed - product) / np.linalg.norm(weights.astype(np.float64)) / np.linalg.norm(x)
    tally.check(printed.shape == product.shape and error < 0.01, f"the product of {tensor.name} is off by {error:.4f}")
    tally.check(re.search(r"^verified [1-9]\d* bytes$", result.stdout, re.M), "the example verifies nothing")


def check_refusals(program, damaged, tally):
    result = subprocess.run([program, damaged], capture_output=True, text=True)
    tally.check(result.returncode == 1 and 'tensor "proj"' in result.stderr and "damaged" in result.stderr,
                f"read_model of a damaged file: status {result.returncode}: {result.stderr}")
    result = subprocess.run([program, damaged + ".missing"], capture_output=True, text=True)
    tally.check(result.returncode == 1 and result.stderr == f"read_model: {damaged}.missing: no such file\n",
                f"read_model of no file: status {result.returncode}: {result.stderr}")
    result = subprocess.run([program, damaged], capture_output=True, text=True, env=os.environ | {"QAMW_ISA": "sse9"})
    tally.check(result.returncode == 1 and "QAMW_ISA is 'sse9'" in result.stderr,
                f"read_model with an unknown QAMW_ISA: status {result.returncode}: {result.stderr}")


def check(command, testdata, prefix, scratch, tally):
    check_library(prefix, tally)
    example, cases = make_example.example(), dict(make_example.cases())
    damaged = bytearray(example)
    damaged[qamw.open_qamw(example).sections["symbols"].offset + 5] ^= 1
    contents = {"example": example, "metadata": cases["metadata"], "compressed": cases["compressed"], "damaged": damaged, "cut": example[:-1],
                "polar": cases["polar-example"], "int8": cases["int8-example"]}
    paths = {name: os.path.join(scratch, name + ".qamw") for name in [*contents, "model"]}
    for name, content in contents.items():
        oracle.write_file(paths[name], content)
    paths["edited"] = os.path.join(scratch, "edited.qamw")
    oracle.write_file(paths["edited"], cases["edited-low-interrupted"])
    for name in ("set", "incomplete", "broken"):
        files = make_shards.files()
        if name == "broken":
            files[1] = bytearray(files[1])
            files[1][qamw.open_qamw(bytes(files[1])).sections["symbols"].offset + 5] ^= 1
        for number, content in enumerate(files[:2] if name == "incomplete" else files, 1):
            oracle.write_file(os.path.join(scratch, make_shards.name_of(name, number)), content)
        paths[name] = os.path.join(scratch, make_shards.name_of(name, 1))
    paths["second"] = os.path.join(scratch, make_shards.name_of("set", 2))
    command.run("quantize", "--plain", os.path.join(testdata, "wikilm-tiny"), paths["model"], "--bits", "4.5", "--quiet")

    program = os.path.join(scratch, "read_model")
    compile_c(prefix, [os.path.join(ROOT, "examples", "c", "read_model.c")], program)
    for name in ("example", "model"):
        check_example(program, paths[name], tally)
    check_refusals(program, paths["damaged"], tally)

    program, folder = os.path.join(scratch, "library_tests"), os.path.join(ROOT, "Tests", "CLibrary")
    compile_c(prefix, [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".c")], program)
    files = [paths[name] for name in (*contents, "model")]
    sets = [paths[name] for name in ("edited", "set", "second", "incomplete", "broken")]
    result = subprocess.run([program, *files, os.path.join(testdata, "wikilm-tiny"), os.path.join(scratch, "made.qamw"), *sets],
                            capture_output=True, text=True)
    tally.check(result.returncode == 0, f"library_tests: status {result.returncode}: {result.stdout}{result.stderr}")


def main(arguments):
    if len(arguments) != 3:
        print("usage: libqamw_check.py QAMW_BINARY TESTDATA_DIR PREFIX", file=sys.stderr)
        return 64
    tally = oracle.Tally()
    with tempfile.TemporaryDirectory() as scratch:
        check(oracle.Command(arguments[0], tally), arguments[1], os.path.abspath(arguments[2]), scratch, tally)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
