"""Dequantizes checkpoints of each scheme with the command, and compares bits with the scheme's reference implementation.

    check.py QAMW TESTDATA [--fixtures FOLDER] [--llama-cpp FOLDER] [--only NAME]... [SCHEME...]

SCHEME: modules of this folder with a list `cases` of case.Case. --fixtures writes the tiny checkpoints and the expected results, and checks nothing.
--llama-cpp: the folder of convert_hf_to_gguf.py, whose tensors `convert` to GGUF must equal."""

import argparse
import importlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
warnings.filterwarnings("ignore")

from oracle import Command, Tally  # noqa: E402
from case import random_weight  # noqa: E402

SCHEMES = ["fp8", "compressed", "nvidia", "mxfp4"]


def write(folder, tensors, config, files=None):
    os.makedirs(folder)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, f"{folder}/model.safetensors", metadata={"format": "pt"})
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file, indent=1)
    for name, text in (files or {}).items():
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)


def quantized(config, case):
    return config if case.config is None else {**config, "quantization_config": case.config}


def tiny(case, limit=math.inf):
    """The stored tensors of tiny weights and a plain one, and the expected results."""
    plain = {"norm.weight": torch.linspace(0.5, 1.5, 8).bfloat16()}
    stored, expected = dict(plain), dict(plain)
    for number, shape in enumerate(case.shapes):
        if math.prod(shape) > limit:
            continue
        name = case.weight.format(number)
        parts = case.store(name, random_weight(shape, number))
        stored.update(parts)
        expected[name] = case.read(name, parts)
    return stored, expected


def is_equal(left, right):
    """Compares bits; all NaNs are equal."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    nans = torch.isnan(left.float()) & torch.isnan(right.float())
    return bool((nans | (left.contiguous().view(torch.uint8).reshape(*left.shape, -1) == right.contiguous().view(torch.uint8).reshape(*right.shape, -1)).all(-1)).all())


def compare(tally, found, expected, what):
    tally.check(sorted(found) == sorted(expected), f"{what}: tensors {sorted(found)}, not {sorted(expected)}")
    for name in found.keys() & expected.keys():
        if not is_equal(found[name], expected[name]):
            a, b = found[name].float(), expected[name].float()
            detail = f"{(a != b).sum()} of {b.numel()} differ, by {(a - b).abs().max()}" if a.shape == b.shape else f"{a.shape}, not {b.shape}"
            tally.check(False, f"{what}: {name}: {detail}; {found[name].dtype}")
        else:
            tally.check(True, what)


def check_tiny(qamw, tally, case, folder):
    stored, expected = tiny(case)
    config = {"model_type": "other", "torch_dtype": str(case.dtype).removeprefix("torch.")}
    write(f"{folder}/in", stored, quantized(config, case), case.files)
    # With and without config.json: names and types identify the scheme, or the command reports that they do not.
    if qamw.run("convert", f"{folder}/in", f"{folder}/out/", "--to", "safetensors", "--quiet"):
        compare(tally, load_file(f"{folder}/out/model.safetensors"), expected, case.name)
        with open(f"{folder}/out/config.json") as file:
            tally.check(json.load(file) == config, f"{case.name}: config.json keeps the quantization")
        tally.check(not [name for name in case.files if os.path.exists(f"{folder}/out/{name}")], f"{case.name}: {case.files} stays")
    # Through .qamw, and converted to another type.
    if qamw.run("convert", f"{folder}/in", f"{folder}/m.qamw", "--quiet") and qamw.run("convert", f"{folder}/m.qamw", f"{folder}/back/", "--to", "safetensors", "--quiet"):
        compare(tally, load_file(f"{folder}/back/model.safetensors"), expected, f"{case.name} through .qamw")
    qamw.run("compare", f"{folder}/in", f"{folder}/out/", "--max-nmse", "0", "--quiet")
    status, message = qamw.status("verify", f"{folder}/in", "--quiet")
    tally.check(status == 0, f"{case.name}: verify: {message}")


def check_whole(qamw, tally, case, folder, model, tokens):
    """The evaluation of a whole quantized model equals that of its dequantized form."""
    with open(f"{model}/config.json") as file:
        config = {**json.load(file), "torch_dtype": str(case.dtype).removeprefix("torch.")}
    tensors = load_file(f"{model}/model.safetensors")
    stored, expected = {}, {}
    for name, tensor in tensors.items():
        if "_proj" in name:
            parts = case.store(name, tensor.float())
            stored.update(parts)
            expected[name] = case.read(name, parts)
        else:
            stored[name] = expected[name] = tensor
    write(f"{folder}/in", stored, quantized(config, case), case.files)
    write(f"{folder}/plain", expected, config)
    outputs = []
    for name in "in", "plain":
        arguments = ["eval", f"{folder}/{name}", "--tokens", tokens, "--context", "64", "--windows", "4", "--json"]
        outputs.append(qamw.json(*arguments))
    if tally.check(all(outputs), f"{case.name}: eval"):
        a, b = outputs
        tally.check(a["perplexity"] == b["perplexity"] and b["perplexity"] < 1e5, f"{case.name}: perplexity {a['perplexity']}, plain {b['perplexity']}")
        tally.check(any("already quantized" in warning for warning in a["warnings"]), f"{case.name}: no warning: {a['warnings']}")


def check_gguf(qamw, tally, case, folder, model, llama_cpp):
    """`convert` to GGUF gives the same tensors as llama.cpp's converter."""
    from gguf import GGUFReader

    shutil.copy(f"{model}/tokenizer.json", f"{folder}/in/tokenizer.json")
    reference, own = f"{folder}/reference.gguf", f"{folder}/own.gguf"
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gguf_reference.py")
    done = subprocess.run([sys.executable, script, llama_cpp, f"{folder}/in", reference], capture_output=True, text=True)
    if not tally.check(done.returncode == 0, f"{case.name}: convert_hf_to_gguf.py: {done.stderr[-300:]}"):
        return
    if qamw.run("convert", f"{folder}/in", own, "--dtype", "bf16", "--quiet"):
        left, right = ({tensor.name: (tensor.tensor_type, tensor.data.tobytes()) for tensor in GGUFReader(path).tensors} for path in (reference, own))
        tally.check(left == right, f"{case.name}: GGUF: {[name for name in left.keys() | right.keys() if left.get(name) != right.get(name)]} differ")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("qamw")
    parser.add_argument("testdata")
    parser.add_argument("--fixtures")
    parser.add_argument("--llama-cpp")
    parser.add_argument("--only", action="append")
    parser.add_argument("schemes", nargs="*", default=SCHEMES)
    options = parser.parse_args()
    tally = Tally()
    qamw = Command(options.qamw, tally)
    for scheme in options.schemes:
        for case in importlib.import_module(scheme).cases:
            if options.only and case.name not in options.only:
                continue
            if options.fixtures:
                stored, expected = tiny(case, 2000)
                # Its smallest weight is too large for a fixture.
                if stored.keys() == expected.keys():
                    continue
                folder = f"{options.fixtures}/{case.name}"
                shutil.rmtree(folder, ignore_errors=True)
                config = {"model_type": "other", "torch_dtype": str(case.dtype).removeprefix("torch.")}
                write(folder, stored, quantized(config, case), case.files)
                save_file({name: tensor.contiguous() for name, tensor in expected.items()}, f"{folder}/expected.safetensors")
                continue
            with tempfile.TemporaryDirectory() as folder:
                check_tiny(qamw, tally, case, folder + "/tiny")
                if case.whole:
                    model = f"{options.testdata}/wikilm-tiny"
                    check_whole(qamw, tally, case, folder + "/whole", model, f"{options.testdata}/inference/wikilm-tiny.u16")
                    if case.gguf and options.llama_cpp:
                        check_gguf(qamw, tally, case, folder + "/whole", model, options.llama_cpp)
        print(f"{scheme}: {tally.passed} passed, {tally.failed} failed", flush=True)
    return 0 if options.fixtures else tally.finish()


if __name__ == "__main__":
    sys.exit(main())
