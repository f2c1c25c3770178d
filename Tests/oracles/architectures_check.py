#!/usr/bin/env python3
"""Converts tiny models of every architecture to GGUF and reads them with PyPI's gguf: names by its own table of tensors, elements and
hyperparameters by their definitions, Q8_0 by its quantizer; then converts them back and compares every byte, configurations included. Incomplete
models must be refused.

    architectures_check.py QAMW_BINARY TESTDATA_DIR

The models in TESTDATA_DIR are converted to GGUF and back as well.
"""

import json
import math
import os
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import gguf
import numpy as np

import architecture_models
import oracle

ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3"}
MADE = {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"}


def tensors(folder):
    """Types, shapes and bytes by name."""
    data = (Path(folder) / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: (e["dtype"], e["shape"], data[start + e["data_offsets"][0]:start + e["data_offsets"][1]]) for name, e in header.items()}


def floats(entry):
    dtype, shape, data = entry
    assert dtype == "BF16"
    return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)


def permuted(values, heads):
    """Interleaves the two halves of each head."""
    return values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def expected(name, values, config):
    kind = config["model_type"]
    if kind in ("llama", "mistral"):
        if ".q_proj." in name:
            return permuted(values, config["num_attention_heads"])
        if ".k_proj." in name:
            return permuted(values, config["num_key_value_heads"])
    return values + np.float32(1) if kind.startswith("gemma") and name.endswith("norm.weight") else values


def check_keys(reader, config, architecture, tally):
    def key(name):
        field = reader.fields.get(name.format(arch=architecture))
        return None if field is None else field.contents()

    keys = gguf.Keys
    wanted = {
        keys.LLM.CONTEXT_LENGTH: config["max_position_embeddings"], keys.LLM.EMBEDDING_LENGTH: config["hidden_size"],
        keys.LLM.BLOCK_COUNT: config["num_hidden_layers"], keys.LLM.FEED_FORWARD_LENGTH: config["intermediate_size"],
        keys.Attention.HEAD_COUNT: config["num_attention_heads"], keys.Attention.HEAD_COUNT_KV: config["num_key_value_heads"],
        keys.Attention.LAYERNORM_RMS_EPS: np.float32(config["rms_norm_eps"]), keys.Rope.FREQ_BASE: np.float32(config["rope_theta"]),
        keys.General.ARCHITECTURE: architecture, keys.General.QUANTIZATION_VERSION: gguf.GGML_QUANT_VERSION,
        keys.General.FILE_TYPE: gguf.LlamaFileType.MOSTLY_BF16,
        keys.General.SIZE_LABEL: gguf.size_label(sum(t.n_elements for t in reader.tensors), 0, 0, 0),
    }
    if "head_dim" in config:
        wanted |= {keys.Attention.KEY_LENGTH: config["head_dim"], keys.Attention.VALUE_LENGTH: config["head_dim"]}
    if config.get("sliding_window") is not None and architecture.startswith("gemma"):
        wanted[keys.Attention.SLIDING_WINDOW] = config["sliding_window"]
    if "final_logit_softcapping" in config:
        wanted |= {keys.LLM.ATTN_LOGIT_SOFTCAPPING: 50, keys.LLM.FINAL_LOGIT_SOFTCAPPING: 30}
    if architecture in ("llama", "phi3"):
        wanted[keys.Rope.DIMENSION_COUNT] = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
    for name, value in wanted.items():
        tally.check(key(name) == value, f"{architecture}: {name} is {key(name)}, not {value}")


def check_model(command, tally, scratch, name, config, seed):
    folder, path, back = (os.path.join(scratch, name + suffix) for suffix in ("", ".gguf", "-back/"))
    architecture_models.write(Path(folder), config, architecture_models.tensors(config, seed))
    if not command.run("convert", folder, path, "--names", "gguf", "--quiet"):
        return
    architecture = ARCHITECTURES.get(config["model_type"], config["model_type"])
    reader = gguf.GGUFReader(path)
    check_keys(reader, config, architecture, tally)
    enum = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    names = gguf.get_tensor_name_map(enum, config["num_hidden_layers"])
    found = {t.name: t for t in reader.tensors}
    originals = tensors(folder)
    for original, entry in originals.items():
        mapped = names.get_name(original, (".weight", ".bias"))
        if not tally.check(mapped in found, f"{name}: {original} is not there as {mapped}"):
            continue
        tensor, values = found.pop(mapped), expected(original, floats(entry), config)
        plain = values.ndim == 1
        tally.check(tensor.tensor_type == (gguf.GGMLQuantizationType.F32 if plain else gguf.GGMLQuantizationType.BF16), f"{name}: type of {mapped}")
        there = tensor.data if plain else (tensor.data.view("<u2").astype("<u4") << 16).view("<f4")
        tally.check(np.array_equal(there, values), f"{name}: elements of {mapped}")
    tally.check(set(found) <= MADE, f"{name}: unexpected tensors {set(found) - MADE}")

    if command.run("convert", path, back, "--to", "safetensors", "--names", "hf", "--quiet"):
        tally.check(tensors(back) == originals, f"{name}: what came back differs")
        tally.check((Path(back) / "config.json").read_bytes() == (Path(folder) / "config.json").read_bytes(), f"{name}: config.json that came back differs")
    check_incomplete(command, tally, scratch, name, config, seed)
    check_q8(command, tally, scratch, name, config, originals)


def check_incomplete(command, tally, scratch, name, config, seed):
    """With a missing tensor, a wrong shape, or a surplus layer no file is written."""
    weights = architecture_models.tensors(config, seed)
    down = "model.layers.1.mlp.down_proj.weight"
    faults = {
        "missing": {key: value for key, value in weights.items() if key != down},
        "shape": weights | {down: weights[down][:-1]},
        "more": weights | {down.replace(".1.", f".{config['num_hidden_layers']}."): weights[down]},
    }
    for fault, changed in faults.items():
        folder, path = os.path.join(scratch, f"{name}-{fault}"), os.path.join(scratch, f"{name}-{fault}.gguf")
        architecture_models.write(Path(folder), config, changed)
        status, message = command.status("convert", folder, path)
        tally.check(status == 65, f"{name}: the fault \"{fault}\" ends with status {status}: {message}")
        tally.check(not os.path.exists(path), f"{name}: a file with the fault \"{fault}\"")


def check_yarn(command, tally, scratch):
    """llama.cpp multiplies queries and keys by attn_factor * (1 + 0.1 ln factor), transformers by its attention_factor."""
    factor = 4.0

    def scale(share):
        return 1 + 0.1 * share * math.log(factor)

    for number, (more, attention) in enumerate([
            ({}, scale(1)), ({"attention_factor": 1.0}, 1.0), ({"attention_factor": 1.3}, 1.3),
            ({"mscale": 1.0, "mscale_all_dim": 1.0}, 1.0), ({"mscale": 1.0, "mscale_all_dim": 0.8}, scale(1.0) / scale(0.8))]):
        for kind, class_name in (("llama", "LlamaForCausalLM"), ("qwen2", "Qwen2ForCausalLM")):
            scaling = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": 128} | more
            config = architecture_models.common(kind, class_name, rope_scaling=scaling)
            folder, path = (os.path.join(scratch, f"yarn-{kind}-{number}{suffix}") for suffix in ("", ".gguf"))
            architecture_models.write(Path(folder), config, architecture_models.tensors(config, number))
            if not command.run("convert", folder, path, "--quiet"):
                continue
            field = gguf.GGUFReader(path).fields.get(gguf.Keys.Rope.SCALING_ATTN_FACTOR.format(arch=kind))
            found = (1.0 if field is None else field.contents()) * scale(1)
            tally.check(abs(found - attention) < 1e-6 * attention, f"yarn {more} of {kind}: attention is multiplied by {found}, not {attention}")


def check_q8(command, tally, scratch, name, config, originals):
    path = os.path.join(scratch, f"{name}-q8.gguf")
    if not command.run("convert", os.path.join(scratch, name), path, "--dtype", "q8_0", "--quiet"):
        return
    found = {t.name: t for t in gguf.GGUFReader(path).tensors}
    entry = floats(originals["model.layers.0.mlp.down_proj.weight"])
    wanted = gguf.quants.quantize(entry, gguf.GGMLQuantizationType.Q8_0)
    tally.check(found["blk.0.ffn_down.weight"].data.tobytes() == wanted.tobytes(), f"{name}: Q8_0 of ffn_down")


def main(binary, testdata):
    tally = oracle.Tally()
    command = oracle.Command(binary, tally)
    with tempfile.TemporaryDirectory() as scratch:
        for seed, (name, config) in enumerate(architecture_models.configurations().items()):
            check_model(command, tally, scratch, name, config, seed)
        check_yarn(command, tally, scratch)
        for entry in sorted(os.scandir(testdata), key=lambda e: e.name):
            if not os.path.exists(os.path.join(entry.path, "model.safetensors")):
                continue
            path, back = os.path.join(scratch, entry.name + ".gguf"), os.path.join(scratch, entry.name + "-back/")
            if command.run("convert", entry.path, path, "--names", "gguf", "--quiet") and command.run(
                    "convert", path, back, "--to", "safetensors", "--quiet"):
                tally.check(tensors(back) == tensors(entry.path), f"{entry.name}: what came back differs")
    return tally.finish()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
