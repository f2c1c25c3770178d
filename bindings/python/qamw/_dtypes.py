"""NumPy types of the file's element types."""

from typing import Optional

import numpy as np

_NUMPY = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2", "I32": "<i4", "U32": "<u4", "F32": "<f4",
    "C64": "<c8", "F64": "<f8", "I64": "<i8", "U64": "<u8",
}
# Types that NumPy lacks, but whose elements are whole bytes: an integer type for their bits.
_BITS = {"BF16": "<u2", "F8_E5M2": "u1", "F8_E4M3": "u1", "F8_E8M0": "u1", "F8_E5M2FNUZ": "u1", "F8_E4M3FNUZ": "u1"}


def numpy_type(name: str) -> Optional[np.dtype]:
    """NumPy's type for elements of this type, or None."""
    return np.dtype(_NUMPY[name]) if name in _NUMPY else None


def storage_type(name: str) -> Optional[np.dtype]:
    """NumPy's type, or an integer type for the elements' bits; None if elements are not whole bytes."""
    return np.dtype(_BITS[name]) if name in _BITS else numpy_type(name)
