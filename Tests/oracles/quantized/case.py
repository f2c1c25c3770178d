"""A way to store quantized weights, and the reference that reads them; and the checkpoints that are made of it."""

import json
import math
from dataclasses import dataclass, field
from typing import Callable

import torch
from safetensors.torch import load_file

from .checkpoint import Checkpoint


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
    whole_model: bool = True
    # Whether convert_hf_to_gguf.py dequantizes it.
    gguf: bool = False
    # Further side files by name.
    files: dict[str, str] = field(default_factory=dict)
    # The name of the plain tensor for the module "m<number>".
    weight: str = "m{}.weight"

    def checkpoint(self, suffix, config, stored, expected, **more):
        config = {**config, "torch_dtype": str(self.dtype).removeprefix("torch.")}
        if self.config is not None:
            config["quantization_config"] = self.config
        return Checkpoint(self.name + suffix, config, stored, expected, "its reference", files=self.files, **more)

    def tiny(self, limit=math.inf):
        """Tiny weights and a plain one."""
        plain = {"norm.weight": torch.linspace(0.5, 1.5, 8).bfloat16()}
        stored, expected = dict(plain), dict(plain)
        for number, shape in enumerate(self.shapes):
            if math.prod(shape) > limit:
                continue
            name = self.weight.format(number)
            parts = self.store(name, random_weight(shape, number))
            stored.update(parts)
            expected[name] = self.read(name, parts)
        return self.checkpoint("", {"model_type": "other"}, stored, expected, runs=False)

    def whole(self, model):
        """A model whose matrices are stored so."""
        with open(f"{model}/config.json") as file:
            config = json.load(file)
        stored, expected = {}, {}
        for name, tensor in load_file(f"{model}/model.safetensors").items():
            parts = self.store(name, tensor.float()) if "_proj" in name else {name: tensor}
            stored.update(parts)
            expected[name] = self.read(name, parts) if "_proj" in name else tensor
        return self.checkpoint(" of a model", config, stored, expected, gguf=self.gguf)


class Suite:
    """The checkpoints of some cases."""

    def __init__(self, cases):
        self.cases = cases

    def checkpoints(self, model):
        for case in self.cases:
            yield case.tiny()
            if case.whole_model:
                yield case.whole(model)

    def fixtures(self):
        tiny = (case.tiny(2000) for case in self.cases)
        # Of some the smallest weight is too large for a fixture.
        return (checkpoint for checkpoint in tiny if checkpoint.stored.keys() != checkpoint.expected.keys())


def random_weight(shape, seed):
    """Gaussian rows of different sizes, and a few zeros."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator) * torch.exp(torch.randn((*shape[:-1], 1), generator=generator))
    weight[..., ::17] = 0
    return weight / 8
