"""What a window of a stack and its mask become."""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.compositing.clearness import Clearness
from am4cm_cli.compositing.job import CompositeJob
from am4cm_cli.compositing.pixels import NO_DATE, best_dates, counts, median, store
from am4cm_cli.rasters.reading import Numbers, await_all
from am4cm_cli.reflectances import NODATA


@dataclass(frozen=True)
class Layers:
    """What is known of a window's pixels."""

    composite: NDArray[np.int16]
    """(B, Y, X), see `reflectances`."""
    count: NDArray[np.uint16]
    """(1, Y, X) clear observations; see `pixels.counts`."""
    date: NDArray[np.int32]
    """(1, Y, X) of the best one, 20180704; 0 where there is none."""

    @classmethod
    def empty(cls, bands: int, shape: tuple[int, int]) -> "Layers":
        """Make room for a window."""
        return cls(
            composite=np.empty((bands, *shape), np.int16),
            count=np.empty((1, *shape), np.uint16),
            date=np.empty((1, *shape), np.int32),
        )


@dataclass(frozen=True, kw_only=True)
class Composer:
    """Composes windows of one job, in threads."""

    job: CompositeJob

    def compose(self, numbers: Numbers, seen: Clearness, pool: Executor) -> Layers:
        """Compose a window of (T, B, Y, X) numbers; they may be overwritten once this returns."""
        _, bands, height, width = numbers.dn.shape
        layers = Layers.empty(bands, (height, width))
        flat = {name: _flat(array) for name, array in vars(layers).items()}
        dn, valid = _flat(numbers.dn), _flat(numbers.valid)
        mask = {name: _flat(array) for name, array in vars(seen).items()}

        def fill(part: slice) -> None:
            cut = Clearness(**{name: array[:, part] for name, array in mask.items()})
            found = self._pixels(dn[..., part], valid[:, part], cut)
            for name, array in found.items():
                flat[name][:, part] = array

        starts = range(0, height * width, self.job.batch)
        await_all([pool.submit(fill, slice(start, start + self.job.batch)) for start in starts])
        return layers

    @cached_property
    def _scales(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.job.stack.scales(self.job.stack.bands)

    @cached_property
    def _dates(self) -> NDArray[np.int32]:
        """(T,) such as 20180704."""
        return np.array([d.year * 10000 + d.month * 100 + d.day for d in self.job.dates], np.int32)

    @cached_property
    def _apart(self) -> NDArray[np.int32]:
        """(T,) days from the day that is wanted."""
        return np.array([abs((day - self.job.around).days) for day in self.job.dates], np.int32)

    def _pixels(
        self, dn: NDArray[Any], valid: NDArray[np.bool_], mask: Clearness
    ) -> dict[str, NDArray[Any]]:
        """Compose (T, B, P) numbers: the fields of `Layers`."""
        clear = mask.clear & valid
        best = best_dates(mask.percent, clear, self._apart)
        known = clear.any(axis=0)
        taken = (
            self._medians(dn, clear) if self.job.config.method == "median" else self._one(dn, best)
        )
        return {
            "composite": np.where(known, taken, np.int16(NODATA)),
            "count": counts(clear, mask.answered & valid),
            "date": np.where(known, self._dates[best], np.int32(NO_DATE)),
        }

    def _medians(self, dn: NDArray[Any], clear: NDArray[np.bool_]) -> NDArray[np.int16]:
        """Band by band, (B, P)."""
        scale, offset = self._scales
        bands = range(dn.shape[1])
        return np.stack(
            [median(store(dn[:, b], scale[:, b, None], offset[:, b, None]), clear) for b in bands]
        )

    def _one(self, dn: NDArray[Any], best: NDArray[np.int64]) -> NDArray[np.int16]:
        """(B, P) of one date for each pixel."""
        scale, offset = self._scales
        chosen = np.take_along_axis(dn, best[None, None], axis=0)[0]
        return store(chosen, scale[best].T, offset[best].T)


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """(..., Y, X) as (..., P), the same memory."""
    return array.reshape(*array.shape[:-2], -1)
