"""Converts tiny models of every architecture, made by transformers' own classes, to GGUF and back.

    transformers_check.py QAMW TESTDATA LLAMA_CPP [NAME...]

The GGUF must have the tensors of llama.cpp's convert_hf_to_gguf.py (in the folder LLAMA_CPP), byte for byte, and its keys; llama.cpp must load it and
give transformers' log probabilities. Back, every byte of the tensors and of config.json must be there again; without the kept config.json, from what
llama.cpp's converter wrote, transformers must compute the same. NAME: keys of transformers_models.CONFIGURATIONS."""

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
import transformers
from safetensors.torch import load_file

warnings.filterwarnings("ignore")

import transformers_models  # noqa: E402
from oracle import Command, Tally  # noqa: E402
from quantized import llama_cpp  # noqa: E402

IDS = [1, 5, 92, 33, 33, 7, 9, 64, 21, 80, 11, 12, 13, 95, 2, 50]
# Keys that only one side writes, and why. By the name without the architecture.
ONLY_OURS = {
    "vocab_size": "read if there is no tokenizer",
    "attention.head_count_kv": "equal to head_count, which is the default",
    "rope.freq_base": "10000, the default",
    "rope.dimension_count": "that of the whole head, the default",
    "attention.key_length": "width / heads, the default",
    "attention.value_length": "width / heads, the default",
    "attention.sliding_window": "none",
    "expert_weights_norm": "false, the default",
    "expert_gating_func": "of glm4_moe, the default",
}
ONLY_THEIRS = {
    "nextn_predict_layers": "0, the default",
    "attention.layer_norm_rms_epsilon": "of nemotron, which has layer norms",
    "rope.scaling.type": "\"none\", the default",
}
# What llama.cpp's converter does not convert.
UNCONVERTED = {"stablelm-normed": "its generator returns in place of yielding"}


def keys(path):
    fields = gguf.GGUFReader(path).fields
    architecture = fields["general.architecture"].contents()
    return {name.removeprefix(architecture + "."): field.contents() for name, field in fields.items() if name.startswith(architecture + ".")}, architecture


def tensors(path):
    return {t.name: (t.tensor_type, list(t.shape), t.data.tobytes()) for t in gguf.GGUFReader(path).tensors}


def check_gguf(tally, name, own, reference):
    left, right = tensors(own), tensors(reference)
    tally.check(left.keys() == right.keys(), f"{name}: tensors: only ours {sorted(left.keys() - right.keys())[:8]}, only llama.cpp's {sorted(right.keys() - left.keys())[:8]}")
    for tensor in left.keys() & right.keys():
        a, b = left[tensor], right[tensor]
        tally.check(a == b, f"{name}: {tensor}: {a[0].name} {a[1]}, llama.cpp's {b[0].name} {b[1]}, bytes {'equal' if a[2] == b[2] else 'differ'}")
    (left, architecture), (right, other) = keys(own), keys(reference)
    tally.check(architecture == other, f"{name}: {architecture}, by llama.cpp {other}")
    for key in left.keys() | right.keys():
        known = ONLY_OURS if key not in right else ONLY_THEIRS if key not in left else {}
        same = key in left and key in right and (left[key] == right[key] or np.array_equal(np.float32(left[key]), np.float32(right[key])))
        tally.check(key in known or same, f"{name}: {key} is {left.get(key)}, by llama.cpp {right.get(key)}")


def logits(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits


def check_model(command, tally, name, seed, scratch, testdata, llama):
    folder, own, full, reference = (f"{scratch}/{part}" for part in ("model", "own.gguf", "f32.gguf", "reference.gguf"))
    transformers_models.model(name, seed).save_pretrained(folder)
    if name in transformers_models.PUBLISHED:
        with open(f"{folder}/config.json") as file:
            config = json.load(file)
        with open(f"{folder}/config.json", "w") as file:
            json.dump(config | transformers_models.PUBLISHED[name], file, indent=2)
    shutil.copy(f"{testdata}/wikilm-tiny/tokenizer.json", f"{folder}/tokenizer.json")
    status, message = command.status("convert", folder, own, "--names", "gguf")
    if not tally.check(status == 0, f"{name}: convert: {status}: {message[-500:]}"):
        return
    noise = [line for line in message.splitlines() if "warning" in line and "no merges" not in line and "pre-tokenizer" not in line]
    tally.check(not noise, f"{name}: {noise}")
    script = None if name in UNCONVERTED else os.path.join(os.path.dirname(os.path.abspath(__file__)), "quantized", "gguf_reference.py")
    done = script and subprocess.run([sys.executable, script, llama, folder, reference], capture_output=True, text=True)
    if done and tally.check(done.returncode == 0, f"{name}: convert_hf_to_gguf.py: {done.stderr[-500:]}"):
        check_gguf(tally, name, own, reference)
    if command.run("convert", folder, full, "--names", "gguf", "--dtype", "f32", "--quiet"):
        llama_cpp.check(tally, name, full, folder, IDS)
    expected, before = logits(folder), load_file(f"{folder}/model.safetensors")
    for source, back in (own, f"{scratch}/back"), (reference, f"{scratch}/rebuilt"):
        if not os.path.exists(source) or not command.run("convert", source, back + "/", "--to", "safetensors", "--names", "hf", "--quiet"):
            continue
        after = load_file(f"{back}/model.safetensors")
        tally.check(before.keys() == after.keys(), f"{name}: {back}: lost {sorted(before.keys() - after.keys())[:8]}, new {sorted(after.keys() - before.keys())[:8]}")
        for tensor in before.keys() & after.keys():
            a, b = before[tensor], after[tensor]
            tally.check(a.dtype == b.dtype and torch.equal(a, b), f"{name}: {tensor} comes back as {b.dtype} {list(b.shape)}, was {a.dtype} {list(a.shape)}")
        if source == own:
            same = open(f"{back}/config.json").read() == open(f"{folder}/config.json").read()
            tally.check(same, f"{name}: config.json comes back changed")
        try:
            worst = (logits(back) - expected).abs().max().item()
            tally.check(worst < 1e-4, f"{name}: {back}: logits differ by {worst}")
        except Exception as error:
            tally.check(False, f"{name}: {back}: transformers: {str(error)[-300:]}")


def main(qamw, testdata, llama, *chosen):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    total = Tally()
    for seed, name in enumerate(transformers_models.CONFIGURATIONS):
        if chosen and name not in chosen:
            continue
        tally = Tally()
        with tempfile.TemporaryDirectory() as scratch:
            try:
                check_model(Command(qamw, tally), tally, name, seed, scratch, testdata, llama)
            except Exception as error:
                tally.check(False, f"{name}: {type(error).__name__}: {str(error)[-400:]}")
        print(f"{name:20} {'ok' if not tally.failed else 'FAILED'}", flush=True)
        total.passed += tally.passed
        total.failed += tally.failed
    return total.finish()


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
