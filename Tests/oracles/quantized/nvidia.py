"""NVIDIA ModelOpt's FP8 and NVFP4. The reference: nvidia-modelopt's NVFP4QTensor and FP8QTensor."""

import json

import torch
from modelopt.torch.quantization.qtensor import FP8QTensor, NVFP4QTensor

from .case import Case, Suite


def nvfp4_store(name, weight):
    tensor, scale, second = NVFP4QTensor.quantize(weight, 16)
    return {name: tensor._quantized_data, f"{name}_scale": scale, f"{name}_scale_2": second.float().reshape(()), f"{name[:-7]}.input_scale": torch.ones(())}


def nvfp4_read(name, stored):
    values = stored[name]
    tensor = NVFP4QTensor(torch.Size((*values.shape[:-1], values.shape[-1] * 2)), torch.bfloat16, values)
    weight = tensor.dequantize(torch.bfloat16, scale=stored[f"{name}_scale"], double_scale=stored[f"{name}_scale_2"], block_sizes={-1: 16})
    # ModelOpt's table gives 0 for the code of -0.
    codes = torch.stack([values & 15, values >> 4], -1).reshape(weight.shape)
    return torch.where(codes == 8, -torch.zeros(()).bfloat16(), weight)


def fp8_store(name, weight):
    scale = weight.abs().max() / 448
    tensor, _ = FP8QTensor.quantize(weight, scale.reshape(1))
    return {name: tensor._quantized_data, f"{name}_scale": scale.reshape(()), f"{name[:-7]}.input_scale": torch.ones(())}


def fp8_read(name, stored):
    # FP8QTensor multiplies in the output's type; inference engines multiply in float32 and round once.
    return (stored[name].float() * stored[f"{name}_scale"].float().reshape(-1, *[1] * (stored[name].ndim - 1) if stored[f"{name}_scale"].ndim else [])).bfloat16()


def channel_store(name, weight):
    scale = weight.abs().amax(-1) / 448
    return {name: (weight / scale[:, None].clamp(min=1e-8)).to(torch.float8_e4m3fn), f"{name}_scale": scale}


def config(algorithm, **more):
    return {"quant_method": "modelopt", "quant_algo": algorithm, "ignore": ["lm_head"], **more}


def own_file(algorithm):
    return {"hf_quant_config.json": json.dumps({"producer": {"name": "modelopt"}, "quantization": {"quant_algo": algorithm, "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}})}


cases = [
    Case("modelopt_nvfp4", config("NVFP4"), nvfp4_store, nvfp4_read, [(6, 32), (3, 48)], gguf=False),
    Case("modelopt_nvfp4_own_file", None, nvfp4_store, nvfp4_read, [(6, 32)], files=own_file("NVFP4")),
    Case("modelopt_fp8", config("FP8"), fp8_store, fp8_read, [(5, 24)], gguf=True),
    Case("modelopt_fp8_own_file", None, fp8_store, fp8_read, [(5, 24)], files=own_file("FP8")),
    Case("modelopt_fp8_by_channel", config("FP8_PER_CHANNEL_PER_TOKEN"), channel_store, fp8_read, [(5, 24)]),
]

suite = Suite(cases)
