"""compressed-tensors. The reference: the package's own compressors."""

import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationScheme

from .case import Case, Suite


def scheme(weights, activations=None):
    return QuantizationScheme(targets=["Linear"], weights={k: v for k, v in weights.items() if k != "actorder"}, input_activations=activations)


def parameters(weight, args):
    """Scales and zero points of a weight, from the extremes of each block."""
    rows, columns = weight.shape
    strategy = args["strategy"]
    if strategy == "tensor":
        grouped = weight.reshape(1, 1, -1)
    elif strategy == "channel":
        grouped = weight.reshape(rows, 1, columns)
    elif strategy == "block":
        high, wide = args["block_structure"]
        grid = -(-rows // high), -(-columns // wide)
        padded = torch.zeros(grid[0] * high, grid[1] * wide)
        padded[:rows, :columns] = weight
        grouped = padded.reshape(grid[0], high, grid[1], wide).transpose(1, 2).reshape(*grid, -1)
    else:
        grouped = weight.reshape(rows, columns // args["group_size"], args["group_size"])
    bits, is_float = args["num_bits"], args["type"] == "float"
    top = {4: 6.0, 8: 448.0}[bits] if is_float else 2 ** (bits - 1) - 1
    if args.get("symmetric", True):
        scale, zero = grouped.abs().amax(-1) / top, None
    else:
        low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)
        scale = (high - low) / (2**bits - 1)
        zero = (-(2 ** (bits - 1)) - low / scale.clamp(min=1e-8)).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(torch.int8)
    scale = scale.clamp(min=1e-6)
    return (scale.reshape(1), zero.reshape(1) if zero is not None else None) if strategy == "tensor" else (scale, zero)


def case(name, form, args, shapes, scale_dtype=torch.bfloat16, activations=None, group=None, top=None, **more):
    args = {"type": "int", "symmetric": True, **args}
    compressor = BaseCompressor.get_value_from_registry(form)
    reference = scheme(args, activations)

    def store(weight_name, weight):
        if form.startswith("nvfp4"):
            # A scale for the scales, which maps the largest to F8's maximum.
            factor = 448 * 6 / weight.abs().max()
            scale = (weight.reshape(weight.shape[0], -1, 16).abs().amax(-1) / 6 * factor).clamp(min=0.01).to(torch.float8_e4m3fn)
            state = {"weight": weight, "weight_scale": scale.float(), "weight_global_scale": factor.reshape(1)}
        elif form.startswith("mxfp4"):
            peak = weight.reshape(weight.shape[0], -1, 32).abs().amax(-1).clamp(min=1e-6)
            state = {"weight": weight, "weight_scale": torch.exp2(torch.log2(peak / 6).ceil())}
        else:
            scale, zero = parameters(weight, args)
            state = {"weight": weight, "weight_scale": scale.to(scale_dtype)}
            if zero is not None:
                state["weight_zero_point"] = zero
            state["weight"] = weight.to(scale_dtype)
        module = weight_name.removesuffix("weight")
        stored = {module + key: value for key, value in compressor.compress(state, reference).items()}
        if activations and not form.startswith(("nvfp4", "mxfp4")):
            stored[module + "input_scale"] = torch.ones(1)
        return stored

    def read(weight_name, stored):
        module = weight_name.removesuffix("weight")
        state = {key.removeprefix(module): value for key, value in stored.items() if key.startswith(module)}
        # The package multiplies in the type of the scales: products with float16 are rounded to float16.
        return compressor.decompress(state, reference)["weight"].to(torch.float16 if scale_dtype == torch.float16 else torch.bfloat16)

    config = {
        "quant_method": "compressed-tensors", "format": top or form, "quantization_status": "compressed", "ignore": ["lm_head"],
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": args, **(group or {})}},
    }
    dtype = torch.float16 if scale_dtype == torch.float16 else torch.bfloat16
    return Case(f"compressed_{name}", config, store, read, shapes, dtype, **more)


def ordered(name, bits, symmetric):
    """Permuted groups of columns (actorder "group"), which the package no longer writes: its rule, with g_idx."""
    inner = case(name, "pack-quantized", {"num_bits": bits, "strategy": "group", "group_size": 16, "symmetric": symmetric, "actorder": "group"}, [(12, 48)])

    def order(columns):
        return torch.randperm(columns, generator=torch.Generator().manual_seed(columns))

    def store(weight_name, weight):
        permutation = order(weight.shape[1])
        stored = inner.store(weight_name, weight[:, permutation])
        index = torch.empty(weight.shape[1], dtype=torch.int32)
        index[permutation] = torch.arange(weight.shape[1], dtype=torch.int32) // 16
        # The values keep the original order of columns.
        module = weight_name.removesuffix("weight")
        packed = stored[module + "weight_packed"]
        from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32

        values = unpack_from_int32(packed, bits, weight.shape)
        back = torch.empty_like(values)
        back[:, permutation] = values
        return {**stored, module + "weight_packed": pack_to_int32(back, bits), module + "weight_g_idx": index}

    def read(weight_name, stored):
        from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32

        module = weight_name.removesuffix("weight")
        shape = stored[module + "weight_shape"].tolist()
        index, scale = stored[module + "weight_g_idx"].long(), stored[module + "weight_scale"]
        values = unpack_from_int32(stored[module + "weight_packed"], bits, shape).to(scale.dtype)
        if not symmetric:
            zero = unpack_from_int32(stored[module + "weight_zero_point"], bits, (shape[0], scale.shape[1]), packed_dim=0)
            values = values - zero.to(scale.dtype)[:, index]
        return (values * scale[:, index]).bfloat16()

    return Case(inner.name, inner.config, store, read, inner.shapes)


def mixed():
    """Two groups of modules, distinguished by their tensors."""
    four = case("mixed", "pack-quantized", {"num_bits": 4, "strategy": "group", "group_size": 16}, [])
    eight = case("mixed", "float-quantized", {"num_bits": 8, "type": "float", "strategy": "channel"}, [])
    groups = {
        "group_0": {**four.config["config_groups"]["group_0"], "format": "pack-quantized"},
        "group_1": {**eight.config["config_groups"]["group_0"], "targets": ["re:.*down_proj"], "format": "float-quantized"},
    }

    def pick(weight_name):
        return eight if "down_proj" in weight_name or "m1" in weight_name else four

    return Case(
        "compressed_mixed", {**four.config, "format": "mixed-precision", "config_groups": groups}, lambda n, w: pick(n).store(n, w),
        lambda n, s: pick(n).read(n, s), [(6, 32), (5, 32)])


def unstated(inner):
    return Case(f"{inner.name}_unstated", None, inner.store, inner.read, inner.shapes)


FP8 = {"num_bits": 8, "type": "float"}
ACTIVATIONS = {"num_bits": 8, "type": "float", "dynamic": True, "strategy": "token"}
cases = [
    case("float_by_channel", "float-quantized", {**FP8, "strategy": "channel"}, [(5, 24)], activations=ACTIVATIONS),
    case("float_by_tensor", "float-quantized", {**FP8, "strategy": "tensor"}, [(5, 24)], torch.float32, activations=ACTIVATIONS),
    case("float_blocks", "float-quantized", {**FP8, "strategy": "block", "block_structure": [32, 16]}, [(64, 32), (40, 24)], torch.float32),
    case("naive", "naive-quantized", {**FP8, "strategy": "channel"}, [(5, 24)], torch.float16),
    case("int8", "int-quantized", {"num_bits": 8, "strategy": "channel"}, [(5, 24)], gguf=True),
    case("int8_zero_points", "int-quantized", {"num_bits": 8, "strategy": "channel", "symmetric": False}, [(5, 24)]),
    case("int8_groups", "int-quantized", {"num_bits": 8, "strategy": "group", "group_size": 16}, [(5, 48)]),
    *[case(f"packed_{bits}", "pack-quantized", {"num_bits": bits, "strategy": "group", "group_size": 16}, [(6, 48), (3, 80)], gguf=bits in (4, 8))
      for bits in (2, 3, 4, 5, 6, 7, 8)],
    *[case(f"packed_{bits}_zero_points", "pack-quantized", {"num_bits": bits, "strategy": "group", "group_size": 16, "symmetric": False}, [(11, 32), (16, 48)],
           gguf=bits == 4) for bits in (3, 4, 8)],
    case("packed_4_by_channel", "pack-quantized", {"num_bits": 4, "strategy": "channel"}, [(6, 44)]),
    case("packed_4_by_tensor", "pack-quantized", {"num_bits": 4, "strategy": "tensor"}, [(6, 44)]),
    ordered("packed_4_ordered", 4, True),
    ordered("packed_4_ordered_zero_points", 4, False),
    case("nvfp4", "nvfp4-pack-quantized", {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}, [(6, 32), (3, 48)]),
    case("mxfp4", "mxfp4-pack-quantized", {"num_bits": 4, "type": "float", "strategy": "group", "group_size": 32}, [(6, 64)]),
    mixed(),
]
cases += [unstated(next(c for c in cases if c.name == f"compressed_{name}")) for name in ("packed_4", "packed_4_zero_points", "int8", "nvfp4")]

suite = Suite(cases)
