"""Finds and loads libqamw, and calls it."""

import ctypes
import glob
import os
import sys

from . import _abi
from ._errors import error

if sys.byteorder != "little":
    raise ImportError("qamw needs a little-endian machine")


def _load() -> ctypes.CDLL:
    """$QAMW_LIBRARY, else a library in this module's folder, else the one that the system finds."""
    beside = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "libqamw.so*")))
    named = os.environ.get("QAMW_LIBRARY")
    path = named or (beside[0] if beside else "libqamw.so.0")
    try:
        library = ctypes.CDLL(path)
        version = library.qamw_abi_version
    except (OSError, AttributeError) as cause:
        raise ImportError(
            f"cannot load libqamw ({cause}); build it with scripts/build-libqamw and name the file in QAMW_LIBRARY") from cause
    version.restype = ctypes.c_uint32
    if version() < _abi.ABI_VERSION:
        raise ImportError(f"{path} has version {version()} of the interface, and {_abi.ABI_VERSION} is needed")
    _abi.declare(library)
    return library


library = _load()


def call(name: str, *arguments: object) -> None:
    """Calls a function that can fail, with the GIL released. Raises the exception for its status."""
    record = _abi.ErrorRecord()
    status = getattr(library, name)(*arguments, ctypes.byref(record))
    if status != 0:
        raise error(status, record.message.decode("utf-8", "replace"))


def library_version() -> str:
    """The version of the loaded library, such as "0.3.0"."""
    version: bytes = library.qamw_version()
    return version.decode("utf-8")
