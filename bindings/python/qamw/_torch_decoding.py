"""Decoding with PyTorch's own operations, for devices that libqamw does not run on: the same bits (spec/qamw.md, sections 8, 15 and 16)."""

import copy
from typing import Callable, Optional

import numpy as np
import torch

from ._tensor import Tensor

# Weights that are decoded at once: it bounds the memory for what lies between.
_WEIGHTS = 1 << 22
# Pairs of one group of octant, and weights.
_GROUP = 128


def _signs(seed: int, columns: int) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """-1 or 1 for each column."""
    index = np.arange(1, (columns + 63) // 64 + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + index * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    bits = np.unpackbits(z.astype("<u8").view(np.uint8), bitorder="little")[:columns]
    return np.where(bits == 1, np.float32(-1), np.float32(1))


def _bits(packed: torch.Tensor) -> torch.Tensor:
    """The bits of bytes, the lowest first: int32."""
    shifts = torch.arange(8, dtype=torch.int32, device=packed.device)
    return (packed.to(torch.int32).unsqueeze(-1) >> shifts & 1).flatten(-2)


def _hadamard(values: torch.Tensor, block: int) -> torch.Tensor:
    """The unnormalised transform of each block, stage by stage."""
    shape, half = values.shape, 1
    while half < block:
        pairs = values.reshape(-1, 2, half)
        first, second = pairs[:, 0], pairs[:, 1]
        values = torch.stack([first + second, first - second], dim=1)
        half *= 2
    return values.reshape(shape)


def _root(block: int) -> float:
    """2^(-k/2) for a block of 2^k, rounded to float32."""
    return float(np.float32(np.sqrt(1 / block)))


def _octant(points: torch.Tensor, stride: int) -> Callable[[torch.Tensor, int], torch.Tensor]:
    """Coordinates of octant's symbols: integers, as float32."""
    step, planes_count = min(stride, 8), max(3, stride - 5)

    def groups(packed: torch.Tensor, eighths: int) -> torch.Tensor:
        """Groups of 8 * eighths pairs: [..., bytes] become [..., weights]."""
        pairs = 8 * eighths
        planes = _bits(packed[..., : planes_count * eighths]).reshape(*packed.shape[:-1], planes_count, pairs)
        base = _bits(packed[..., planes_count * eighths :])
        place = torch.arange(pairs, device=packed.device) * step
        index = torch.zeros_like(planes[..., 0, :])
        for bit in range(8):
            index = index | base[..., (place + bit) % base.shape[-1]] << bit
        for plane in range(3, planes_count):
            index = index | planes[..., plane, :] << (5 + plane)
        chosen = points[index.long()]
        chosen = torch.where(planes[..., 2, :].unsqueeze(-1) == 1, chosen.flip(-1), chosen)
        negative = torch.stack([planes[..., 0, :], planes[..., 1, :]], dim=-1) == 1
        return torch.where(negative, -chosen, chosen).flatten(-2)

    def coordinates(packed: torch.Tensor, columns: int) -> torch.Tensor:
        size, rows = 8 * (3 + stride), packed.shape[0]
        whole = packed.shape[1] // size
        parts = []
        if whole:
            parts.append(groups(packed[:, : whole * size].reshape(rows, whole, size), 8).reshape(rows, whole * _GROUP))
        if packed.shape[1] % size:
            parts.append(groups(packed[:, whole * size :], packed.shape[1] % size // (3 + stride)))
        return torch.cat(parts, dim=1)[:, :columns]

    return coordinates


def _free(points: torch.Tensor, bits: int) -> Callable[[torch.Tensor, int], torch.Tensor]:
    """Coordinates of symbols of `bits` bits that are indices of points."""

    def coordinates(packed: torch.Tensor, columns: int) -> torch.Tensor:
        shifts = torch.arange(bits, dtype=torch.int32, device=packed.device)
        index = (_bits(packed).reshape(len(packed), -1, bits) << shifts).sum(dim=-1)
        return points[index.long()].flatten(1)[:, :columns]

    return coordinates


class DeviceWeights:
    """A coded tensor's stored bytes on a device, where they are decoded.

    `of` gives None for a codec that is decoded by libqamw only: trellis.
    """

    def __init__(self, source: Tensor, device: torch.device):
        encoding = source.encoding
        assert encoding is not None

        def moved(values: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> torch.Tensor:
            return torch.from_numpy(np.array(values)).to(device)

        self._columns = source.shape[-1]
        self._shape = source.shape
        self._symbols = moved(source.symbols)
        scales = source.channel_scales
        self._scales = None if scales is None else moved(scales.astype(np.float32))
        gains = source.gains.astype(np.float32)
        self._block = encoding.block_size
        self._coordinates: Optional[Callable[[torch.Tensor, int], torch.Tensor]] = None
        if encoding.codec == "int8-rows":
            self._symbols = self._symbols.view(torch.int8)
        else:
            record = source.codebook
            if encoding.codec == "polar-pairs":
                bits, levels, phases = record[0], int.from_bytes(record[2:4], "little"), int.from_bytes(record[4:6], "little")
                amplitudes = np.frombuffer(record, "<f4", levels, 8)
                directions = np.frombuffer(record, "<f4", 2 * phases, 8 + 4 * levels).reshape(-1, 2)
                symbols = np.arange(1 << bits)
                points = amplitudes[np.minimum(symbols // phases, levels - 1)][:, None] * directions[symbols % phases]
                self._coordinates = _free(moved(points), bits)
            elif encoding.codebook == "free":
                self._coordinates = _free(moved(np.frombuffer(record, "<f4", 2 << record[1], 8).reshape(-1, 2)), record[1])
            else:
                points = np.frombuffer(record, np.uint8, 2 << record[2], 8).reshape(-1, 2).astype(np.float32)
                self._coordinates = _octant(moved(points), record[1])
                gains = gains * np.frombuffer(record, "<f4", 1, 4)[0]
            gains = gains * np.float32(_root(self._block))
            self._signs = moved(_signs(encoding.seed, self._columns))
        self._gains = moved(gains)

    @classmethod
    def of(cls, source: Tensor, device: torch.device) -> "Optional[DeviceWeights]":
        known = source.encoding is not None and source.encoding.codec in ("qam-pairs", "polar-pairs", "int8-rows")
        return cls(source, device) if known else None

    def rows(self, index: torch.Tensor) -> "DeviceWeights":
        """Some rows, as an embedding looks them up."""
        chosen = copy.copy(self)
        chosen._symbols, chosen._gains, chosen._shape = self._symbols[index], self._gains[index], (len(index), self._columns)
        return chosen

    def decoded(self, dtype: torch.dtype) -> torch.Tensor:
        """The weights, rounded from float32."""
        step = max(1, _WEIGHTS // self._columns)
        parts = [self._part(slice(begin, begin + step)).to(dtype) for begin in range(0, len(self._symbols), step)]
        whole = torch.cat(parts) if parts else torch.empty((0, self._columns), dtype=dtype, device=self._symbols.device)
        return whole.reshape(self._shape)

    def _part(self, rows: slice) -> torch.Tensor:
        gains = self._gains[rows].unsqueeze(1)
        if self._coordinates is None:
            weights = self._symbols[rows].to(torch.float32) * gains
        else:
            turned = _hadamard(self._coordinates(self._symbols[rows], self._columns), self._block)
            weights = turned * self._signs * gains
        return weights if self._scales is None else weights / self._scales
