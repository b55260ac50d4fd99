"""Which pixels of a grid a user asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window


@dataclass(frozen=True, kw_only=True)
class Area:
    """Pixels of a grid that count; the others are read as not observed."""

    shape: tuple[int, int]
    """(Y, X) of the grid."""
    bits: bytes
    """Row by row, each from a byte of its own on: a bit per pixel, so that a whole tile takes 15 MB
    here and in what is sent to workers."""

    @classmethod
    def of(cls, strips: Iterable[NDArray[np.bool_]]) -> "Area":
        """Pack strips of rows, from the top, each (rows, X) and True where a pixel counts."""
        rows, width, bits = 0, 0, []
        for strip in strips:
            rows, width = rows + strip.shape[0], strip.shape[1]
            bits.append(np.packbits(strip, axis=1).tobytes())
        return cls(shape=(rows, width), bits=b"".join(bits))

    def cut(self, window: Window) -> NDArray[np.bool_]:
        """(Y, X) of a window, True where a pixel counts."""
        (top, bottom), (left, right) = window.toranges()
        rows = np.frombuffer(self.bits, np.uint8).reshape(self.shape[0], -1)[top:bottom]
        first = left // 8
        found = np.unpackbits(rows[:, first : -(-right // 8)], axis=1).astype(np.bool_)
        return found[:, left - 8 * first : right - 8 * first]

    @property
    def count(self) -> int:
        """How many pixels count."""
        # Bits that fill up a row's last byte are 0.
        return int.from_bytes(self.bits).bit_count()

    @property
    def digest(self) -> str:
        """The same for the same pixels."""
        return sha256(repr(self.shape).encode() + self.bits).hexdigest()
