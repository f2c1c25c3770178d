"""Handles of the library and their lifetimes."""

import ctypes
import os
import threading
import weakref
from ctypes import c_uint64, c_void_p
from typing import Any, Dict, Optional

import numpy as np

from . import _abi
from ._library import call, library


class Handle:
    """A pointer of the library, released when nothing refers to this object: not a pending call that takes it as an\
    argument, nor an array on its memory."""

    def __init__(self, pointer: c_void_p, end: str):
        # What ctypes passes for this object.
        self._as_parameter_ = pointer
        # Not at the interpreter's exit: arrays on the mapping may still be in use then.
        weakref.finalize(self, _end, end, pointer.value or 0, os.getpid()).atexit = False


def _end(function: str, pointer: int, process: int) -> None:
    # A forked child lacks the threads that freeing a pool would wait for.
    if process == os.getpid():
        getattr(library, function)(pointer)


def _make(begin: str, end: str, *arguments: object) -> Handle:
    pointer = c_void_p()
    call(begin, *arguments, ctypes.byref(pointer))
    return Handle(pointer, end)


class Mapping:
    """An open file, shared by files and their tensors."""

    def __init__(self, path: str, access: str, verify: bool, threads: int):
        if access not in _abi.ACCESS:
            raise ValueError(f"access is one of {', '.join(_abi.ACCESS)}, not {access!r}")
        if "\0" in path:
            raise ValueError("a path cannot hold a zero byte")
        self.path = os.path.abspath(path)
        self.options: Dict[str, Any] = {"access": access, "verify": verify, "threads": threads}
        options = _abi.Options(access=_abi.ACCESS[access], verifies_payload=int(verify))
        self._handle: Optional[Handle] = _make("qamw_open", "qamw_close", os.fsencode(path), ctypes.byref(options))
        self._threads = threads
        self._lock = threading.Lock()
        self._matrices: Dict[int, Handle] = {}
        self._pool: Optional[Handle] = None
        self._pool_process = 0

    @property
    def handle(self) -> Handle:
        """For calls. Raises ValueError after `close`."""
        handle = self._handle
        if handle is None:
            raise ValueError("the file is closed")
        return handle

    @property
    def is_closed(self) -> bool:
        return self._handle is None

    def close(self) -> None:
        """The file stays mapped as long as arrays refer to it."""
        with self._lock:
            self._handle = self._pool = None
            self._matrices.clear()

    def multiply(self, index: int, vectors: np.ndarray, rows: int) -> np.ndarray:
        """Products [k, rows] of a coded tensor and contiguous float32 vectors [k, columns]. The matrix and the threads are\
        created on first use; the threads again in a forked child.
        """
        with self._lock:
            handle = self.handle
            if index not in self._matrices:
                self._matrices[index] = _make("qamw_make_matrix", "qamw_free_matrix", handle, index)
            if self._pool is None or self._pool_process != os.getpid():
                self._pool = _make("qamw_make_pool", "qamw_free_pool", self._threads)
                self._pool_process = os.getpid()
            matrix, pool = self._matrices[index], self._pool
        out = np.empty((vectors.shape[0], rows), np.float32)
        call("qamw_multiply", matrix, vectors.ctypes.data, vectors.shape[0], out.ctypes.data, out.size, pool)
        return out

    def part(self, index: int, part: int) -> np.ndarray:
        """A part of a tensor as read-only bytes: the mapping itself, or a copy if there is none."""
        handle = self.handle
        address, count = c_void_p(), c_uint64()
        call("qamw_get_part", handle, index, part, ctypes.byref(address), ctypes.byref(count))
        if address.value is not None:
            return np.asarray(_Region(handle, address.value, count.value))
        copy = np.empty(count.value, np.uint8)
        call("qamw_read_part", handle, index, part, 0, count.value, copy.ctypes.data)
        copy.flags.writeable = False
        return copy


class _Region:
    """Memory of a file, for NumPy: an array on it refers to this object, and so to the handle."""

    def __init__(self, handle: Handle, address: int, count: int):
        self._handle = handle
        self.__array_interface__ = {"version": 3, "shape": (count,), "typestr": "|u1", "data": (address, True)}
