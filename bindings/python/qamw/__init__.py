"""Reads .qamw files: language-model weights coded with QAM-W.

    import qamw

    with qamw.open("model.qamw") as model:
        weights = model["model.layers.0.mlp.down_proj.weight"]
        weights[10:20]      # ten rows, decoded now: numpy.float32
        weights @ x         # the product, straight from the mapped symbols
"""

import os
from typing import Union

from ._errors import DamagedError, Error, InvalidArgumentError, NotFoundError
from ._file import File, Problem, Verification
from ._library import library_version
from ._tensor import Encoding, Tensor

__all__ = [
    "open", "File", "Tensor", "Encoding", "Problem", "Verification", "library_version",
    "Error", "DamagedError", "InvalidArgumentError", "NotFoundError",
]


def open(path: Union[str, "os.PathLike[str]"], *, access: str = "mapped", verify: bool = False, threads: int = 0) -> File:
    """Opens a .qamw file; reads and checks its table of contents, and no payload.

    access: "mapped" (nothing is copied; the file must be neither cut nor changed while it is open), "buffered" (read
        with pread) or "direct" (past the page cache).
    verify: check each MiB of a payload when it is first used; damage is then a DamagedError.
    threads: that products use; 0 for one a processor.

    Raises NotFoundError (a FileNotFoundError), DamagedError, Error.
    """
    return File(os.fsdecode(path), access=access, verify=verify, threads=threads)
