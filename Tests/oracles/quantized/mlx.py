"""MLX, as mlx-lm writes it: codes along the input, scales and biases for groups of them; or microscaled floats."""
import ml_dtypes
import numpy as np

from .arrays import BF16, NAMES, Suite, config, near, pack, same_bits, unpack, weights
from .checkpoint import Checkpoint

try:
    import mlx.core as core
except ImportError:
    core = None

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
#: Relative squared error of rounding to nearest.
LIMITS = {2: 0.4, 3: 0.06, 4: 0.02, 5: 5e-3, 6: 1e-3, 8: 1e-4}
#: Group size, bits and table of the other modes.
MODES = {"mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}


def quantize(weight: np.ndarray, group: int, bits: int, mode: str) -> dict[str, np.ndarray]:
    parts = weight.astype(np.float32).reshape(len(weight), -1, group)
    if mode == "affine":
        low, high = parts.min(axis=2), parts.max(axis=2)
        scales = np.maximum((high - low) / (2**bits - 1), 1e-7).astype(weight.dtype)
        biases = low.astype(weight.dtype)
        codes = np.round((parts - biases.astype(np.float32)[..., None]) / scales.astype(np.float32)[..., None]).clip(0, 2**bits - 1)
        more = {"scales": scales, "biases": biases}
    else:
        most = np.maximum(np.abs(parts).max(axis=2), 1e-20) / (448 if bits == 8 else 6)
        if mode == "nvfp4":
            stored = most.astype(ml_dtypes.float8_e4m3fn)
            factors, stored = stored.astype(np.float32), stored.view(np.uint8)
        else:
            stored = (np.ceil(np.log2(most)) + 127).astype(np.uint8)
            factors = np.exp2(stored.astype(np.float32) - 127)
        values = parts / np.maximum(factors, 1e-20)[..., None]
        if bits == 8:
            codes = values.clip(-448, 448).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
        else:
            codes = np.abs(values[..., None] - E2M1).argmin(axis=-1)
        more = {"scales": stored}
    codes = codes.reshape(weight.shape).astype(np.uint32)
    return {"weight": np.ascontiguousarray(pack(codes.T, bits).T)} | more


def dequantize(module: dict[str, np.ndarray], group: int, bits: int, mode: str, dtype) -> np.ndarray:
    scales = module["scales"]
    rows, count = len(scales), scales.shape[1] * group
    codes = unpack(np.ascontiguousarray(module["weight"].T), bits, count).T.reshape(rows, -1, group)
    if mode == "affine":
        # Exact but for one rounding: the product of the code and the scale fits a float.
        values = codes.astype(np.float32) * scales.astype(np.float32)[..., None] + module["biases"].astype(np.float32)[..., None]
    else:
        factors = scales.view(ml_dtypes.float8_e4m3fn) if mode == "nvfp4" else np.exp2(scales.astype(np.float32) - 127)
        table = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32) if bits == 8 else E2M1
        values = table[codes] * factors.astype(np.float32)[..., None]
    values = values.reshape(rows, count)
    confirm(module, group, bits, mode, values)
    return values.astype(dtype)


def confirm(module: dict[str, np.ndarray], group: int, bits: int, mode: str, values: np.ndarray) -> None:
    """MLX's own result in single precision. In BF16 it rounds the product and the sum, which is one rounding more than there should be."""
    if core is None:
        return
    if mode == "affine":
        scales, biases = (core.array(module[part].astype(np.float32)) for part in ("scales", "biases"))
        own = core.dequantize(core.array(module["weight"]), scales, biases, group_size=group, bits=bits)
    else:
        own = core.dequantize(core.array(module["weight"]), core.array(module["scales"]), mode=mode, dtype=core.float32)
    own = np.array(own.astype(core.float32))
    if not same_bits(own, values.astype(np.float32)):
        raise AssertionError(f"MLX gives other weights for {mode} with {bits} bits: they differ by {np.abs(own - values).max()}")


def case(
    name: str, bits: int = 4, group: int = 64, mode: str = "affine", dtype: str = "bfloat16", overrides: dict = {}, excluded: tuple = (),
    seed: int = 4, plain: dict = {},
) -> Checkpoint:
    """mlx-lm quantizes embeddings and head too; a matrix that has no whole groups stays as it is."""
    plain_config = config(dtype, **plain)
    original = weights(plain_config, seed)
    tensors, expected = dict(original), dict(original)
    if mode != "affine":
        group, bits = MODES[mode]
    for name_of_weight, weight in original.items():
        module = name_of_weight.removesuffix(".weight")
        own = overrides.get(module, {"group_size": group, "bits": bits, "mode": mode})
        kind = own.get("mode", "affine")
        size, width = (own["group_size"], own["bits"]) if kind == "affine" else MODES[kind]
        if weight.ndim < 2 or weight.shape[1] % size or module in excluded:
            continue
        parts = quantize(weight, size, width, kind)
        tensors |= {f"{module}.{part}": value for part, value in parts.items()}
        expected[name_of_weight] = dequantize(parts, size, width, kind, NAMES[dtype])
        near(module, weight, expected[name_of_weight], LIMITS[width] if kind == "affine" else 0.02 if width == 4 else 2e-3)
    said = {"group_size": group, "bits": bits} | ({} if mode == "affine" else {"mode": mode}) | overrides | {module: False for module in excluded}
    said_twice = {"quantization": said, "quantization_config": said}
    return Checkpoint(
        name, dict(sorted((plain_config | said_twice).items())), tensors, expected, "mlx" if core else "rule in numpy", metadata={"format": "mlx"})


def cases() -> list[Checkpoint]:
    affine = [case(f"mlx-{bits}", bits) for bits in (2, 3, 4, 5, 6, 8)]
    mixed = case("mlx-mixed", 4, 32, overrides={
        "model.embed_tokens": {"group_size": 32, "bits": 8}, "model.layers.0.mlp.down_proj": {"group_size": 64, "bits": 6},
        "model.layers.1.self_attn.v_proj": {"group_size": 128, "bits": 3}, "lm_head": {"group_size": 64, "bits": 6, "mode": "affine"},
    }, excluded=("model.layers.1.mlp.down_proj",))
    modes = [case(f"mlx-{mode}", mode=mode) for mode in MODES]
    return [
        *affine, case("mlx-4-128", 4, 128), case("mlx-4-32-f16", 4, 32, dtype="float16"), mixed, *modes,
    ]


def fixtures() -> list[Checkpoint]:
    packings = [{"group_size": 32, "bits": bits} for bits in (2, 3, 4, 5, 6, 8)]
    modes = [{"group_size": MODES[mode][0], "bits": MODES[mode][1], "mode": mode} for mode in ("mxfp4", "nvfp4", "mxfp8")]
    return [
        case("mlx-affine", 4, 64, overrides=dict(zip(Suite.modules(3), packings)), plain=Suite.SMALL | {"layers": 3}),
        case("mlx-modes", 4, 32, dtype="float16", overrides=dict(zip(Suite.modules(2), modes)), plain=Suite.SMALL | {"layers": 2}),
    ]


suite = Suite(cases, fixtures)
