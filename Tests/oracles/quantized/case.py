"""A way to store quantized weights, and the reference that reads them."""

from dataclasses import dataclass, field
from typing import Callable

import torch


@dataclass
class Case:
    # Unique; also the name of a folder.
    name: str
    # quantization_config of config.json; None for nothing.
    config: dict | None
    # (name of the weight, float32 weight) -> stored tensors by name.
    store: Callable[[str, torch.Tensor], dict[str, torch.Tensor]]
    # (name of the weight, stored tensors by name) -> the weight as the scheme's reference implementation reads it.
    read: Callable[[str, dict[str, torch.Tensor]], torch.Tensor]
    # Shapes of tiny weights: tests of edges, and what is committed.
    shapes: list[tuple[int, ...]]
    # The dequantized type.
    dtype: torch.dtype = torch.bfloat16
    # Whether the matrices of a whole model can be stored so; their dimensions are multiples of 64.
    whole: bool = True
    # Whether convert_hf_to_gguf.py dequantizes it.
    gguf: bool = False
    # Further side files by name.
    files: dict[str, str] = field(default_factory=dict)
    # The name of the plain tensor for the module "m<number>".
    weight: str = "m{}.weight"


def random_weight(shape, seed):
    """Gaussian rows of different sizes, and a few zeros."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator) * torch.exp(torch.randn((*shape[:-1], 1), generator=generator))
    weight[..., ::17] = 0
    return weight / 8
