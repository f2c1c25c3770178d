"""A quantized checkpoint, and the plain one that it means."""

import json
import os
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
import torch
from safetensors.torch import save_file


def tensor(value):
    """An array as a tensor of the same bits."""
    if isinstance(value, torch.Tensor):
        return value.contiguous()
    # safetensors writes the memory of a tensor, and frozen memory cannot be one.
    value = np.array(value, order="C")
    if value.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(value.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(value)


def write(folder, tensors, config, files={}, metadata={"format": "pt"}, weights="model"):
    os.makedirs(folder, exist_ok=True)
    save_file({name: tensor(value) for name, value in tensors.items()}, f"{folder}/{weights}.safetensors", metadata=metadata)
    os.chmod(f"{folder}/{weights}.safetensors", 0o644)
    for name, text in {"config.json": json.dumps(config, indent=2) + "\n", **files}.items():
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)


@dataclass
class Checkpoint:
    # Unique; also the name of a folder.
    name: str
    # config.json, with what it says of the quantization.
    config: dict
    # What is stored, by name: tensors or arrays.
    stored: dict
    # What a reader must get, by name: bit for bit.
    expected: dict
    # Whose implementation gave or confirmed the expected weights.
    reference: str
    # The safetensors file's own metadata.
    metadata: dict = field(default_factory=lambda: {"format": "pt"})
    # A part of the warning that must be given.
    warning: str = "already quantized"
    # Further side files that describe the quantization, by name.
    files: dict = field(default_factory=dict)
    # Whether it is a whole model, which can be evaluated and converted to GGUF.
    runs: bool = True
    # Whether convert_hf_to_gguf.py dequantizes it.
    gguf: bool = False

    @property
    def plain_config(self):
        return {key: value for key, value in self.config.items() if key not in ("quantization", "quantization_config")}

    def write(self, folder):
        write(folder, self.stored, self.config, self.files, self.metadata)

    def write_plain(self, folder):
        write(folder, self.expected, self.plain_config)

    def write_fixture(self, folder):
        self.write(folder)
        write(folder, self.expected, self.config, self.files, self.metadata, weights="expected")
