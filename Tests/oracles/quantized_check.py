"""Dequantizes checkpoints of each scheme with the command, and compares bits with the scheme's reference implementation or its published rule.

    quantized_check.py QAMW TESTDATA [--fixtures FOLDER] [--llama-cpp FOLDER] [--only NAME]... [SCHEME...]

SCHEME: modules of quantized/. Every weight that `convert` writes must have the expected bits, also through .qamw; `eval` of a quantized model and of the
dequantized one must agree in every digit, the GGUF files of both must have the same tensors, and llama.cpp must compute what transformers does with the
dequantized model. --fixtures writes tiny checkpoints and what they must become, and checks nothing. --llama-cpp: the folder of convert_hf_to_gguf.py,
whose tensors `convert` to GGUF must equal."""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

warnings.filterwarnings("ignore")

from oracle import Command, Tally  # noqa: E402
from quantized import llama_cpp  # noqa: E402
from quantized.checkpoint import tensor  # noqa: E402

SCHEMES = ["fp8", "compressed", "nvidia", "mxfp4", "gptq", "awq", "bitsandbytes", "mlx"]


def is_equal(left, right):
    """By bits, where NaNs are one value."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    nans = torch.isnan(left.float()) & torch.isnan(right.float())
    bits = [value.contiguous().view(torch.uint8).reshape(*left.shape, -1) for value in (left, right)]
    return bool((nans | (bits[0] == bits[1]).all(-1)).all())


def compare(tally, found, expected, what):
    tally.check(sorted(found) == sorted(expected), f"{what}: tensors {sorted(found)}, not {sorted(expected)}")
    for name in found.keys() & expected.keys():
        own, other = found[name], tensor(expected[name])
        detail = ""
        if not is_equal(own, other):
            a, b = own.float(), other.float()
            detail = f"{(a != b).sum()} of {b.numel()} differ, by {(a - b).abs().max()}" if a.shape == b.shape else f"{a.shape}, not {b.shape}"
        tally.check(not detail, f"{what}: {name}: {detail}; {own.dtype}")


def check(qamw, tally, checkpoint, folder):
    name = checkpoint.name
    checkpoint.write(f"{folder}/in")
    status, message = qamw.status("convert", f"{folder}/in", f"{folder}/out/", "--to", "safetensors")
    if not tally.check(status == 0, f"{name}: convert: status {status}: {message[-500:]}"):
        return
    for part in ("already quantized", checkpoint.warning):
        tally.check(part in message, f"{name}: no warning of {part}: {message}")
    compare(tally, load_file(f"{folder}/out/model.safetensors"), checkpoint.expected, name)
    with open(f"{folder}/out/config.json") as file:
        tally.check(json.load(file) == checkpoint.plain_config, f"{name}: config.json is not that of the plain model")
    tally.check(not [file for file in checkpoint.files if os.path.exists(f"{folder}/out/{file}")], f"{name}: {checkpoint.files} stays")
    # Through .qamw, and read by another type.
    if qamw.run("convert", f"{folder}/in", f"{folder}/m.qamw", "--quiet") and qamw.run("convert", f"{folder}/m.qamw", f"{folder}/back/", "--to", "safetensors", "--quiet"):
        compare(tally, load_file(f"{folder}/back/model.safetensors"), checkpoint.expected, f"{name} through .qamw")
    qamw.run("compare", f"{folder}/in", f"{folder}/out/", "--max-nmse", "0", "--quiet")
    status, message = qamw.status("verify", f"{folder}/in", "--quiet")
    tally.check(status == 0, f"{name}: verify: {message}")


def check_model(qamw, tally, checkpoint, folder, testdata):
    """A whole model evaluates as its dequantized form does, and becomes the same GGUF, which llama.cpp computes with as transformers does
    with the dequantized form."""
    name = checkpoint.name
    checkpoint.write_plain(f"{folder}/plain")
    ids = np.fromfile(f"{testdata}/inference/wikilm-tiny.u16", "<u2") % checkpoint.config["vocab_size"]
    ids.tofile(f"{folder}/tokens.u16")
    tokenizer = f"{testdata}/wikilm-tiny/tokenizer.json"
    outputs = []
    for model in "in", "plain":
        shutil.copy(tokenizer, f"{folder}/{model}/tokenizer.json")
        outputs.append(qamw.json("eval", f"{folder}/{model}", "--tokens", f"{folder}/tokens.u16", "--context", "64", "--json"))
        qamw.run("convert", f"{folder}/{model}", f"{folder}/{model}.gguf", "--dtype", "bf16", "--quiet")
    if tally.check(all(outputs), f"{name}: eval"):
        a, b = outputs
        tally.check(a["perplexity"] == b["perplexity"], f"{name}: perplexity {a['perplexity']}, plain {b['perplexity']}")
        tally.check(any("already quantized" in warning for warning in a["warnings"]), f"{name}: no warning: {a['warnings']}")
    compare_gguf(tally, f"{folder}/in.gguf", f"{folder}/plain.gguf", name)
    if qamw.run("convert", f"{folder}/in", f"{folder}/f32.gguf", "--dtype", "f32", "--quiet"):
        llama_cpp.check(tally, name, f"{folder}/f32.gguf", f"{folder}/plain", ids[:12].tolist())


def compare_gguf(tally, own, reference, what):
    left, right = ({entry.name: (entry.tensor_type, entry.data.tobytes()) for entry in gguf.GGUFReader(path).tensors} for path in (own, reference))
    differing = [name for name in left.keys() | right.keys() if left.get(name) != right.get(name)]
    tally.check(left and not differing, f"{what}: GGUF: {differing} differ")


def check_gguf(tally, checkpoint, folder, llama_cpp):
    """`convert` to GGUF gives the tensors of llama.cpp's converter."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quantized", "gguf_reference.py")
    done = subprocess.run([sys.executable, script, llama_cpp, f"{folder}/in", f"{folder}/reference.gguf"], capture_output=True, text=True)
    if tally.check(done.returncode == 0, f"{checkpoint.name}: convert_hf_to_gguf.py: {done.stderr[-300:]}"):
        compare_gguf(tally, f"{folder}/in.gguf", f"{folder}/reference.gguf", f"{checkpoint.name} by llama.cpp")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("qamw")
    parser.add_argument("testdata")
    parser.add_argument("--fixtures")
    parser.add_argument("--llama-cpp")
    parser.add_argument("--only", action="append")
    parser.add_argument("schemes", nargs="*", default=SCHEMES)
    options = parser.parse_intermixed_args()
    tally = Tally()
    qamw = Command(options.qamw, tally)
    model = f"{options.testdata}/wikilm-tiny"
    for scheme in options.schemes:
        suite = importlib.import_module(f"quantized.{scheme}").suite
        for checkpoint in suite.fixtures() if options.fixtures else suite.checkpoints(model):
            if options.only and checkpoint.name not in options.only:
                continue
            if options.fixtures:
                shutil.rmtree(f"{options.fixtures}/{checkpoint.name}", ignore_errors=True)
                checkpoint.write_fixture(f"{options.fixtures}/{checkpoint.name}")
                continue
            with tempfile.TemporaryDirectory() as folder:
                check(qamw, tally, checkpoint, folder)
                if checkpoint.runs:
                    check_model(qamw, tally, checkpoint, folder, options.testdata)
                    if checkpoint.gguf and options.llama_cpp:
                        check_gguf(tally, checkpoint, folder, options.llama_cpp)
        print(f"{scheme}: {tally.passed} passed, {tally.failed} failed", flush=True)
    return 0 if options.fixtures else tally.finish()


if __name__ == "__main__":
    sys.exit(main())
