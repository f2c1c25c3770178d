"""Modules for PyTorch whose weights are the mapped symbols of a .qamw file.

    from qamw.torch import load_model

    model, tokenizer = load_model("model.qamw")     # a model of transformers; needs the package transformers
"""

import contextlib
import json
import os
import tempfile
import weakref
from typing import Any, Dict, Iterator, Optional, Tuple, Union

import numpy as np
import torch
from torch import nn

import qamw

from ._arrays import bits
from ._safe import save_by
from ._torch_decoding import DeviceWeights

_BITS = {
    "BF16": torch.bfloat16, "F8_E5M2": torch.float8_e5m2, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
}
if hasattr(torch, "float8_e8m0fnu"):
    _BITS["F8_E8M0"] = torch.float8_e8m0fnu

# Coded tensors by the number that the operator takes: it can have no other objects as arguments.
_tensors: "weakref.WeakValueDictionary[int, qamw.Tensor]" = weakref.WeakValueDictionary()


def from_array(values: "np.ndarray[Any, Any]", dtype: str) -> torch.Tensor:
    """An array as a tensor: of the type `dtype` in the file if the array has its bits, else of its own."""
    if dtype in _BITS and values.dtype.kind == "u":
        signed = np.ascontiguousarray(values).view(np.int16 if values.dtype.itemsize == 2 else np.uint8)
        return torch.from_numpy(signed if signed.flags.writeable else signed.copy()).view(_BITS[dtype])
    # PyTorch warns of memory that cannot be written.
    return torch.from_numpy(values if values.flags.writeable else values.copy())


def tensor(source: qamw.Tensor) -> torch.Tensor:
    """A tensor of a file in its own type, decoded if it is coded."""
    return from_array(bits(source), source.dtype)


def load_file(filename: Union[str, "os.PathLike[str]"], device: Any = "cpu") -> Dict[str, torch.Tensor]:
    """All tensors of a .qamw, GGUF or safetensors file, by name."""
    with qamw.safe_open(filename, framework="pt", device=device) as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def save_file(tensors: Dict[str, torch.Tensor], filename: Union[str, "os.PathLike[str]"], metadata: Optional[Dict[str, str]] = None, **options: Any) -> None:
    """Writes tensors as `qamw.save_file` does."""
    save_by("safetensors.torch", tensors, filename, metadata, options)


@torch.library.custom_op("qamw::linear", mutates_args=())
def _linear(x: torch.Tensor, number: int, rows: int) -> torch.Tensor:
    products = _tensors[number].linear(x.detach().to(torch.float32).numpy())
    return torch.from_numpy(products).to(x.dtype)


@_linear.register_fake
def _(x: torch.Tensor, number: int, rows: int) -> torch.Tensor:
    return x.new_empty((*x.shape[:-1], rows))


class _Coded(nn.Module):
    """A module with the weights of a coded matrix."""

    def __init__(self, weight: qamw.Tensor):
        super().__init__()
        if weight.encoding is None or weight.ndim != 2:
            raise qamw.InvalidArgumentError(f"{weight.name} is not a coded matrix")
        self.source = weight
        # The stored bytes on the device that was last used: for the codecs that PyTorch decodes.
        self._stored: Optional[Tuple[torch.device, Optional[DeviceWeights]]] = None

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_stored": None}

    def stored(self, device: torch.device) -> Optional[DeviceWeights]:
        """The stored bytes on a device other than the CPU; None if they are decoded by libqamw."""
        if device.type == "cpu":
            return None
        if self._stored is None or self._stored[0] != device:
            self._stored = device, DeviceWeights.of(self.source, device)
        return self._stored[1]


class QAMLinear(_Coded):
    """nn.Linear with the weights of a coded tensor, [out_features, in_features].

    On the CPU x W^T is computed from the mapped symbols, with activations rounded to int8: within about 0.7% of the norm. With gradients, or on another
    device, the weights are decoded at each call: on a device by PyTorch's operations from the stored bytes, which stay there, to the same bits; trellis
    on the CPU.
    """

    def __init__(self, weight: qamw.Tensor, bias: Optional[torch.Tensor] = None):
        super().__init__(weight)
        self.out_features, self.in_features = weight.shape
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        _tensors[id(weight)] = weight

    def decoded(self, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """The weights."""
        stored = self.stored(device)
        if stored is not None:
            return stored.decoded(dtype)
        return torch.from_numpy(self.source.to_float32()).to(device=device, dtype=dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.device.type != "cpu" or (torch.is_grad_enabled() and x.requires_grad):
            return nn.functional.linear(x, self.decoded(x.dtype, x.device), self.bias)
        y: torch.Tensor = torch.ops.qamw.linear(x, id(self.source), self.out_features)
        return y if self.bias is None else y + self.bias.to(y.dtype)

    def extra_repr(self) -> str:
        encoding = self.source.encoding
        assert encoding is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, {encoding.codebook or encoding.codec} {encoding.bits} bits"


class QAMEmbedding(_Coded):
    """nn.Embedding with the rows of a coded tensor, decoded as they are looked up."""

    def __init__(self, weight: qamw.Tensor, dtype: torch.dtype = torch.float32):
        super().__init__(weight)
        self.dtype = dtype
        self.num_embeddings, self.embedding_dim = weight.shape

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        stored = self.stored(ids.device)
        if stored is not None:
            return stored.rows(ids.reshape(-1)).decoded(self.dtype).reshape(*ids.shape, self.embedding_dim)
        rows = self.source[ids.detach().cpu().numpy().reshape(-1)]
        return torch.from_numpy(np.ascontiguousarray(rows)).to(device=ids.device, dtype=self.dtype).reshape(*ids.shape, self.embedding_dim)


@contextlib.contextmanager
def _without_weights() -> Iterator[None]:
    """Parameters that modules register take no memory; buffers do."""
    register = nn.Module.register_parameter

    def registered(module: nn.Module, name: str, parameter: Optional[nn.Parameter]) -> None:
        register(module, name, parameter)
        if parameter is not None:
            module._parameters[name] = nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)

    nn.Module.register_parameter = registered  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def _target(file: qamw.File, name: str) -> Optional[qamw.Tensor]:
    """The tensor of this name, or the one that it is an alias of."""
    found = file[name] if name in file else None
    return file[found.alias_of] if found is not None and found.alias_of is not None else found


def load_model(path: Union[str, "os.PathLike[str]"], dtype: torch.dtype = torch.float32, threads: int = 0) -> Tuple[Any, Any]:
    """A causal language model of transformers with the weights of a .qamw file, and its tokenizer (None if the file has none).

    Coded matrices become `QAMLinear` and `QAMEmbedding` modules on the mapped file, all other weights parameters of type `dtype`. The file must have
    Hugging Face's names and its config.json. The model is in evaluation mode.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    file = qamw.open(path, threads=threads)
    if "config.json" not in file.embedded:
        raise qamw.InvalidArgumentError(f"{os.fsdecode(path)} has no config.json, which says what model it is")
    with tempfile.TemporaryDirectory() as folder:
        for name in file.embedded:
            if "/" not in name:
                with open(os.path.join(folder, name), "wb") as side:
                    side.write(file.read_embedded(name))
        config = AutoConfig.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder) if "tokenizer.json" in file.embedded else None
        generation = json.loads(file.read_embedded("generation_config.json")) if "generation_config.json" in file.embedded else None
    with _without_weights():
        model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    missing = []
    for module_name, module in list(model.named_modules()):
        for parameter_name, parameter in list(module.named_parameters(recurse=False)):
            name = f"{module_name}.{parameter_name}"
            source = weight_of(model, name, file)
            if source is None:
                missing.append(name)
                continue
            made = coded_module(module, source, dtype) if parameter_name == "weight" else None
            if tuple(source.shape) != tuple(parameter.shape):
                raise qamw.InvalidArgumentError(f"{name} is {list(source.shape)}, and {list(parameter.shape)} by config.json")
            if made is None:
                setattr(module, parameter_name, nn.Parameter(tensor(source).to(dtype), requires_grad=False))
                continue
            if getattr(made, "bias", None) is not None:
                bias = weight_of(model, f"{module_name}.bias", file)
                if bias is None:
                    missing.append(f"{module_name}.bias")
                else:
                    made.bias = nn.Parameter(tensor(bias).to(dtype), requires_grad=False)
            replace(model, module_name, made)
            break
    if missing:
        raise qamw.InvalidArgumentError(f"the file lacks {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}")
    if generation is not None:
        model.generation_config.update(**generation)
    return model.eval(), tokenizer


def weight_of(model: Any, name: str, file: qamw.File) -> Optional[qamw.Tensor]:
    """The tensor of a file for a parameter of a model of transformers; for a tied head without its own, that of the embedding."""
    source = _target(file, name)
    module_name, _, parameter_name = name.rpartition(".")
    if source is None and parameter_name == "weight" and getattr(model.config, "tie_word_embeddings", False):
        head = model.get_output_embeddings()
        if head is not None and head is model.get_submodule(module_name):
            embedding = model.get_input_embeddings()
            own = next((other for other, module in model.named_modules() if module is embedding), None)
            source = None if own is None else _target(file, f"{own}.weight")
    return source


def coded_module(module: nn.Module, weight: qamw.Tensor, dtype: torch.dtype) -> Optional[nn.Module]:
    """The module that does on a coded tensor what this one does, with its bias; None if there is none. Subclasses may do more than their class, and have none."""
    if weight.encoding is None or weight.ndim != 2:
        return None
    if type(module) is nn.Linear:
        made = QAMLinear(weight)
        made.bias = module.bias
        return made
    return QAMEmbedding(weight, dtype) if type(module) is nn.Embedding else None


def replace(model: nn.Module, name: str, made: nn.Module) -> None:
    """Puts a module in the place of another."""
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, made)
