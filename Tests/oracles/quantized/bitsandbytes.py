"""bitsandbytes, as transformers saves it: int8 rows with a scale each, or blocks of 4-bit codes of type nf4 or fp4."""
import json

import numpy as np

from .arrays import BF16, NAMES, Suite, config, linear_modules, near, same_bits, weights
from .checkpoint import Checkpoint

try:
    import torch
    from bitsandbytes import functional
except ImportError:
    functional = None

NF4 = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0], np.float32)
#: A sign bit, then three bits.
FP4 = (np.array([0, 0.0625, 8, 12, 4, 6, 2, 3, -0.0, -0.0625, -8, -12, -4, -6, -2, -3]) / 12).astype(np.float32)
TABLES = {"nf4": NF4, "fp4": FP4}
#: 1 / 127, as bitsandbytes writes it.
SEVENTH_BIT = np.float32(7.874015718698502e-3)


def dynamic_map() -> np.ndarray:
    """The 256 values of the nested scales: seven decades, finer for larger values."""
    values = [0.0, 1.0]
    for exponent in range(7):
        bounds = np.linspace(0.1, 1, 2**exponent + 1)
        means = (bounds[:-1] + bounds[1:]) / 2
        values += [*(10.0 ** (exponent - 6) * means), *(-(10.0 ** (exponent - 6)) * means)]
    return np.sort(np.array(values, np.float32))


def nearest(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.abs(values.reshape(-1, 1) - table).argmin(axis=1).reshape(values.shape).astype(np.uint8)


def scaled(codes: np.ndarray, table: np.ndarray, scales: np.ndarray, block: int) -> np.ndarray:
    return table[codes] * np.repeat(scales.astype(np.float32), block)[: len(codes)]


def quantize4(weight: np.ndarray, kind: str, block: int, nested: bool, dtype: str) -> dict[str, np.ndarray]:
    flat = weight.astype(np.float32).reshape(-1)
    blocks = np.concatenate([flat, np.zeros(-len(flat) % block, np.float32)]).reshape(-1, block)
    absmax = np.abs(blocks).max(axis=1)
    codes = nearest(blocks / np.maximum(absmax, 1e-30)[:, None], TABLES[kind]).reshape(-1)[: len(flat)]
    codes = np.concatenate([codes, np.zeros(len(codes) % 2, np.uint8)])
    state = {"quant_type": kind, "blocksize": block, "dtype": dtype, "shape": list(weight.shape)}
    tensors = {"": (codes[0::2] << 4 | codes[1::2]).reshape(-1, 1), ".absmax": absmax, ".quant_map": TABLES[kind]}
    if nested:
        offset, table = absmax.mean(dtype=np.float32), dynamic_map()
        centred = absmax - offset
        rows = np.concatenate([centred, np.zeros(-len(centred) % 256, np.float32)]).reshape(-1, 256)
        outer = np.abs(rows).max(axis=1)
        tensors[".absmax"] = nearest(rows / np.maximum(outer, 1e-30)[:, None], table).reshape(-1)[: len(absmax)]
        tensors |= {".nested_absmax": outer, ".nested_quant_map": table}
        state |= {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": float(offset)}
    tensors[f".quant_state.bitsandbytes__{kind}"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    return tensors


def dequantize4(tensors: dict[str, np.ndarray], kind: str) -> np.ndarray:
    state = json.loads(tensors[f".quant_state.bitsandbytes__{kind}"].tobytes())
    absmax, packed = tensors[".absmax"], np.ascontiguousarray(tensors[""]).view(np.uint8).reshape(-1)
    if ".nested_absmax" in tensors:
        absmax = scaled(absmax, tensors[".nested_quant_map"], tensors[".nested_absmax"], state["nested_blocksize"])
        absmax = absmax + np.float32(state["nested_offset"])
    codes = np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[: np.prod(state["shape"])]
    values = scaled(codes, tensors[".quant_map"], absmax, state["blocksize"])
    result = values.reshape(state["shape"]).astype(NAMES[state["dtype"]])
    if functional is not None:
        quantized = {key[1:]: torch.from_numpy(np.array(value)) for key, value in tensors.items() if key}
        loaded = functional.QuantState.from_dict(quantized, torch.device("cpu"))
        # As one row: bitsandbytes 0.50's function for processors begins a block with each row, where its quantizer does not.
        loaded.shape = torch.Size([result.size])
        own = functional.dequantize_4bit(torch.from_numpy(packed.copy()).reshape(-1, 1), loaded).reshape(result.shape)
        own = own.view(torch.int16).numpy().view(result.dtype) if own.dtype is not torch.float32 else own.numpy()
        if not same_bits(own, result):
            difference = np.abs(own.astype(np.float32) - result.astype(np.float32)).max()
            raise AssertionError(f"bitsandbytes gives other weights for {kind}: they differ by {difference}")
    return result


def quantize8(weight: np.ndarray) -> dict[str, np.ndarray]:
    values = weight.astype(np.float32)
    scales = np.abs(values).max(axis=1)
    return {"weight": np.round(values * (127 / scales)[:, None]).astype(np.int8), "SCB": scales, "weight_format": np.array(0, np.uint8)}


def dequantize8(tensors: dict[str, np.ndarray], dtype) -> np.ndarray:
    values = tensors["weight"].astype(np.float32) * tensors["SCB"][:, None] * SEVENTH_BIT
    if functional is not None:
        own = functional.int8_vectorwise_dequant(torch.from_numpy(tensors["weight"]), torch.from_numpy(tensors["SCB"])).numpy()
        if not same_bits(own, values):
            raise AssertionError("bitsandbytes gives other weights for int8")
    return values.astype(dtype)


def statement(kind: str, dtype: str, nested: bool) -> dict:
    return {
        "_load_in_4bit": kind != "int8", "_load_in_8bit": kind == "int8", "bnb_4bit_compute_dtype": dtype, "bnb_4bit_quant_storage": "uint8",
        "bnb_4bit_quant_type": "fp4" if kind == "int8" else kind, "bnb_4bit_use_double_quant": nested, "llm_int8_enable_fp32_cpu_offload": False,
        "llm_int8_has_fp16_weight": False, "llm_int8_skip_modules": None, "llm_int8_threshold": 6.0, "load_in_4bit": kind != "int8",
        "load_in_8bit": kind == "int8", "quant_method": "bitsandbytes",
    }


def case(
    name: str, kind: str, dtype: str = "bfloat16", block: int = 64, nested: bool = False, storage=np.uint8, seed: int = 3, plain: dict = {},
) -> Checkpoint:
    plain_config = config(dtype, **plain)
    original = weights(plain_config, seed)
    tensors, expected = dict(original), dict(original)
    for module in linear_modules(original):
        weight = tensors.pop(f"{module}.weight")
        if kind == "int8":
            parts = quantize8(weight)
            tensors |= {f"{module}.{part}": value for part, value in parts.items()}
            expected[f"{module}.weight"] = dequantize8(parts, NAMES[dtype])
        else:
            parts = quantize4(weight, kind, block, nested, dtype)
            # FSDP gathers tensors of one type: the bytes are then stored as if they were floats.
            parts[""] = parts[""].reshape(-1).view(storage).reshape(-1, 1)
            tensors |= {f"{module}.weight{part}": value for part, value in parts.items()}
            expected[f"{module}.weight"] = dequantize4(parts, kind)
        near(module, weight, expected[f"{module}.weight"], 0.04)
    said = statement(kind, dtype, nested)
    return Checkpoint(name, plain_config | {"quantization_config": said}, tensors, expected, "bitsandbytes" if functional else "rule in numpy")


def cases() -> list[Checkpoint]:
    return [
        case("bnb-int8", "int8", "float16"), case("bnb-int8-bf16", "int8"), case("bnb-nf4", "nf4"), case("bnb-nf4-nested", "nf4", nested=True),
        case("bnb-fp4", "fp4", "float16"), case("bnb-fp4-nested", "fp4", "float16", nested=True), case("bnb-nf4-f32", "nf4", "float32"),
        case("bnb-nf4-128-as-bf16", "nf4", block=128, storage=BF16),
        # Rows of 104 and 92 weights: blocks cross rows, and the last is partial.
        case("bnb-nf4-crossing", "nf4", nested=True, plain={"width": 104, "hidden": 92}),
    ]


def fixtures() -> list[Checkpoint]:
    return [
        case("bnb-int8", "int8", plain=Suite.SMALL), case("bnb-fp4", "fp4", "float16", plain=Suite.SMALL),
        # Rows of 44 and 28 weights, in blocks of 64.
        case("bnb-nf4-nested", "nf4", nested=True, plain=Suite.SMALL | {"width": 44, "hidden": 28}),
    ]


suite = Suite(cases, fixtures)
