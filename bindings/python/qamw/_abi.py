"""The interface of qamw.h, version 2, for ctypes."""

import ctypes
from ctypes import (
    CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int32, c_int64, c_uint32, c_uint64, c_void_p)

ABI_VERSION = 3

ACCESS = {"mapped": 0, "buffered": 1, "direct": 2}
from typing import Any
RAW, CODED, ALIAS, UNREADABLE = range(4)
ELEMENTS, SYMBOLS, GAINS, CHANNEL_SCALES, CODEBOOK = range(5)
F32, F16, BF16 = range(3)
STRING, ARRAY = 8, 9


class ErrorRecord(Structure):
    _fields_ = [("status", c_int32), ("message", c_char * 1020)]


class Sized(Structure):
    """A struct that begins with its size, which is set here."""

    def __init__(self, **members: Any) -> None:
        super().__init__(size=ctypes.sizeof(self), **members)


class Options(Sized):
    _fields_ = [("size", c_uint32), ("access", c_uint32), ("verifies_payload", c_uint32)]


class Info(Sized):
    _fields_ = [
        ("size", c_uint32), ("format_major", c_uint32), ("format_minor", c_uint32), ("reserved", c_uint32), ("tensors", c_uint64),
        ("metadata", c_uint64), ("embedded", c_uint64), ("warnings", c_uint64)]


class TensorRecord(Sized):
    _fields_ = [
        ("size", c_uint32), ("storage", c_uint32), ("name", c_char_p), ("dtype", c_char_p), ("shape", POINTER(c_uint64)),
        ("rank", c_uint32), ("block_elements", c_uint32), ("block_bytes", c_uint32), ("has_channel_scales", c_uint32),
        ("rows", c_uint64), ("columns", c_uint64), ("bytes", c_uint64), ("target", c_uint64), ("codec", c_char_p),
        ("codebook", c_char_p), ("gain_type", c_char_p), ("bits", c_double), ("block_size", c_uint64), ("seed", c_uint64),
        ("group_rows", c_uint64)]


class String(Structure):
    _fields_ = [("text", c_void_p), ("bytes", c_uint64)]

    def __str__(self) -> str:
        return ctypes.string_at(self.text, self.bytes).decode("utf-8")


class MetadataRecord(Sized):
    _fields_ = [
        ("size", c_uint32), ("type", c_uint32), ("element_type", c_uint32), ("reserved", c_uint32), ("key", c_char_p),
        ("count", c_uint64), ("values", c_void_p)]


class EmbeddedRecord(Sized):
    _fields_ = [("size", c_uint32), ("reserved", c_uint32), ("name", c_char_p), ("bytes", c_uint64)]


class ProblemRecord(Structure):
    _fields_ = [
        ("size", c_uint32), ("status", c_int32), ("message", c_char_p), ("section", c_char_p), ("tensor", c_char_p),
        ("offset", c_int64), ("length", c_uint64)]


class ProgressRecord(Structure):
    _fields_ = [("size", c_uint32), ("phase", c_uint32), ("done", c_uint64), ("total", c_uint64), ("item", c_char_p)]


PHASES = ("verifying", "scaling", "measuring", "scanning", "coding", "calibrating")
PROGRESS_HANDLER = CFUNCTYPE(c_int32, POINTER(ProgressRecord), c_void_p)
WARNING_HANDLER = CFUNCTYPE(None, c_char_p, c_void_p)


class QuantizeOptions(Sized):
    _fields_ = [
        ("size", c_uint32), ("threads", c_uint32), ("bits", c_double), ("target_bits", c_double), ("codebook", c_char_p), ("recipe", c_char_p),
        ("include", POINTER(c_char_p)), ("include_count", c_uint64), ("exclude", POINTER(c_char_p)), ("exclude_count", c_uint64),
        ("block_size", c_uint64), ("seed", c_uint64), ("statistics", c_char_p), ("feedback", c_char_p), ("scaling", c_char_p),
        ("keeps_gains", c_uint32), ("strict", c_uint32), ("compresses_raw", c_uint32), ("replaces", c_uint32),
        ("progress", PROGRESS_HANDLER), ("warning", WARNING_HANDLER), ("context", c_void_p), ("raw_type", c_char_p),
        ("effort", c_char_p), ("calibration", c_uint32), ("reserved", c_uint32), ("text", c_char_p), ("tokens", c_char_p),
        ("text_context", c_uint64), ("text_windows", c_uint64), ("target_bytes", c_uint64)]


class QuantizeReport(Sized):
    _fields_ = [
        ("size", c_uint32), ("fed_back", c_uint32), ("bytes", c_uint64), ("weights", c_uint64), ("bits_per_weight", c_double),
        ("coded_bits_per_weight", c_double), ("nmse", c_double), ("gaussian_nmse", c_double), ("coded", c_uint64), ("raw", c_uint64),
        ("aliased", c_uint64), ("expected_divergence", c_double)]


PROBLEM_HANDLER = CFUNCTYPE(None, POINTER(ProblemRecord), c_void_p)

# The parameters of each function that can fail, without the trailing error.
_FALLIBLE = {
    "qamw_open": (c_char_p, POINTER(Options), POINTER(c_void_p)),
    "qamw_get_info": (c_void_p, POINTER(Info)),
    "qamw_get_warning": (c_void_p, c_uint64, POINTER(c_char_p)),
    "qamw_get_tensor": (c_void_p, c_uint64, POINTER(TensorRecord)),
    "qamw_dequantize": (c_void_p, c_uint64, c_uint64, c_uint64, c_uint32, c_void_p, c_uint64),
    "qamw_get_part": (c_void_p, c_uint64, c_uint32, POINTER(c_void_p), POINTER(c_uint64)),
    "qamw_read_part": (c_void_p, c_uint64, c_uint32, c_uint64, c_uint64, c_void_p),
    "qamw_make_pool": (c_uint32, POINTER(c_void_p)),
    "qamw_make_matrix": (c_void_p, c_uint64, POINTER(c_void_p)),
    "qamw_multiply": (c_void_p, c_void_p, c_uint64, c_void_p, c_uint64, c_void_p),
    "qamw_get_metadata": (c_void_p, c_uint64, POINTER(MetadataRecord)),
    "qamw_get_embedded": (c_void_p, c_uint64, POINTER(EmbeddedRecord)),
    "qamw_read_embedded": (c_void_p, c_uint64, c_uint64, c_uint64, c_void_p),
    "qamw_verify_and_warn": (
        c_void_p, POINTER(c_uint64), c_uint64, c_uint32, PROBLEM_HANDLER, WARNING_HANDLER, c_void_p, POINTER(c_uint64)),
    "qamw_quantize": (c_char_p, c_char_p, POINTER(QuantizeOptions), POINTER(QuantizeReport)),
}


def declare(library: ctypes.CDLL) -> None:
    """Declares the functions' types to ctypes."""
    library.qamw_version.restype = c_char_p
    library.qamw_version.argtypes = ()
    for name in ("qamw_close", "qamw_free_pool", "qamw_free_matrix"):
        function = getattr(library, name)
        function.restype, function.argtypes = None, (c_void_p,)
    for name, parameters in _FALLIBLE.items():
        function = getattr(library, name)
        function.restype, function.argtypes = c_int32, (*parameters, POINTER(ErrorRecord))
