"""MXFP4 as gpt-oss stores it. The reference: transformers' convert_moe_packed_tensors."""

import torch
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from .case import Case, Suite


def store(name, weight):
    # The plain tensor is [experts, inputs, outputs]. Values and exponents cover their ranges; they do not approximate the weight.
    experts, inputs, outputs = weight.shape
    generator = torch.Generator().manual_seed(weight.numel())
    blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), generator=generator, dtype=torch.uint8)
    scales = torch.randint(100, 140, (experts, outputs, inputs // 32), generator=generator, dtype=torch.uint8)
    scales[0, 0, 0], scales[-1, -1, -1] = 1, 250
    return {f"{name}_blocks": blocks, f"{name}_scales": scales}


def read(name, stored):
    return convert_moe_packed_tensors(stored[f"{name}_blocks"], stored[f"{name}_scales"])


def openai_store(name, weight):
    stored = store(name, weight.transpose(-1, -2))
    return {f"{name}.blocks": stored[f"{name}_blocks"], f"{name}.scales": stored[f"{name}_scales"]}


def openai_read(name, stored):
    return convert_moe_packed_tensors(stored[f"{name}.blocks"], stored[f"{name}.scales"]).transpose(-1, -2).contiguous()


CONFIG = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}
SHAPES = [(2, 64, 6), (3, 32, 40), (1, 1056, 5)]
cases = [
    Case("mxfp4", CONFIG, store, read, SHAPES, whole_model=False, weight="model.layers.{}.mlp.experts.gate_up_proj"),
    Case("mxfp4_unnamed", None, store, read, SHAPES[:1], whole_model=False, weight="model.layers.{}.mlp.experts.down_proj"),
    Case("mxfp4_openai", None, openai_store, openai_read, [(2, 6, 64)], whole_model=False, weight="block.{}.mlp.mlp1_weight"),
]

suite = Suite(cases)
