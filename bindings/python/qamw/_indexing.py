"""NumPy's indexing for tensors whose rows are decoded on access."""

from typing import Any, Callable, Tuple

import numpy as np

# Decodes entries begin ..< end of the first dimension.
Decode = Callable[[int, int], Any]


def _runs(indices: np.ndarray) -> Any:
    """Splits ascending indices into contiguous runs: (begin, end) for each."""
    ends = np.flatnonzero(np.diff(indices) != 1) + 1
    for run in np.split(indices, ends):
        if run.size:
            yield int(run[0]), int(run[-1]) + 1


def _gather(indices: np.ndarray, shape: Tuple[int, ...], decode: Decode) -> Any:
    """The entries at ascending indices."""
    runs = list(_runs(indices))
    if len(runs) == 1:
        return decode(*runs[0])
    out = np.empty((indices.size, *shape[1:]), np.float32)
    done = 0
    for begin, end in runs:
        out[done:done + end - begin] = decode(begin, end)
        done += end - begin
    return out


def take(key: Any, shape: Tuple[int, ...], decode: Decode) -> Any:
    """The result of indexing the whole array with `key`, decoding only the needed entries of the first dimension.\
    The first dimension takes an integer, a slice, or an array of integers or booleans."""
    # The lookup of one row, as fast as it goes.
    if type(key) is int and shape and -shape[0] <= key < shape[0]:
        begin = key % shape[0]
        return decode(begin, begin + 1)[0]
    keys = key if isinstance(key, tuple) else (key,)
    first = keys[0] if keys else Ellipsis
    if not shape or first is Ellipsis or first is None:
        return decode(0, shape[0] if shape else 1)[key]
    rest = keys[1:]
    count = shape[0]
    if isinstance(first, slice):
        indices = np.arange(count)[first]
        if first.step is not None and first.step < 0:
            return _gather(indices[::-1], shape, decode)[(slice(None, None, -1), *rest)]
        return _gather(indices, shape, decode)[(slice(None), *rest)]
    if isinstance(first, (bool, np.bool_)):
        return decode(0, count)[key]
    chosen = np.asarray(first)
    if chosen.size == 0 and chosen.dtype == np.float64:
        chosen = chosen.astype(np.intp)  # An empty list.
    if chosen.dtype == bool:
        if chosen.ndim != 1:
            return decode(0, count)[key]
        if chosen.size != count:
            raise IndexError(f"{chosen.size} booleans for {count} rows")
        chosen = np.flatnonzero(chosen)
    elif not np.issubdtype(chosen.dtype, np.integer):
        raise IndexError("only integers, slices, ellipsis, None, and arrays of integers or booleans are indices")
    if chosen.size and (chosen.min() < -count or chosen.max() >= count):
        raise IndexError(f"index {chosen.max() if chosen.max() >= count else chosen.min()} is out of bounds for {count} rows")
    chosen = chosen.astype(np.intp)
    needed, places = np.unique(np.where(chosen < 0, chosen + count, chosen), return_inverse=True)
    block = _gather(needed, shape, decode)
    if chosen.ndim == 0:
        return block[(0, *rest)]
    return block[(places.reshape(chosen.shape), *rest)]
