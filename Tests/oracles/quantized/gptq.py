"""GPTQ, as AutoGPTQ and GPTQModel write it: words along the input, a scale and a zero point for each group and output."""
import numpy as np

from .arrays import NAMES, Suite, config, linear_modules, near, pack, unpack, weights
from .checkpoint import Checkpoint

#: Relative squared error of rounding to nearest, in groups of Gaussian weights.
LIMITS = {2: 0.4, 3: 0.08, 4: 0.02, 8: 2e-4}


def quantize(weight: np.ndarray, bits: int, group: int, *, symmetric: bool, order: np.ndarray | None, version: int, by_word: bool) -> dict:
    """The tensors of a module, by the last part of their names. `order` lists the inputs in the order in which they are grouped."""
    weight = weight.astype(np.float32)
    outputs, inputs = weight.shape
    group = inputs if group == -1 else group
    groups, most = -(-inputs // group), 2**bits - 1
    g_idx = np.empty(inputs, np.int32)
    g_idx[np.arange(inputs) if order is None else order] = np.arange(inputs) // group
    scales, zeros = np.empty((groups, outputs), np.float16), np.empty((groups, outputs), np.int64)
    for number in range(groups):
        part = weight[:, g_idx == number]
        low, high = np.minimum(part.min(axis=1), 0), np.maximum(part.max(axis=1), 0)
        if symmetric:
            high = np.maximum(-low, high)
            low = -high
        scales[number] = np.maximum((high - low) / most, 1e-4)
        zeros[number] = 2 ** (bits - 1) if symmetric else np.clip(np.round(-low / scales[number].astype(np.float32)), 0, most)
    codes = np.clip(np.round(weight.T / scales[g_idx].astype(np.float32)) + zeros[g_idx], 0, most).astype(np.uint32)
    if version == 2:
        stored = pack(zeros.T, bits).T
    elif by_word and bits != 3:
        # GPTQModel subtracts one from each zero point of a word at once: a zero point of 0 borrows from its neighbour.
        ones = np.uint32(sum(1 << place for place in range(0, 32, bits)))
        stored = pack(zeros.T, bits).T - ones
    else:
        stored = pack((zeros.T - 1) % (most + 1), bits).T
    return {
        "qweight": pack(codes, bits).view(np.int32), "qzeros": np.ascontiguousarray(stored).view(np.int32), "scales": scales, "g_idx": g_idx,
    }


def dequantize(module: dict, bits: int, group: int, version: int, by_word: bool, dtype) -> np.ndarray:
    scales = module["scales"]
    outputs = scales.shape[1]
    inputs = module["qweight"].shape[0] * 32 // bits
    words = module["qzeros"].view(np.uint32)
    if version == 1 and by_word and bits != 3:
        words = words + np.uint32(sum(1 << place for place in range(0, 32, bits)))
    zeros = unpack(np.ascontiguousarray(words.T), bits, outputs).T.astype(np.int64)
    if version == 1 and not (by_word and bits != 3):
        zeros = (zeros + 1) % 2**bits
    g_idx = module.get("g_idx", np.arange(inputs) // (inputs if group == -1 else group))
    codes = unpack(module["qweight"].view(np.uint32), bits, inputs).astype(np.int64)
    # The product of a half and an integer of nine bits is exact in single precision.
    return ((codes - zeros[g_idx]).astype(np.float32) * scales[g_idx].astype(np.float32)).T.astype(dtype)


def statement(bits: int, group: int, *, symmetric: bool, act_order: bool, version: int, model: bool, **more) -> dict:
    """`quantization_config`, by GPTQModel or by AutoGPTQ."""
    kind = {1: "gptq", 2: "gptq_v2"}[version]
    if model:
        return {
            "bits": bits, "checkpoint_format": kind, "desc_act": act_order, "group_size": group, "lm_head": False,
            "meta": {"damp_percent": 0.05, "quantizer": ["gptqmodel:2.2.0"], "static_groups": False, "true_sequential": True,
                     "uri": "https://github.com/modelcloud/gptqmodel"},
            "pack_dtype": "int32", "quant_method": "gptq", "sym": symmetric,
        } | more
    return {
        "bits": bits, "checkpoint_format": kind, "damp_percent": 0.01, "desc_act": act_order, "group_size": group,
        "model_file_base_name": None, "model_name_or_path": None, "quant_method": "gptq", "static_groups": False, "sym": symmetric,
        "true_sequential": True,
    } | more


def case(
    name: str, bits: int, group: int, *, symmetric: bool = True, act_order: bool = False, version: int = 1, model: bool = False,
    dtype: str = "float16", overrides: dict[str, int] = {}, seed: int = 1, without: tuple[str, ...] = (), warning: str = "already quantized",
    stated: dict = {}, plain: dict = {},
) -> Checkpoint:
    """`overrides`: bits of single modules. `stated` and `plain` replace keys of quantization_config and of config.json."""
    plain_config = config(dtype, **plain)
    original = weights(plain_config, seed)
    tensors, expected = dict(original), dict(original)
    random = np.random.default_rng(seed + 1)
    for module in linear_modules(original):
        width = overrides.get(module, bits)
        weight = tensors.pop(f"{module}.weight")
        order = random.permutation(weight.shape[1]) if act_order else None
        parts = quantize(weight, width, group, symmetric=symmetric, order=order, version=version, by_word=model)
        parts = {part: value for part, value in parts.items() if part not in without}
        tensors |= {f"{module}.{part}": value for part, value in parts.items()}
        expected[f"{module}.weight"] = dequantize(parts, width, group, version, model, NAMES[dtype])
        near(module, weight, expected[f"{module}.weight"], LIMITS[width])
    more = {"dynamic": {f"+:^{module}$": {"bits": width} for module, width in overrides.items()}} if overrides else {}
    said = statement(bits, group, symmetric=symmetric, act_order=act_order, version=version, model=model, **more) | stated
    return Checkpoint(name, plain_config | {"quantization_config": said}, tensors, expected, "rule in numpy", warning=warning)


def cases() -> list[Checkpoint]:
    return [
        case("gptq-2", 2, 32),
        case("gptq-3", 3, 64),
        case("gptq-4", 4, 64),
        case("gptq-4-bf16", 4, 32, dtype="bfloat16"),
        # Three quarters of a last group.
        case("gptq-4-partial-group", 4, 128),
        case("gptq-4-one-group", 4, -1),
        case("gptq-4-order", 4, 32, act_order=True),
        case("gptq-8", 8, 64),
        case("gptq-8-order", 8, 64, act_order=True, dtype="bfloat16"),
        case("gptq-3-asymmetric-order", 3, 32, symmetric=False, act_order=True, version=2, model=True),
        case("gptq-4-v2", 4, 64, version=2, model=True),
        case("gptq-4-v2-asymmetric", 4, 64, symmetric=False, version=2, model=True),
        case("gptq-2-asymmetric", 2, 32, symmetric=False, model=True),
        case("gptq-4-asymmetric", 4, 32, symmetric=False, model=True),
        case("gptq-8-asymmetric", 8, 64, symmetric=False, model=True),
        case("gptq-4-asymmetric-auto", 4, 32, symmetric=False, warning="zero"),
        case("gptq-mixed", 4, 64, model=True, overrides={
            "model.layers.0.mlp.down_proj": 8, "model.layers.1.mlp.down_proj": 8, "model.layers.1.mlp.up_proj": 3, "model.layers.1.mlp.gate_proj": 2}),
        case("gptq-4-without-g_idx", 4, 32, without=("g_idx",)),
        # Zero points of version 2 under the name of version 1.
        case("gptq-4-mislabelled", 4, 64, version=2, model=True, stated={"checkpoint_format": "gptq"}, warning="zero"),
    ]


def fixtures() -> list[Checkpoint]:
    small = Suite.SMALL
    return [
        case("gptq-mixed", 4, 32, model=True, act_order=True, overrides=dict(zip(Suite.modules(2), (2, 3, 4, 8))), plain=small | {"layers": 2}),
        case("gptq-asymmetric", 4, 32, symmetric=False, model=True, plain=small),
        case("gptq-v2", 4, 16, symmetric=False, act_order=True, version=2, model=True, dtype="bfloat16", plain=small),
        # 96 inputs in groups of 64.
        case("gptq-partial-group", 4, 64, without=("g_idx",), plain=small | {"hidden": 96}),
        case("gptq-mislabelled", 4, 32, version=2, model=True, stated={"checkpoint_format": "gptq"}, plain=small),
    ]


suite = Suite(cases, fixtures)
