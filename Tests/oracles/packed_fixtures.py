"""Writes small quantized checkpoints to FOLDER/NAME/, each with the weights that it represents in expected.safetensors."""
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from packed import awq, bitsandbytes, gptq, mlx
from packed.case import Case
from safetensors.numpy import save_file

SMALL = {"width": 64, "hidden": 32, "vocabulary": 8, "layers": 1}
MODULES = ("self_attn.k_proj", "mlp.down_proj")


def layers(count: int) -> list[str]:
    return [f"model.layers.{layer}.{module}" for layer in range(count) for module in MODULES]


def cases() -> list[Case]:
    widths = dict(zip(layers(2), (2, 3, 4, 8)))
    packings = [{"group_size": 32, "bits": bits} for bits in (2, 3, 4, 5, 6, 8)]
    modes = [{"group_size": 32, "bits": 4, "mode": "mxfp4"}, {"group_size": 16, "bits": 4, "mode": "nvfp4"}, {"group_size": 32, "bits": 8, "mode": "mxfp8"}]
    return [
        gptq.case("gptq-mixed", 4, 32, model=True, act_order=True, overrides=widths, plain=SMALL | {"layers": 2}),
        gptq.case("gptq-asymmetric", 4, 32, symmetric=False, model=True, plain=SMALL),
        gptq.case("gptq-v2", 4, 16, symmetric=False, act_order=True, version=2, model=True, dtype="bfloat16", plain=SMALL),
        # 96 inputs in groups of 64.
        gptq.case("gptq-partial-group", 4, 64, without=("g_idx",), plain=SMALL | {"hidden": 96}),
        gptq.case("gptq-mislabelled", 4, 32, version=2, model=True, stated={"checkpoint_format": "gptq"}, plain=SMALL),
        awq.case("awq-gemm", 32, plain=SMALL),
        awq.case("awq-gemv", 32, "gemv", dtype="bfloat16", plain=SMALL),
        bitsandbytes.case("bnb-int8", "int8", plain=SMALL),
        bitsandbytes.case("bnb-fp4", "fp4", "float16", plain=SMALL),
        # Rows of 44 and 28 weights, in blocks of 64.
        bitsandbytes.case("bnb-nf4-nested", "nf4", nested=True, plain=SMALL | {"width": 44, "hidden": 28}),
        mlx.case("mlx-affine", 4, 64, overrides=dict(zip(layers(3), packings)), plain=SMALL | {"layers": 3}),
        mlx.case("mlx-modes", 4, 32, dtype="float16", overrides=dict(zip(layers(2), modes)), plain=SMALL | {"layers": 2}),
    ]


def main() -> None:
    folder = Path(sys.argv[1])
    for case in cases():
        kept = tuple(name for name in case.expected if any(f".{module}." in name for module in MODULES) or name == "model.norm.weight")
        stems = tuple(f"{name.removesuffix('.weight')}." for name in kept)
        target = folder / case.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / "config.json").write_text(json.dumps(case.config, indent=2) + "\n")
        stored = {name: value for name, value in case.tensors.items() if name.startswith(stems)}
        for file, tensors in (("model", stored), ("expected", {name: case.expected[name] for name in kept})):
            # save_file ignores the strides of an array.
            tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
            save_file(tensors, target / f"{file}.safetensors", case.metadata)
        for path in (target / "model.safetensors", target / "expected.safetensors"):
            path.chmod(0o644)


main()
