"""The interface of the package safetensors, for .qamw and GGUF files too."""

import importlib
import os
import tempfile
from typing import Any, Dict, List, Optional, Union

from ._arrays import array
from ._file import File
from ._tensor import Tensor

Path = Union[str, "os.PathLike[str]"]

_FRAMEWORKS = {"np": "numpy", "numpy": "numpy", "pt": "torch", "torch": "torch", "pytorch": "torch"}


def _start(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(4)


def _is_ours(path: str) -> bool:
    """Whether this package reads the file; safetensors files are left to the package safetensors."""
    return _start(path) in (b"\x89QAM", b"GGUF")


def _opened(path: str) -> File:
    if _start(path) != b"GGUF":
        return File(path)
    from ._quantize import quantize
    # The library maps .qamw files: every tensor is copied as it is stored. The mapping outlives the copy's name.
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "model.qamw")
        quantize(path, copy, calibrate=False, exclude=[""])
        return File(copy)


def _required(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as cause:
        raise ImportError(f"safetensors files are read and written by the package safetensors ({cause}): pip install safetensors") from cause


class Slice:
    """A tensor that is read in parts: `slice[2:4]` as of a NumPy array."""

    def __init__(self, tensor: Tensor, framework: str):
        self._tensor = tensor
        self._framework = framework

    def get_shape(self) -> List[int]:
        return list(self._tensor.shape)

    def get_dtype(self) -> str:
        """The type's name in the file: for a coded tensor, the one before it was coded."""
        return self._tensor.dtype

    def __getitem__(self, key: Any) -> Any:
        part = self._tensor[key]
        if self._framework == "numpy":
            return part
        from . import torch as qamw_torch
        return qamw_torch.from_array(part, self._tensor.dtype)


class SafeFile:
    """A .qamw or GGUF file with the methods of safetensors' `safe_open`."""

    def __init__(self, path: str, framework: str, device: Any):
        self._file = _opened(path)
        self._framework = framework
        self._device = device

    def keys(self) -> List[str]:
        """Raises ValueError after the file is closed."""
        return sorted(self.offset_keys())

    def offset_keys(self) -> List[str]:
        """The names in the file's order."""
        if self._file.closed:
            raise ValueError("the file is closed")
        return self._file.names

    def metadata(self) -> Optional[Dict[str, str]]:
        """The metadata that are texts; None if there are none."""
        return {key: value for key, value in self._file.metadata.items() if isinstance(value, str)} or None

    def get_tensor(self, name: str) -> Any:
        """The tensor in its own type, decoded if it is coded; in NumPy BF16 and F8 need the package ml_dtypes, and are float32 without it."""
        if self._framework == "numpy":
            return array(self._file[name])
        from . import torch as qamw_torch
        return qamw_torch.tensor(self._file[name]).to(self._device)

    def get_tensors(self) -> Dict[str, Any]:
        return {name: self.get_tensor(name) for name in self.keys()}

    def get_slice(self, name: str) -> Slice:
        return Slice(self._file[name], self._framework)

    def __enter__(self) -> "SafeFile":
        self._file.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def safe_open(filename: Path, framework: str = "np", device: Any = "cpu") -> Any:
    """Opens a .qamw, GGUF or safetensors file as `safetensors.safe_open` does: keys, metadata, get_tensor, get_slice.

    framework: "np" or "pt". A safetensors file is opened by the package safetensors. A GGUF file, or a split one by its first part, is copied to a temporary
    file, which is mapped; names and values are as they are stored, ggml's block types are decoded to float32.
    """
    path = os.fsdecode(filename)
    if framework not in _FRAMEWORKS:
        raise ValueError(f'framework is "np" or "pt", not {framework!r}')
    if not _is_ours(path):
        return _required("safetensors").safe_open(path, framework=framework, device=device)
    return SafeFile(path, _FRAMEWORKS[framework], device)


def load_file(filename: Path) -> Dict[str, Any]:
    """All tensors of a .qamw, GGUF or safetensors file as NumPy arrays, by name; of a .qamw or GGUF as `SafeFile.get_tensor`."""
    path = os.fsdecode(filename)
    if not _is_ours(path):
        loaded: Dict[str, Any] = _required("safetensors.numpy").load_file(path)
        return loaded
    with SafeFile(path, "numpy", None) as file:
        return file.get_tensors()


def save_file(tensors: Dict[str, Any], filename: Path, metadata: Optional[Dict[str, str]] = None, **options: Any) -> None:
    """Writes NumPy arrays as safetensors or, if the name ends in .qamw, as .qamw: as they are, or quantized with the options of `quantize`.

    Replaces an existing file. Written by the package safetensors.
    """
    save_by("safetensors.numpy", tensors, filename, metadata, options)


def save_by(package: str, tensors: Dict[str, Any], filename: Path, metadata: Optional[Dict[str, str]], options: Dict[str, Any]) -> None:
    """`save_file` of one of safetensors' packages, for .qamw too."""
    path, plain_save = os.fsdecode(filename), _required(package).save_file
    if not path.endswith(".qamw"):
        if options:
            raise TypeError(f"{', '.join(options)}: options of quantize are for .qamw")
        plain_save(tensors, path, metadata)
        return
    from ._quantize import quantize
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(path))) as folder:
        plain = os.path.join(folder, "model.safetensors")
        plain_save(tensors, plain, metadata)
        quantize(plain, path, **{"replace": True, "calibrate": False, **(options or {"exclude": [""]})})
