"""FP8 by block, tensor and channel. The reference: transformers' Fp8Dequantize; the same rule for partial blocks, which it refuses."""

import torch
from transformers.integrations.finegrained_fp8 import Fp8Dequantize

from .case import Case, Suite

E4M3 = torch.float8_e4m3fn


def expanded(scale, shape, block):
    """Expands the scales to one per weight."""
    scale = scale.float()
    for axis, size in zip((-2, -1), block):
        scale = scale.repeat_interleave(size, axis)
    return scale[..., : shape[-2], : shape[-1]]


def quantized(weight, scale, dtype):
    limit = torch.finfo(dtype).max
    return (weight / scale).clamp(-limit, limit).to(dtype)


def blocks(size, scale_dtype=torch.float32, dtype=E4M3, name="{}_scale_inv"):
    def store(weight_name, weight):
        rows, columns = weight.shape[-2:]
        grid = [-(-rows // size[0]), -(-columns // size[1])]
        padded = torch.zeros(*weight.shape[:-2], grid[0] * size[0], grid[1] * size[1])
        padded[..., :rows, :columns] = weight.abs()
        scale = padded.reshape(*weight.shape[:-2], grid[0], size[0], grid[1], size[1]).amax((-3, -1)) / torch.finfo(dtype).max
        scale = scale.clamp(min=1e-8)
        if scale_dtype == torch.float8_e8m0fnu:
            scale = torch.exp2(torch.log2(scale).ceil())
        scale = scale.to(scale_dtype)
        return {weight_name: quantized(weight, expanded(scale, weight.shape, size), dtype), name.format(weight_name): scale}

    def read(weight_name, stored):
        values, scale = stored[weight_name], stored[name.format(weight_name)]
        if values.shape[-2] % size[0] or values.shape[-1] % size[1]:
            return (values.float() * expanded(scale, values.shape, size)).bfloat16()
        return Fp8Dequantize(None)._dequantize_one(values, scale, output_dtype=torch.bfloat16)

    return {"store": store, "read": read}


def per(axes, name, dtype=E4M3, scale_dtype=torch.float32, keeps=True):
    """One scale for everything (`axes` None), or one per remaining index."""

    def store(weight_name, weight):
        scale = weight.abs().amax(axes, keepdim=True) if axes is not None else weight.abs().max()
        scale = (scale / torch.finfo(dtype).max).clamp(min=1e-8).to(scale_dtype)
        module = weight_name.removesuffix(".weight")
        stored = scale if keeps else scale.flatten()
        return {weight_name: quantized(weight, scale.float(), dtype), name.format(weight_name, module=module): stored}

    def read(weight_name, stored):
        scale = stored[name.format(weight_name, module=weight_name.removesuffix(".weight"))].float()
        values = stored[weight_name].float()
        if not keeps:
            scale = scale.reshape(-1, *[1] * (values.ndim - 1))
        return (values * scale).bfloat16()

    return {"store": store, "read": read}


def config(**more):
    return {"quant_method": "fp8", "activation_scheme": "dynamic", **more}


SMALL = [(5, 24), (3, 7)]
cases = [
    Case("fp8_blocks", config(fmt="e4m3", weight_block_size=[128, 128]), **blocks((128, 128)), shapes=[(128, 256), (130, 200), (3, 5)], gguf=True),
    Case("fp8_blocks_small", config(weight_block_size=[4, 8]), **blocks((4, 8)), shapes=[(8, 24), (7, 20), (2, 6, 16)]),
    Case("fp8_blocks_powers", config(weight_block_size=[64, 32], scale_fmt="ue8m0"), **blocks((64, 32), torch.float8_e8m0fnu), shapes=[(64, 64), (70, 40)]),
    Case("fp8_blocks_bf16_scales", None, **blocks((128, 128), torch.bfloat16, name="{}_scale_inv"), shapes=[(128, 128)]),
    Case("fp8_by_tensor", config(), **per(None, "{}_scale_inv"), shapes=SMALL),
    Case("fp8_by_tensor_unnamed", None, **per(None, "{}_scale"), shapes=SMALL),
    Case("fp8_by_channel", config(), **per(-1, "{}_scale", scale_dtype=torch.bfloat16), shapes=SMALL + [(2, 3, 8)]),
    Case("fp8_by_channel_flat", None, **per(-1, "{}_scale", keeps=False), shapes=SMALL),
    Case("fp8_e5m2", None, **per(None, "{module}.scale_weight", torch.float8_e5m2), shapes=SMALL),
    Case("fp8_mistral", config(), **per(None, "{module}.qscale_weight"), shapes=SMALL),
    Case("fp8_experts_by_column", None, **per(-2, "{}_scale"), shapes=[(2, 6, 8)], whole_model=False, weight="e{}.gate_up_proj"),
]

suite = Suite(cases)
