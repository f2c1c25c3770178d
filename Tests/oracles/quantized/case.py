"""A quantization scheme, and its reference implementation."""

from dataclasses import dataclass, field
from typing import Callable

import torch


@dataclass
class Case:
    # Unique; also the folder name.
    name: str
    # quantization_config in config.json; None for none.
    config: dict | None
    # (name of the weight, float32 weight) -> stored tensors by name.
    store: Callable[[str, torch.Tensor], dict[str, torch.Tensor]]
    # (name of the weight, stored tensors by name) -> the weight as the scheme's reference implementation reads it.
    read: Callable[[str, dict[str, torch.Tensor]], torch.Tensor]
    # Shapes of tiny weights, including edge cases; these are committed.
    shapes: list[tuple[int, ...]]
    # The dequantized type.
    dtype: torch.dtype = torch.bfloat16
    # Whether all matrices of a model can be stored like this; their dimensions are multiples of 64.
    whole: bool = True
    # Whether convert_hf_to_gguf.py dequantizes it.
    gguf: bool = False
    # Additional side files by name.
    files: dict[str, str] = field(default_factory=dict)
    # The name of the plain tensor for the module "m<number>".
    weight: str = "m{}.weight"


def random_weight(shape, seed):
    """Gaussian rows of different sizes, and a few zeros."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator) * torch.exp(torch.randn((*shape[:-1], 1), generator=generator))
    weight[..., ::17] = 0
    return weight / 8
