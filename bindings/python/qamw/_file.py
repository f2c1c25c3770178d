"""Open files."""

import ctypes
from ctypes import c_char_p, c_uint64
from typing import Any, Dict, ItemsView, Iterable, Iterator, KeysView, List, NamedTuple, Optional, Tuple, ValuesView

import numpy as np

from . import _abi
from ._errors import CODES, Error
from ._handles import Handle, Mapping
from ._library import call
from ._metadata import read_metadata
from ._tensor import Tensor


class Problem(NamedTuple):
    """A problem found by `File.verify`. Unknown values are None."""

    code: str
    message: str
    section: Optional[str]
    tensor: Optional[str]
    offset: Optional[int]
    length: Optional[int]


class Verification(NamedTuple):
    """The result of `File.verify`."""

    problems: List[Problem]
    bytes_verified: int
    # Not damage: traces of an interrupted edit of the metadata.
    warnings: List[str]

    @property
    def ok(self) -> bool:
        return not self.problems


def _embedded(handle: Handle, index: int) -> _abi.EmbeddedRecord:
    record = _abi.EmbeddedRecord()
    call("qamw_get_embedded", handle, index, ctypes.byref(record))
    return record


class File:
    """An open .qamw file, or a set opened by its first file: a mapping from names to tensors, in the model's order. Created by
    `qamw.open`.

    May be used from many threads. Closing it while arrays refer to it is safe: they stay valid, and the file stays
    mapped until the last of them is released; any other use raises ValueError.
    """

    def __init__(self, path: str, *, access: str = "mapped", verify: bool = False, threads: int = 0):
        self.path = path
        self._mapping = Mapping(path, access, verify, threads)
        info = _abi.Info()
        call("qamw_get_info", self._mapping.handle, ctypes.byref(info))
        self._info = info
        self._tensors: Dict[str, Tensor] = {}
        records = [_abi.TensorRecord() for _ in range(info.tensors)]
        for index, record in enumerate(records):
            call("qamw_get_tensor", self._mapping.handle, index, ctypes.byref(record))
        for index, record in enumerate(records):
            tensor = Tensor(self._mapping, index, record, records[record.target])
            self._tensors[tensor.name] = tensor
        self._metadata: Optional[Dict[str, Any]] = None

    # A mapping of tensors

    @property
    def names(self) -> List[str]:
        """The tensors' names, in the file's order."""
        return list(self._tensors)

    def __getitem__(self, name: str) -> Tensor:
        """The tensor of this name. Raises KeyError."""
        return self._tensors[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def keys(self) -> KeysView[str]:
        return self._tensors.keys()

    def values(self) -> ValuesView[Tensor]:
        return self._tensors.values()

    def items(self) -> ItemsView[str, Tensor]:
        return self._tensors.items()

    # Everything else

    @property
    def format_version(self) -> Tuple[int, int]:
        """The format's version: (major, minor)."""
        return self._info.format_major, self._info.format_minor

    @property
    def metadata(self) -> Dict[str, Any]:
        """Key to int, float, bool, str, or a list of one of them. Read on first access."""
        handle = self._mapping.handle
        if self._metadata is None:
            self._metadata = read_metadata(handle, self._info.metadata)
        return dict(self._metadata)

    @property
    def warnings(self) -> List[str]:
        """Warnings from opening the file."""
        handle, texts = self._mapping.handle, []
        for index in range(self._info.warnings):
            text = c_char_p()
            call("qamw_get_warning", handle, index, ctypes.byref(text))
            texts.append((text.value or b"").decode("utf-8"))
        return texts

    @property
    def embedded(self) -> List[str]:
        """The names of the embedded files, such as config.json."""
        handle = self._mapping.handle
        return [_embedded(handle, index).name.decode("utf-8") for index in range(self._info.embedded)]

    def read_embedded(self, name: str) -> bytes:
        """The content of an embedded file. Raises KeyError for an unknown name."""
        names = self.embedded
        if name not in names:
            raise KeyError(name)
        index = names.index(name)
        handle = self._mapping.handle
        content = np.empty(_embedded(handle, index).bytes, np.uint8)
        call("qamw_read_embedded", handle, index, 0, content.size, content.ctypes.data)
        return content.tobytes()

    def verify(self, names: Optional[Iterable[str]] = None, *, threads: int = 0) -> Verification:
        """Checks every byte that opening does not, or only the payloads of some tensors, on `threads` threads (0: one\
        per processor). Damage is returned as problems, not raised. Raises KeyError for an unknown name.
        """
        indices = None if names is None else [self._tensors[name]._index for name in names]
        problems: List[Problem] = []
        warnings: List[str] = []

        def warn(text: bytes, _: object) -> None:
            warnings.append(text.decode("utf-8"))

        def note(record: Any, _: object) -> None:
            found = record.contents
            section, tensor = (text and text.decode("utf-8") for text in (found.section, found.tensor))
            offset = None if found.offset < 0 else found.offset
            problems.append(Problem(
                CODES.get(found.status, "io"), found.message.decode("utf-8"), section, tensor, offset, found.length or None))

        warning, problem = _abi.WARNING_HANDLER(warn), _abi.PROBLEM_HANDLER(note)
        count, array = 0, None
        if indices is not None:
            unique = sorted(set(indices))
            count, array = len(unique), (c_uint64 * max(1, len(unique)))(*unique)
        verified = c_uint64()
        try:
            call("qamw_verify_and_warn", self._mapping.handle, array, count, threads, problem, warning, None, ctypes.byref(verified))
        except Error:
            # With problems, the status is that of the first; without, the call itself failed.
            if not problems:
                raise
        return Verification(problems, verified.value, warnings)

    @property
    def closed(self) -> bool:
        return self._mapping.is_closed

    def close(self) -> None:
        """Closes the file and its tensors. Arrays that refer to it stay valid."""
        self._mapping.close()

    def __enter__(self) -> "File":
        self._mapping.handle  # Raises if the file is closed.
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<qamw.File {self.path!r}, {len(self)} tensors{', closed' if self.closed else ''}>"
