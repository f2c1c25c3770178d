"""Whole tensors as arrays of their own types."""

import importlib
from typing import Any, Optional

import numpy as np

from ._tensor import Tensor

# Element types that ml_dtypes has for NumPy, by their names in files.
_ML_DTYPES = {
    "BF16": "bfloat16", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu", "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
}
# The types that coded tensors are decoded to, if they are the tensors' own.
_DECODED = {"F16": "float16", "BF16": "bfloat16"}


def ml_dtype(name: str) -> Optional[Any]:
    """ml_dtypes' type for elements of this type; None without that package."""
    try:
        return np.dtype(getattr(importlib.import_module("ml_dtypes"), _ML_DTYPES[name]))
    except (ImportError, AttributeError, KeyError):
        return None


def bits(tensor: Tensor) -> "np.ndarray[Any, Any]":
    """The elements in the tensor's own type, as bits if NumPy has no such type: a coded tensor decoded to F16, BF16 or float32, a raw one as it is stored.
    ggml's block types, F4 and F6 become float32."""
    if tensor.encoding is not None:
        decoded = _DECODED.get(tensor.dtype, "float32")
        return tensor.dequantize(dtype=decoded).reshape(tensor.shape)
    raw = tensor.raw
    return raw if raw.shape == tensor.shape else tensor.to_float32()


def array(tensor: Tensor) -> "np.ndarray[Any, Any]":
    """The elements in the tensor's own type; BF16 and F8 by ml_dtypes, or as float32 without that package."""
    values = bits(tensor)
    if tensor.dtype not in _ML_DTYPES or values.dtype == np.float32:
        return values
    dtype = ml_dtype(tensor.dtype)
    return tensor.to_float32() if dtype is None else values.view(dtype)
