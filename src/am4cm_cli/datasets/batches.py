"""Padded batches of pixel series, from memory of the device or from the files.

Where the arrays lie changes no batch: `ResidentSeries` and `StreamedSeries` give the same ones.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.datasets.pixels import NODATA, SCALE, PixelSeries
from am4cm_cli.datasets.readahead import ask_for_rows
from am4cm_cli.days import day_of_year

AHEAD = 3
"""Batches that a stream reads, or asks the system for, before they are taken."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch(NamedTuple):
    """P series padded to the longest of them."""

    reflectance: Tensor
    """(P, T, B) float32; 0 where not valid."""
    day_of_year: Tensor
    """(P, T) float32."""
    valid: Tensor
    """(P, T) bool, False for dates not observed and for padding."""
    target: Tensor
    """(P,) int64."""
    series: Tensor
    """(P,) int64: which these are."""


class Series(Protocol):
    """Pixel series that can be drawn by number."""

    device: torch.device
    """Where the batches come out."""

    @property
    def targets(self) -> Tensor:
        """(P,) of all series, int16, wherever they lie."""
        ...

    def __len__(self) -> int:
        """How many series."""
        ...

    def batch(self, index: Tensor) -> Batch:
        """Gather the series of (P,) indices."""
        ...

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Batch]:
        """Gather one batch after the other."""
        ...

    def batches(self, order: Tensor, *, size: int) -> Iterator[Batch]:
        """Yield every series of `order` once, in `batch_count` batches of about the same size."""
        ...


class _Gathered(NamedTuple):
    """A batch as it is stored: little more than half its size."""

    stored: Tensor
    """(P, T, B) int16; padding repeats the first date."""
    inside: Tensor
    """(P, T) bool, False for padding."""
    day_of_year: Tensor
    target: Tensor
    series: Tensor

    def to(self, device: torch.device) -> "_Gathered":
        return _Gathered(*(_sent(tensor, device) for tensor in self))

    def expand(self) -> Batch:
        valid = self.inside & (self.stored[..., 0] != NODATA)
        return Batch(
            reflectance=torch.where(valid[..., None], self.stored * SCALE, 0.0),
            day_of_year=self.day_of_year,
            valid=valid,
            target=self.target.long(),
            series=self.series,
        )


class _Table:
    """Where each series of several folds begins, how long it is, and what it is."""

    def __init__(self, parts: Sequence[PixelSeries], device: torch.device) -> None:
        observations = _starts([len(part.reflectance) for part in parts])
        days = _starts([len(part.days) for part in parts])

        def joined(arrays: Iterable[NDArray[np.integer]]) -> Tensor:
            return torch.cat([_copy(array, device) for array in arrays])

        self.target = joined(part.target for part in parts)
        self.start = joined(p.start + at for p, at in zip(parts, observations, strict=True))
        self.length = joined(part.lengths.astype(np.int32) for part in parts)
        self.first_day = joined(
            part.calendar_start[part.calendar] + at for part, at in zip(parts, days, strict=True)
        )
        self.day_of_year = torch.cat([_copy(day_of_year(part.days), device) for part in parts])

    def gather(self, index: Tensor, rows: Callable[[Tensor], Tensor]) -> _Gathered:
        """Take (P,) series out of arrays whose (...) rows a function reads."""
        length = self.length[index, None]
        step = torch.arange(int(length.max()), device=index.device)
        inside = step < length
        step = torch.where(inside, step, 0)
        return _Gathered(
            stored=rows(self.start[index, None] + step),
            inside=inside,
            day_of_year=self.day_of_year[self.first_day[index, None] + step],
            target=self.target[index],
            series=index,
        )


class ResidentSeries:
    """Pixel series held whole on one device, as int16."""

    def __init__(self, series: PixelSeries | Sequence[PixelSeries], device: torch.device) -> None:
        parts = [series] if isinstance(series, PixelSeries) else list(series)
        self.device = device
        self._table = _Table(parts, device)
        # Part by part into place: the whole must not be held twice.
        shape = sum(len(part.reflectance) for part in parts), parts[0].reflectance.shape[1]
        self._reflectance = torch.empty(shape, dtype=torch.int16, device=device)
        starts = _starts([len(part.reflectance) for part in parts])
        for part, start in zip(parts, starts, strict=True):
            for first in range(0, len(part.reflectance), 1 << 22):
                rows = np.array(part.reflectance[first : first + (1 << 22)])
                place = slice(start + first, start + first + len(rows))
                self._reflectance[place] = torch.from_numpy(rows).to(device)

    @property
    def targets(self) -> Tensor:
        """(P,) of all series, int16."""
        return self._table.target

    def __len__(self) -> int:
        return len(self._table.target)

    def batch(self, index: Tensor) -> Batch:
        """Gather the series of (P,) indices."""
        return self._table.gather(index.to(self.device), self._reflectance.__getitem__).expand()

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Batch]:
        """Gather one batch after the other."""
        return map(self.batch, indices)

    def batches(self, order: Tensor, *, size: int) -> Iterator[Batch]:
        """Yield every series of `order` once, in `batch_count` batches of about the same size."""
        return self.stream(split(order.to(self.device), size=size))


class StreamedSeries:
    """Pixel series left in their files; the next batches are read meanwhile."""

    def __init__(self, series: Sequence[PixelSeries], device: torch.device) -> None:
        self.device = device
        self._table = _Table(series, torch.device("cpu"))
        self._parts = [part.reflectance for part in series]
        self._starts = _starts([len(part.reflectance) for part in series])

    @property
    def targets(self) -> Tensor:
        """(P,) of all series, int16."""
        return self._table.target

    def __len__(self) -> int:
        return len(self._table.target)

    def batch(self, index: Tensor) -> Batch:
        """Gather the series of (P,) indices."""
        return self._read(index).to(self.device).expand()

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Batch]:
        """Gather one batch after the other, reading ahead."""
        if self.device.type == "cpu":
            # Every core computes already: a thread that gathers would only take one away.
            yield from map(self.batch, _after(self._ask, indices))
        else:
            for gathered in _ahead(self._read, indices):
                yield gathered.to(self.device).expand()

    def batches(self, order: Tensor, *, size: int) -> Iterator[Batch]:
        """Yield every series of `order` once, in `batch_count` batches of about the same size."""
        return self.stream(split(order.cpu(), size=size))

    def _read(self, index: Tensor) -> _Gathered:
        return self._table.gather(index.cpu(), self._rows)

    def _ask(self, index: Tensor) -> None:
        first, length = self._table.start[index].numpy(), self._table.length[index].numpy()
        for part, start in zip(self._parts, self._starts, strict=True):
            here = (first >= start) & (first < start + len(part))
            ask_for_rows(part, first[here] - start, length[here])

    def _rows(self, rows: Tensor) -> Tensor:
        # NumPy's: torch would start threads for the reader that fight with those of the training.
        wanted = rows.numpy()
        found = np.empty((*wanted.shape, self._parts[0].shape[1]), np.int16)
        for part, start in zip(self._parts, self._starts, strict=True):
            # A series lies in one part. And take() is several times faster than an index.
            here = (wanted[:, 0] >= start) & (wanted[:, 0] < start + len(part))
            found[here] = part.take(wanted[here] - start, axis=0)
        return torch.from_numpy(found)


def split(order: Tensor, *, size: int) -> Sequence[Tensor]:
    """Split (P,) indices into `batch_count` parts of about the same size; no part of nothing."""
    if not len(order):
        return []
    return order.tensor_split(batch_count(len(order), size=size))


def batch_count(series: int, *, size: int) -> int:
    """How many batches of at most about `size` hold so many series, none of them a single one.

    Batch normalisation has no statistics of a single series.
    """
    return max(1, min(-(-series // size), series // 2))


def bytes_of(parts: Iterable[PixelSeries]) -> int:
    """How much memory `ResidentSeries` takes for these."""
    per_series = 2 + 8 + 4 + 8
    return sum(part.reflectance.size * 2 + len(part.target) * per_series for part in parts)


def hold(
    parts: Sequence[PixelSeries], device: torch.device, *, most: int
) -> ResidentSeries | StreamedSeries:
    """Keep series in the device's memory if they take at most so many bytes, else stream them."""
    if bytes_of(parts) <= most:
        return ResidentSeries(parts, device)
    return StreamedSeries(parts, device)


def _ahead(read: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Map in order, a few items ahead, in a thread that ends with the iteration."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(1) as thread:
        try:
            for item in items:
                waiting.append(thread.submit(read, item))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _after(ask: Callable[[Item], None], items: Iterable[Item]) -> Iterator[Item]:
    """Yield items a few after each has been asked for."""
    waiting: deque[Item] = deque()
    for item in items:
        ask(item)
        waiting.append(item)
        if len(waiting) > AHEAD:
            yield waiting.popleft()
    yield from waiting


def _starts(lengths: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(lengths).tolist()][:-1]


def _copy(array: NDArray[np.generic], device: torch.device) -> Tensor:
    # A copy: torch warns of read-only memory maps, and a device wants its own anyway.
    return torch.tensor(np.array(array), device=device)


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    if device.type != "cuda":
        return tensor.to(device)
    # Pinned memory is copied while the device computes.
    return tensor.pin_memory().to(device, non_blocking=True)
