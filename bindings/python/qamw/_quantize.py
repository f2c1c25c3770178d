"""Makes .qamw files."""

import ctypes
import os
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Union

from . import _abi
from ._errors import Error
from ._library import call

Path = Union[str, "os.PathLike[str]"]


class Progress(NamedTuple):
    """The progress of `quantize`; the phase determines what is counted (bytes, tensors, inputs or windows)."""

    phase: str
    done: int
    total: int
    item: str


class Quantized(NamedTuple):
    """The result of `quantize`."""

    bytes: int
    weights: int
    bits_per_weight: float
    coded_bits_per_weight: float
    nmse: float
    gaussian_nmse: float
    coded: int
    raw: int
    aliased: int
    fed_back: int
    expected_divergence: float
    warnings: List[str]


def quantize(
    input: Path, output: Path, *, bits: Optional[float] = None, target_bits: Optional[float] = None, target_bytes: Optional[int] = None,
    calibrate: Optional[bool] = None, text: Optional[Path] = None, tokens: Optional[Path] = None, context: Optional[int] = None,
    windows: Optional[int] = None, codebook: Optional[str] = None,
    effort: Optional[str] = None, recipe: Optional[str] = None, include: Sequence[str] = (), exclude: Sequence[str] = (), block_size: Optional[int] = None, seed: int = 0,
    statistics: Optional[Path] = None, feedback: Optional[str] = None, scaling: Optional[str] = None, fit_gains: bool = True, strict: bool = False,
    compress_raw: bool = False, raw_dtype: Optional[str] = None, replace: bool = False, threads: int = 0, progress: Optional[Callable[[Progress], object]] = None,
) -> Quantized:
    """Writes a model as .qamw with quantized weights, with the GIL released.

    input: a .safetensors, .gguf or .qamw file, an index of shards, or a folder. output: a file, or an existing folder.
    bits: per weight, in steps of 0.5 (default 5.5, with calibration as an average; int8: 8). target_bits: instead, the average over the whole
        model, each tensor with the rate that minimises the cost of errors. target_bytes: the same with the size of the file.
    calibrate: gather the statistics of a text while quantizing. By default if the model can be run; if not, a warning says why. True: that is an
        error. False: quantize without, which is much faster and has three to five times the divergence.
    text: the text of the calibration, a file in UTF-8 (default: one in the library). tokens: instead, a file of token ids, of 16 bits if its name
        ends in .u16, else 32. context, windows: tokens per window, and how many are read.
    codebook: "octant" (the default), "trellis", "free", "polar" or "int8". effort: how hard a trellis searches, "fast", "normal" (the default) or "best".
    recipe: "model" (the default: embedding and head only with Hessians), "linear", "mlp" or "all".
    include, exclude: regular expressions for tensor names; an inclusion may state its own rate, "down_proj=6.5".
    statistics: a file of `qamw calibrate`, or llama.cpp's imatrix. They are used for feedback ("on", the default: as far as they suffice; "columns"; "off")
        and scaling ("none", "published", "optimal", "smooth"; by default "optimal" without feedback).
    block_size, seed: of the rotation. fit_gains: fit each row's gain to its codewords. strict: fail if a selected tensor cannot be coded.
    compress_raw: compress tensors that stay raw; these cannot be mapped. raw_dtype: "keep" (the default), "f32", "f16" or "bf16", the type of
        floating-point tensors that stay raw. replace: replace an existing output.
    threads: 0 for one per processor; the result does not depend on it.
    progress: called repeatedly with a Progress, from threads of the library. If it raises an exception, the work is cancelled, no output
        is left, and the exception is raised here.

    Raises NotFoundError, InvalidArgumentError, DamagedError, CannotCreateError, Error.
    """
    raised: List[BaseException] = []
    warnings: List[str] = []

    def tell(record: Any, _: object) -> int:
        # An exception must not pass through the library's frames.
        try:
            if progress is not None and not raised:
                known = record.contents
                phase = _abi.PHASES[known.phase] if known.phase < len(_abi.PHASES) else str(known.phase)
                progress(Progress(phase, known.done, known.total, known.item.decode("utf-8")))
            return 1 if raised else 0
        except BaseException as exception:
            raised.append(exception)
            return 1

    options = _abi.QuantizeOptions(
        threads=threads, bits=_rate(bits), target_bits=_rate(target_bits), codebook=_text(codebook), effort=_text(effort), recipe=_text(recipe),
        calibration=0 if calibrate is None else 1 if calibrate else 2, text=_optional_path(text), tokens=_optional_path(tokens), text_context=context or 0,
        text_windows=windows or 0, target_bytes=target_bytes or 0, include=_texts(include), include_count=len(include), exclude=_texts(exclude), exclude_count=len(exclude),
        block_size=0 if block_size is None else block_size, seed=seed, statistics=_optional_path(statistics), feedback=_text(feedback),
        scaling=_text(scaling), keeps_gains=int(not fit_gains), strict=int(strict), compresses_raw=int(compress_raw), replaces=int(replace), raw_type=_text(raw_dtype),
        progress=_abi.PROGRESS_HANDLER(tell), warning=_abi.WARNING_HANDLER(lambda text, _: warnings.append(text.decode("utf-8"))))
    report = _abi.QuantizeReport()
    try:
        call("qamw_quantize", _path(input), _path(output), ctypes.byref(options), ctypes.byref(report))
    except Error:
        if raised:
            raise raised[0]
        raise
    return Quantized(warnings=warnings, **{name: getattr(report, name) for name in Quantized._fields if name != "warnings"})


def _rate(bits: Optional[float]) -> float:
    # The library treats 0 as "not given".
    if bits is not None and not bits > 0:
        raise ValueError(f"{bits} bits per weight make no sense")
    return bits or 0


def _optional_path(path: Optional[Path]) -> Optional[bytes]:
    return None if path is None else _path(path)


def _path(path: Path) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("a path cannot hold a zero byte")
    return encoded


def _text(text: Optional[str]) -> Optional[bytes]:
    return None if text is None else text.encode("utf-8")


def _texts(texts: Sequence[str]) -> "ctypes.Array[ctypes.c_char_p]":
    if isinstance(texts, str):
        raise TypeError("include and exclude are lists of texts")
    return (ctypes.c_char_p * len(texts))(*[_text(text) for text in texts])
