"""AWQ, as AutoAWQ writes it: eight 4-bit codes per word, a scale and a zero point per group and output."""
import numpy as np

from .arrays import NAMES, Suite, config, linear_modules, near, pack, unpack, weights
from .checkpoint import Checkpoint

#: The column, of eight, in each nibble of a word in gemm format, from the lowest nibble.
ORDER = np.array([0, 2, 4, 6, 1, 3, 5, 7])


def codes(weight: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes [outputs, inputs], scales and zero points [outputs, groups]."""
    outputs, inputs = weight.shape
    parts = weight.astype(np.float32).reshape(outputs, -1, inputs if group == -1 else group)
    low, high = parts.min(axis=2), parts.max(axis=2)
    scales = np.maximum((high - low) / 15, 1e-5).astype(np.float16)
    zeros = np.clip(np.round(-low / scales.astype(np.float32)), 0, 15).astype(np.uint32)
    values = np.clip(np.round(parts / scales.astype(np.float32)[..., None]) + zeros[..., None], 0, 15)
    return values.reshape(outputs, inputs).astype(np.uint32), scales, zeros


def interleave(values: np.ndarray) -> np.ndarray:
    rows, columns = values.shape
    return values.reshape(rows, columns // 8, 8)[:, :, ORDER].reshape(rows, columns)


def separate(values: np.ndarray) -> np.ndarray:
    rows, columns = values.shape
    return values.reshape(rows, columns // 8, 8)[:, :, np.argsort(ORDER)].reshape(rows, columns)


def words(values: np.ndarray) -> np.ndarray:
    """Eight columns per word."""
    return np.ascontiguousarray(pack(values.T, 4).T).view(np.int32)


def columns(values: np.ndarray, count: int) -> np.ndarray:
    return unpack(np.ascontiguousarray(values.view(np.uint32).T), 4, count).T.astype(np.int64)


def zeros_width(inputs: int, group: int) -> int:
    """The words of a row's zero points in gemv format: the kernel reads groups of 128 codes at a time."""
    multiple = {64: 2, 32: 4}.get(group, 1)
    return -(-(-(-(inputs // group) // 8)) // multiple) * multiple


def quantize(weight: np.ndarray, group: int, form: str) -> dict:
    values, scales, zeros = codes(weight, group)
    if form == "gemm":
        return {
            "qweight": words(interleave(values.T)), "qzeros": words(interleave(zeros.T)), "scales": np.ascontiguousarray(scales.T),
        }
    width = zeros_width(weight.shape[1], weight.shape[1] if group == -1 else group)
    padded = [np.zeros((len(values), 8 * width), kind.dtype) for kind in (scales, zeros)]
    for wide, narrow in zip(padded, (scales, zeros)):
        wide[:, : narrow.shape[1]] = narrow
    return {"qweight": words(values), "qzeros": words(padded[1]), "scales": padded[0]}


def dequantize(module: dict, group: int, form: str, dtype) -> np.ndarray:
    if form == "gemm":
        scales, outputs = module["scales"], module["scales"].shape[1]
        values, zeros = (separate(columns(module[part], outputs)) for part in ("qweight", "qzeros"))
        size = len(values) // len(scales)
        scales, zeros = np.repeat(scales, size, axis=0), np.repeat(zeros, size, axis=0)
        return ((values - zeros).astype(np.float32) * scales.astype(np.float32)).T.astype(dtype)
    inputs = module["qweight"].shape[1] * 8
    size = inputs if group == -1 else group
    values, zeros = columns(module["qweight"], inputs), columns(module["qzeros"], module["scales"].shape[1])
    scales, zeros = (np.repeat(part, size, axis=1)[:, :inputs] for part in (module["scales"], zeros))
    return ((values - zeros).astype(np.float32) * scales.astype(np.float32)).astype(dtype)


def case(name: str, group: int, form: str = "gemm", dtype: str = "float16", seed: int = 2, plain: dict = {}) -> Checkpoint:
    plain_config = config(dtype, **plain)
    original = weights(plain_config, seed)
    tensors, expected = dict(original), dict(original)
    for module in linear_modules(original):
        weight = tensors.pop(f"{module}.weight")
        parts = quantize(weight, group, form)
        tensors |= {f"{module}.{part}": value for part, value in parts.items()}
        expected[f"{module}.weight"] = dequantize(parts, group, form, NAMES[dtype])
        near(module, weight, expected[f"{module}.weight"], 0.02)
    said = {"bits": 4, "group_size": group, "modules_to_not_convert": None, "quant_method": "awq", "version": form, "zero_point": True}
    return Checkpoint(name, plain_config | {"quantization_config": said}, tensors, expected, "rule in numpy")


def cases() -> list[Checkpoint]:
    return [
        case("awq-gemm", 32), case("awq-gemm-64-bf16", 64, dtype="bfloat16"), case("awq-gemm-one-group", -1),
        case("awq-gemv", 64, "gemv"), case("awq-gemv-32", 32, "gemv", dtype="bfloat16"),
    ]


def fixtures() -> list[Checkpoint]:
    return [case("awq-gemm", 32, plain=Suite.SMALL), case("awq-gemv", 32, "gemv", dtype="bfloat16", plain=Suite.SMALL)]


suite = Suite(cases, fixtures)
