"""Reading that begins while torch is still being imported: a second or two of an idle core."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.clock import Clock
from am4cm_cli.keeping import Kept, begin_keeping
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.plan import plan_mask
from am4cm_cli.rasters.ahead import window_reader
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.states import image_states
from am4cm_cli.weights_header import read_header
from am4cm_cli.windows import Tiling


@dataclass(frozen=True, kw_only=True)
class HeadStart:
    """Windows that are being read."""

    bands: tuple[str, ...]
    tiling: Tiling
    states: Mapping[str, str]
    """Of the files when reading began, by path."""
    wait: Callable[[], Kept]


@contextmanager
def head_start(
    stack: Stack, weights: Path, files: MaskFiles, config: MaskConfig, resources: Resources
) -> Iterator[HeadStart | None]:
    """Begin to read the windows that a mask's sample will be drawn from; stop when the block ends.

    What it takes for granted of the weights is checked where they are loaded; None where that is
    too little to begin. These few windows lie in memory that a GPU copies from more slowly, since
    torch lends no other yet.

    Raises:
        WeightsError: the weights cannot be read.
        Am4cmError: the memory does not suffice.
    """
    header = read_header(weights)
    try:
        named, heads = tuple(header["config"]["bands"]), int(header["config"]["heads"])
    except (TypeError, KeyError, ValueError, OverflowError):
        named, heads = (), 0
    bands = tuple(band for band in named if band in stack.bands)
    if not bands or heads < 1:
        yield None
        return
    states = image_states(stack)
    plan = plan_mask(stack, bands, files, config, resources, heads=heads)
    tiling = Tiling(shape=stack.grid.shape, size=plan.window)
    with (
        bounded_cache(plan.cache_bytes),
        window_reader(
            stack, bands, threads=plan.threads, open_files=plan.open_files, clock=Clock()
        ) as reader,
    ):
        read = begin_keeping(reader, tiling, most_bytes=plan.spare_bytes)

        def wait() -> Kept:
            kept = read()
            reader.files.close()
            return kept

        yield HeadStart(bands=bands, tiling=tiling, states=states, wait=wait)
