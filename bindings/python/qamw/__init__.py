"""Reads and makes .qamw files: language-model weights coded with QAM-W.

    import qamw

    with qamw.open("model.qamw") as model:
        weights = model["model.layers.0.mlp.down_proj.weight"]
        weights[10:20]      # decodes ten rows: numpy.float32
        weights @ x         # the product, computed from the mapped symbols

    qamw.quantize("models/llama", "model.qamw", bits=4.5)
"""

import os
from typing import Union

from ._errors import CannotCreateError, DamagedError, Error, InvalidArgumentError, NotFoundError
from ._file import File, Problem, Verification
from ._library import library_version
from ._quantize import Progress, Quantized, quantize
from ._safe import load_file, safe_open, save_file
from ._tensor import Encoding, Tensor

#: The version of the package.
__version__ = "0.3.0"

__all__ = [
    "__version__", "open", "quantize", "safe_open", "load_file", "save_file", "File", "Tensor", "Encoding", "Problem", "Verification", "Progress", "Quantized", "library_version",
    "Error", "CannotCreateError", "DamagedError", "InvalidArgumentError", "NotFoundError",
]


def open(path: Union[str, "os.PathLike[str]"], *, access: str = "mapped", verify: bool = False, threads: int = 0) -> File:
    """Opens a .qamw file; reads and checks everything except payloads.

    access: "mapped" (no copies; the file must not be truncated or changed while it is open), "buffered" (pread) or
    "direct" (bypasses the page cache).
    verify: check each MiB of a payload on first use; damage raises DamagedError.
    threads: number of threads for products; 0 for one per processor.

    Raises NotFoundError (a FileNotFoundError), DamagedError, Error.
    """
    return File(os.fsdecode(path), access=access, verify=verify, threads=threads)
