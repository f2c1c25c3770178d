"""Metadata as Python values."""

import ctypes
from typing import Any, Dict

import numpy as np

from . import _abi
from ._handles import Handle
from ._library import call

# By type number.
_TYPES = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8", 12: "<f8"}


def _value(record: _abi.MetadataRecord) -> Any:
    count = record.count
    if count == 0:
        values = []
    elif record.element_type == _abi.STRING:
        values = [str(text) for text in (_abi.String * count).from_address(record.values)]
    else:
        dtype = np.dtype(_TYPES[record.element_type])
        values = np.frombuffer(ctypes.string_at(record.values, count * dtype.itemsize), dtype).tolist()
    return values if record.type == _abi.ARRAY else values[0]


def read_metadata(handle: Handle, count: int) -> Dict[str, Any]:
    """All entries in the file's order: int, float, bool, str, or a list of one of them."""
    entries = {}
    for index in range(count):
        record = _abi.MetadataRecord()
        call("qamw_get_metadata", handle, index, ctypes.byref(record))
        entries[record.key.decode("utf-8")] = _value(record)
    return entries
