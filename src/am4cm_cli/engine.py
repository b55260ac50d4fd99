"""What a window's numbers become: planes pixel by pixel, a judgement, and what is written of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.judgement import Judge
from am4cm_cli.layers import JudgedLayer, Layer, SeenLayer, planes_needed
from am4cm_cli.parts import Part
from am4cm_cli.rasters.reading import Numbers, await_all
from am4cm_cli.rims import border_windows, cut
from am4cm_cli.scores import Score
from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.scoring import StackScorer

Pending = Callable[[], Part]
"""Waits for a window's part."""
STRIPE_VALUES = 2**19
"""Of a plane judged at a time, 2 MB; with fewer, more rows are judged twice."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Computes windows of one mask on the CPU, in threads."""

    scorer: StackScorer
    judge: Judge
    layers: Sequence[Layer]
    shape: tuple[int, int]
    """(Y, X) of the whole grid."""
    batch: int
    """Pixels scored at a time."""
    clock: Clock
    _memory: list[NDArray[np.float32]] = field(default_factory=list, init=False, repr=False)

    def start(self, window: Window, numbers: Numbers, pool: Executor) -> Pending:
        """Turn the (T, B, Y, X) numbers of a window into what is written of it.

        Pixels at a seam are judged as if nothing were known beyond it; see `rims`. The numbers may
        be overwritten once this returns.
        """
        layers = self._empty_layers(window)
        with self._planes(numbers.valid.shape) as planes:
            self._run(pool, self._score(numbers, planes, layers))
            self._run(pool, self._judge(planes, layers))
            borders, whole = border_windows(window, self.shape), torch.from_numpy(planes)
            strips = {side: cut(whole, window, thin).numpy() for side, thin in borders.items()}
        part = Part(layers=tuple(layers), strips=strips)
        return lambda: part

    @property
    def count(self) -> int:
        """Of planes: no more than are needed."""
        return min(self.judge.count, planes_needed(self.layers))

    @cached_property
    def view(self) -> Score:
        """What sees planes."""
        return self.judge.view(self.scorer.score, self.count)

    def judge_planes(self, planes: NDArray[np.float32]) -> list[NDArray[Any] | None]:
        """Judge (C, T, Y, X) planes: (bands, Y, X) of each layer, None for a `SeenLayer`."""
        there = torch.from_numpy(planes)
        return [
            layer.encode(self.judge, there).numpy() if isinstance(layer, JudgedLayer) else None
            for layer in self.layers
        ]

    @contextmanager
    def _planes(self, shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
        """Lend memory for (C, T, Y, X) planes again and again: new memory comes slowly."""
        values = self.count * prod(shape)
        # Several windows may be computed at once; each takes what no other uses.
        memory = self._memory.pop() if self._memory else np.empty(0, np.float32)
        if memory.size < values:
            memory = np.empty(values, np.float32)
        yield memory[:values].reshape(self.count, *shape)
        # After an error some thread may still write into it, so then nobody should meet it again.
        self._memory.append(memory)

    def _empty_layers(self, window: Window) -> list[NDArray[Any]]:
        size = window.height, window.width
        return [np.empty((len(layer.names), *size), layer.dtype) for layer in self.layers]

    def _score(
        self, numbers: Numbers, planes: NDArray[np.float32], layers: Sequence[NDArray[Any]]
    ) -> Iterator[Callable[[], None]]:
        """Yield a task for each batch of pixels; it fills planes, and layers of pixels alone."""
        count, bands = numbers.dn.shape[:2]
        dn = torch.from_numpy(numbers.dn.reshape(count, bands, -1))
        valid = torch.from_numpy(numbers.valid.reshape(count, -1))
        flat = torch.from_numpy(planes.reshape(len(planes), count, -1))
        rows = [torch.from_numpy(layer.reshape(len(layer), -1)) for layer in layers]
        for start in range(0, valid.shape[1], self.batch):
            part = slice(start, start + self.batch)

            def score(part: slice = part) -> None:
                seen = self.scorer.observe(dn[..., part], valid[:, part])
                flat[..., part] = self.view(seen)
                for layer, to in zip(self.layers, rows, strict=True):
                    if isinstance(layer, SeenLayer):
                        to[:, part] = layer.encode(seen)

            yield score

    def _judge(
        self, planes: NDArray[np.float32], layers: Sequence[NDArray[Any]]
    ) -> Iterator[Callable[[], None]]:
        """Yield a task for each stripe of rows, judged with a rim of its neighbours."""
        _, dates, height, width = planes.shape
        step = max(4 * RIM, STRIPE_VALUES // (dates * width))
        for first, last in pairwise([*range(0, height, step), height]):

            def judge(first: int = first, last: int = last) -> None:
                low, high = max(0, first - RIM), min(height, last + RIM)
                judged = self.judge_planes(planes[:, :, low:high])
                for found, to in zip(judged, layers, strict=True):
                    if found is not None:
                        to[:, first:last] = found[:, first - low : last - low]

            yield judge

    def _run(self, pool: Executor, tasks: Iterable[Callable[[], None]]) -> None:
        def timed(task: Callable[[], None]) -> None:
            with self.clock("compute"), torch.inference_mode():
                task()

        await_all([pool.submit(timed, task) for task in tasks])
