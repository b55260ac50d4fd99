"""From computed windows to whole rasters."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.engine import Engine
from am4cm_cli.parts import Parts
from am4cm_cli.rims import Strip, border_windows, gather, seams
from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.updating import Layers, Make
from am4cm_cli.windows import Tiling, inside, overlap, with_rim

Result = TypeVar("Result")


def finished_windows(
    engine: Engine,
    parts: Parts,
    tiling: Tiling,
    pool: Executor,
    *,
    ahead: int,
    complete: Callable[[Window, Make], Layers],
) -> Iterator[tuple[Window, Layers]]:
    """Yield all windows, row by row, as they are to be written, some of them made ahead.

    What was computed of a window is completed with what is known of it besides.
    """
    make = partial(_finish, engine, parts, tiling)

    def finish(window: Window) -> tuple[Window, Layers]:
        with engine.clock("assemble"):
            return window, complete(window, make)

    return in_order(finish, tiling, pool, ahead=ahead)


def in_order(
    make: Callable[[Window], Result], windows: Iterable[Window], pool: Executor, *, ahead: int
) -> Iterator[Result]:
    """Yield what a pool makes of windows, in their order, at most so many being made ahead."""
    todo = iter(windows)
    started: deque[Future[Result]] = deque()
    try:
        while True:
            for window in islice(todo, ahead + 1 - len(started)):
                started.append(pool.submit(make, window))
            if not started:
                return
            yield started.popleft().result()
    finally:
        for future in started:
            future.cancel()


def _finish(engine: Engine, parts: Parts, tiling: Tiling, window: Window) -> Layers:
    """Read a window and judge its seams, now that its neighbours are known."""
    layers = parts.layers(window, len(engine.layers))
    lines = list(seams(window, tiling.shape))
    if lines:
        strips = _strips_around(parts, tiling, window)
        for line, around in lines:
            judged = engine.judge_planes(gather(around, strips))
            for layer, found in zip(layers, judged, strict=True):
                if found is not None:
                    _paste(layer, found, line, around, window)
    return layers


def _strips_around(parts: Parts, tiling: Tiling, window: Window) -> Sequence[Strip]:
    """Those of a window and of the windows that touch it, where these meet its border."""
    wider = with_rim(window, tiling.shape, rim=RIM)
    return [
        Strip(window=thin, planes=parts.strip(near, side))
        for near in tiling.around(window)
        for side, thin in border_windows(near, tiling.shape).items()
        if overlap(thin, wider)
    ]


def _paste(
    layer: NDArray[Any], found: NDArray[Any], line: Window, around: Window, window: Window
) -> None:
    """Put a line of pixels, judged with its surroundings, into its window."""
    layer[:, *inside(line, window)] = found[:, *inside(line, around)]


def count_answers(layer: NDArray[Any], half: float, nodata: float) -> tuple[int, int]:
    """Pixel-dates with a probability, and those of them from `half` on."""
    known = ~np.isnan(layer) if layer.dtype.kind == "f" else layer != nodata
    flagged = layer >= half if layer.dtype.kind == "f" else (layer >= half) & known
    return int(np.count_nonzero(known)), int(np.count_nonzero(flagged))
