"""Converts PEFT's LoRA adapters of a small llama, and runs them in llama.cpp: adapter_check.py QAMW TESTDATA

llama.cpp with the adapter's GGUF beside the base model's, and with the GGUF of the model that --lora merges into, must compute what transformers does
with the weights merged here."""

import json
import os
import shutil
import sys
import tempfile

import numpy as np
from oracle import Command, Tally
from quantized import arrays, checkpoint, llama_cpp

RANK, ALPHA = 4, 6


def adapter(weights, config, seed):
    """The adapter's tensors, and the weights into which they are merged."""
    random = np.random.default_rng(seed)
    tensors, merged = {}, dict(weights)
    for module in arrays.linear_modules(weights):
        if not any(name in module for name in config["target_modules"]):
            continue
        rows, columns = weights[f"{module}.weight"].shape
        a, b = (random.normal(0, 0.3, shape).astype(np.float32) for shape in ((RANK, columns), (rows, RANK)))
        tensors[f"base_model.model.{module}.lora_A.weight"], tensors[f"base_model.model.{module}.lora_B.weight"] = a, b
        scale = ALPHA / (RANK**0.5 if config.get("use_rslora") else RANK)
        merged[f"{module}.weight"] = (weights[f"{module}.weight"] + scale * (b.astype(np.float64) @ a)).astype(np.float32)
    return tensors, merged


def check(qamw, tally, what, folder, testdata, **more):
    config = arrays.config("float32")
    base = arrays.weights(config, 1)
    lora = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, **more}
    tensors, merged = adapter(base, lora, 2)
    checkpoint.write(f"{folder}/base", base, config)
    checkpoint.write(f"{folder}/merged", merged, config)
    checkpoint.write(f"{folder}/lora", tensors, {}, {"adapter_config.json": json.dumps(lora)}, weights="adapter_model")
    os.remove(f"{folder}/lora/config.json")
    shutil.copy(f"{testdata}/wikilm-tiny/tokenizer.json", f"{folder}/base")
    ids = (np.fromfile(f"{testdata}/inference/wikilm-tiny.u16", "<u2")[:12] % config["vocab_size"]).tolist()
    if qamw.run("convert", f"{folder}/base", f"{folder}/base.gguf", "--quiet") and qamw.run("convert", f"{folder}/lora", f"{folder}/lora.gguf", "--base", f"{folder}/base", "--quiet"):
        llama_cpp.check(tally, f"{what}, beside the base", f"{folder}/base.gguf", f"{folder}/merged", ids, f"{folder}/lora.gguf", 1e-3)
        alone, _ = llama_cpp.by_llama_cpp(f"{folder}/base.gguf", ids)
        expected = llama_cpp.by_transformers(f"{folder}/merged", ids)
        tally.check(alone and max(abs(value - expected[token]) for token, value in alone.items()) > 0.1, f"{what}: the adapter changes nothing")
    if qamw.run("convert", f"{folder}/base", f"{folder}/merged.gguf", "--lora", f"{folder}/lora", "--quiet"):
        llama_cpp.check(tally, f"{what}, merged", f"{folder}/merged.gguf", f"{folder}/merged", ids, bound=1e-3)


def main():
    tally = Tally()
    qamw = Command(sys.argv[1], tally)
    for what, more in {
        "attention": {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]},
        "feed-forward": {"target_modules": ["gate_proj", "up_proj", "down_proj"]},
        "rank-stabilized": {"target_modules": ["q_proj", "down_proj"], "use_rslora": True},
    }.items():
        with tempfile.TemporaryDirectory() as folder:
            check(qamw, tally, what, folder, sys.argv[2], **more)
    print("adapters: ", end="")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
