"""Tensors of open files."""

from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from . import _abi
from ._dtypes import numpy_type, storage_type
from ._errors import InvalidArgumentError
from ._handles import Mapping
from ._indexing import take
from ._library import call

_ELEMENT_TYPES = {"float32": (_abi.F32, np.float32), "float16": (_abi.F16, np.float16), "bfloat16": (_abi.BF16, np.uint16)}


class Encoding(NamedTuple):
    """How a tensor is coded (spec/qamw.md, sections 8 and 15 to 17).

    For an unknown codec `codec` is "" and the rest is empty. `codebook` is "" where the codec has none (int8-rows, trellis), `block_size` and
    `seed` are 0 where rows are not rotated. `group_rows` is the number of rows whose symbols are stored together.
    """

    codec: str
    codebook: str
    bits: float
    block_size: int
    seed: int
    gain_type: str
    channel_scales: bool
    group_rows: int

    @classmethod
    def of(cls, record: _abi.TensorRecord) -> "Encoding":
        codec, codebook, gain_type = ((text or b"").decode("ascii") for text in (record.codec, record.codebook, record.gain_type))
        return cls(codec, codebook, record.bits, record.block_size, record.seed, gain_type, bool(record.has_channel_scales), record.group_rows)


class Tensor:
    """A tensor of an open file. Creating one reads nothing; rows are decoded on access.

    Indexing follows NumPy. If NumPy has the element type (F32, F16, F64, integers, BOOL, C64 stored raw), the result is
    a read-only view of the file, or a copy if the file is not mapped or the tensor is compressed. Everything else
    (coded tensors, BF16, F8, ggml's block types) becomes float32: only the rows selected by the first index are
    decoded.
    """

    def __init__(self, mapping: Mapping, index: int, record: _abi.TensorRecord, target: _abi.TensorRecord):
        self._mapping = mapping
        self._index = index
        self._target: int = record.target
        self._block_elements = record.block_elements
        self._rows, self._columns = record.rows, record.columns
        self.name: str = record.name.decode("utf-8")
        #: Row-major: the last dimension is contiguous.
        self.shape: Tuple[int, ...] = tuple(record.shape[: record.rank])
        #: "F32", "BF16", ...: for a coded tensor, its type before coding.
        self.dtype: str = record.dtype.decode("ascii")
        #: Bytes in the file, before compression.
        self.stored_bytes: int = record.bytes
        #: The name of an alias's target; otherwise None.
        self.alias_of: Optional[str] = target.name.decode("utf-8") if record.storage == _abi.ALIAS else None
        #: How the tensor is coded; None if it is raw.
        self.encoding: Optional[Encoding] = Encoding.of(target) if target.storage == _abi.CODED else None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the elements in memory, decoded, as of the result of `[...]`."""
        dtype = numpy_type(self.dtype) if self._is_native else None
        return self.size * (int(dtype.itemsize) if dtype is not None else 4)

    @property
    def T(self) -> Any:
        """The transposed array of all elements."""
        return self[...].T

    def astype(self, dtype: Any) -> np.ndarray:
        """All elements in another type of NumPy."""
        return self.__array__(dtype)

    def __reduce__(self) -> Any:
        # By path: another process maps the same file.
        return _reopened, (self._mapping.path, self._mapping.options, self.name)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self._rows * self._columns)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        how = f", {self.encoding.codebook or self.encoding.codec} {self.encoding.bits} bits" if self.encoding else ""
        return f"<qamw.Tensor {self.name!r} {list(self.shape)} {self.dtype}{how}>"

    # Weights

    def __getitem__(self, key: Any) -> Any:
        if self._is_native:
            return self.raw[key]
        return take(key, self.shape, self._decode_entries)

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        whole = self[...]
        if copy is False and (not self._is_native or dtype is not None and np.dtype(dtype) != whole.dtype):
            raise ValueError("the weights are not available without a copy")
        return np.array(whole, dtype=dtype) if copy else whole.astype(dtype or whole.dtype, copy=False)

    def to_float32(self) -> np.ndarray:
        """All elements as float32, from any type, rounded to nearest even."""
        return self.dequantize().reshape(self.shape)

    def dequantize(
        self, start: int = 0, stop: Optional[int] = None, *, dtype: str = "float32", out: Optional[np.ndarray] = None
    ) -> np.ndarray:
        """Rows start ..< stop, [stop - start, columns]; all dimensions but the last count as rows.

        dtype: "float32", "float16", or "bfloat16", returned as its bits in uint16.
        out: a contiguous array of the result's shape and type.

        O(rows * columns) on this thread, with the GIL released.
        """
        stop = self._rows if stop is None else stop
        if not 0 <= start <= stop <= self._rows:
            raise IndexError(f"rows {start} ..< {stop} are out of range of {self._rows}")
        if dtype not in _ELEMENT_TYPES:
            raise ValueError(f"dtype is one of {', '.join(_ELEMENT_TYPES)}, not {dtype!r}")
        number, element = _ELEMENT_TYPES[dtype]
        shape = (stop - start, self._columns)
        if out is None:
            out = np.empty(shape, element)
        elif out.shape != shape or out.dtype != element or not out.flags.c_contiguous or not out.flags.writeable:
            raise ValueError(f"out must be a writeable contiguous array of {shape} and {np.dtype(element).name}")
        call("qamw_dequantize", self._mapping.handle, self._index, start, stop - start, number, out.ctypes.data, out.size)
        return out

    def _decode_entries(self, begin: int, end: int) -> np.ndarray:
        """Entries of the first dimension. One-dimensional tensors are a single row."""
        if self.ndim < 2:
            return self.to_float32()[begin:end] if self.shape else self.to_float32()
        inner = self._rows // self.shape[0] if self.shape[0] else 0
        return self.dequantize(begin * inner, end * inner).reshape(end - begin, *self.shape[1:])

    # Products

    def linear(self, x: Any) -> np.ndarray:
        """x W^T: vectors x [..., columns] give [..., rows], float32.

        A coded tensor multiplies from its symbols, on all threads of the file: within about 0.7% (of the norm) of the
        exact product, with the same bits on every machine. A raw tensor is converted first. All dimensions but the last
        count as rows.
        """
        x = np.asarray(x, np.float32)
        if x.ndim == 0 or x.shape[-1] != self._columns:
            raise ValueError(f"expected vectors of {self._columns}, got shape {list(x.shape)}")
        vectors = np.ascontiguousarray(x).reshape(-1, self._columns)
        if self.encoding is None:
            products = vectors @ self.dequantize().T
        else:
            products = self._mapping.multiply(self._target, vectors, self._rows)
        shaped: np.ndarray = products.reshape(*x.shape[:-1], self._rows)
        return shaped

    def matmul(self, x: Any) -> np.ndarray:
        """W x for a vector [columns] or a matrix [columns, n], float32; see `linear`, which needs no transposed copy."""
        x = np.asarray(x, np.float32)
        if self.ndim != 2 or x.ndim not in (1, 2):
            raise ValueError("W x needs a two-dimensional tensor and a vector or a matrix")
        return self.linear(x) if x.ndim == 1 else self.linear(x.T).T

    def __matmul__(self, x: Any) -> np.ndarray:
        return self.matmul(x)

    # Stored bytes, without a copy if the file is mapped. The arrays are read-only and keep the file mapped.

    @property
    def _is_native(self) -> bool:
        return self.encoding is None and numpy_type(self.dtype) is not None

    @property
    def raw(self) -> np.ndarray:
        """The elements of a raw tensor: BF16 as its bits in uint16, F8 in uint8; types whose elements share bytes\
        (F4, F6, ggml's blocks) as bytes, [rows, bytes per row] if rows are whole blocks.
        """
        elements = self._mapping.part(self._index, _abi.ELEMENTS)
        element = storage_type(self.dtype)
        if element is not None:
            return elements.view(element).reshape(self.shape)
        return elements.reshape(self._rows, -1) if self._columns % self._block_elements == 0 and self.size else elements

    @property
    def symbols(self) -> np.ndarray:
        """The symbols of a coded tensor: uint8 [groups of rows, bytes per group]; groups are single rows except with a trellis."""
        group_rows = self.encoding.group_rows if self.encoding else 1
        return self._mapping.part(self._index, _abi.SYMBOLS).reshape(-(-self._rows // max(1, group_rows)), -1)

    @property
    def gains(self) -> np.ndarray:
        """The gains of a coded tensor: float16 or float32 [rows]."""
        gains = self._mapping.part(self._index, _abi.GAINS)
        return gains.view("<f2" if gains.size == 2 * self._rows else "<f4")

    @property
    def channel_scales(self) -> Optional[np.ndarray]:
        """The channel scales of a coded tensor: float16 [columns]; or None."""
        if self.encoding is None:
            raise InvalidArgumentError("the tensor is not coded")
        return self._mapping.part(self._index, _abi.CHANNEL_SCALES).view("<f2") if self.encoding.channel_scales else None

    @property
    def codebook(self) -> bytes:
        """The codebook record of a coded tensor (spec/qamw.md, section 8.3)."""
        return self._mapping.part(self._index, _abi.CODEBOOK).tobytes()


def _reopened(path: str, options: Any, name: str) -> Tensor:
    from ._file import File
    return File(path, **options)[name]
