"""How to compute a mask within a limit of memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from am4cm_cli.errors import Am4cmError
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.stacks.stack import Stack

WINDOW_PIXELS = 2**18
"""Pixels of a window where nothing asks for more or fewer."""
FEWEST_PIXELS = 256
"""Of a window, however many the dates."""
CACHE_SHARE = 16
"""GDAL gets this part of the memory for blocks that it has decoded, within limits."""
LARGEST_CACHE = 2**28
OPEN_FILES = 256
"""Most that are kept open between windows; systems allow a process some 1,024."""
OPEN_BYTES = 2**18
"""Of an open file, beside the block that GDAL holds for it, and its bytes before decoding."""
READ_MEANWHILE = 2
"""Windows that a thread can read while a judge is fitted."""
ARRAYS = {1: 13, 2: 22, 3: 27}
"""float32 arrays of a batch that live at once, by the planes made of it: weighted sums, their clear
sky, departures from it, and tests for snow."""

CLEAR_SKY_ARRAYS = 8
"""Likewise of a clear sky, beside four for each band: as shown, what departs, and the estimate."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a pixel of a mask takes."""

    dates: int
    bands: int
    number_bytes: int
    """Of a stored number."""
    planes: int
    """Of a date, float32."""
    arrays: int
    """float32 for a date that live at once while a batch is computed."""
    layer_bytes: int
    """Of all rasters to write, for all dates."""
    aside: int = 0
    """Bytes that a thread needs beside while it reads a date."""
    once: int = 0
    """Bytes that are needed once, whatever the window."""
    files: int = 0
    """That hold the pixels."""
    held: int = 0
    """Bytes of the largest block of such a file, which GDAL holds as long as it is open."""

    @property
    def open_bytes(self) -> int:
        """Of an open file: its block decoded, and perhaps half of that as it is stored."""
        return OPEN_BYTES + self.held * 3 // 2

    @property
    def read(self) -> int:
        """Bytes of a pixel's numbers, and of what is valid."""
        return self.dates * (self.bands * self.number_bytes + 1)

    @property
    def computed(self) -> int:
        """Bytes of a pixel's planes and layers; layers twice, one of them being written."""
        return self.dates * 4 * self.planes + 2 * self.layer_bytes


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes that hold a limit of memory; none of them changes a pixel."""

    window: tuple[int, int]
    """(Y, X) pixels that are read and computed together."""
    ahead: int
    """Windows read ahead of the one that is computed."""
    batch: int
    """Pixels computed at a time by each thread."""
    threads: int
    """That compute; fewer than asked for where the memory does not suffice for their batches."""
    cache_bytes: int
    """Of GDAL, for decoded blocks."""
    open_files: int
    """Kept open between windows: all that threads need, or as many as take no more than the
    cache does."""
    window_bytes: int
    """Of the numbers of a window."""
    spare_bytes: int
    """Left over, to keep windows that the sample was drawn from, and to read ahead meanwhile."""
    whole_bytes: int
    """That windows of whole blocks would have taken in all."""

    def ahead_of_fit(self, kept: int) -> int:
        """Windows to read ahead if so many are kept: reading goes on while a judge is fitted."""
        room = max(0, self.spare_bytes // self.window_bytes - kept - 1)
        return self.ahead + min(READ_MEANWHILE * self.threads, room)

    def tell(self) -> str:
        """One line for the log."""
        (down, right), cache = self.window, self.cache_bytes / 1e6
        return (
            f"windows of {right} x {down} pixels, {self.ahead} read ahead, {self.batch} pixels at "
            f"a time in each of {self.threads} threads, {cache:.0f} MB of blocks kept"
        )

    def decodes(self, block: tuple[int, int], shape: tuple[int, int]) -> int:
        """How often each of the files' blocks is decoded: once, but for blocks too large."""
        sides = zip(block, shape, self.window, strict=True)
        down, right = (max(1, ceil(min(size, length) / side)) for size, length, side in sides)
        return down * right


def plan_mask(
    stack: Stack,
    bands: Sequence[str],
    files: MaskFiles,
    config: MaskConfig,
    resources: Resources,
    *,
    heads: int,
    written: int | None = None,
) -> Plan:
    """Choose the sizes for a stack's mask.

    Args:
        stack: that is read.
        bands: of it.
        files: to write.
        config: target and dtype.
        resources: memory and threads.
        heads: of the model.
        written: dates to write; those of the stack if None.

    Raises:
        Am4cmError: the memory does not suffice.
    """
    dates = len(stack.scenes)
    demand = Demand(
        dates=dates,
        bands=len(bands),
        number_bytes=stack.number_type(bands).itemsize,
        planes=files.planes(config.target),
        arrays=_arrays(files, config, bands=len(bands), heads=heads),
        layer_bytes=(written or dates)
        * files.pixel_bytes(config.dtype, heads=heads, bands=len(bands)),
        aside=aside_bytes(stack, bands),
        files=len({file.path for file in stack.files(bands)}),
        held=stack.held(bands),
    )
    return make_plan(
        demand,
        shape=stack.grid.shape,
        block=stack.block(bands),
        threads=resources.threads,
        batch=resources.batch,
        max_memory=resources.max_memory,
        tile=resources.tile,
    )


def make_plan(
    demand: Demand,
    *,
    shape: tuple[int, int],
    block: tuple[int, int],
    threads: int,
    batch: int,
    max_memory: int,
    tile: int | None = None,
) -> Plan:
    """Choose whole blocks if they fit, as many as make a window of WINDOW_PIXELS.

    Args:
        demand: of a pixel.
        shape: (Y, X) of the grid.
        block: (Y, X) pixels that files decode together.
        threads: that compute.
        batch: pixels that each of them computes at a time.
        max_memory: bytes for all of it, beyond the program itself.
        tile: side of a window, if the user sets it.

    Raises:
        Am4cmError: not even the smallest window fits.
    """
    cache = min(max(max_memory // CACHE_SHARE, 2**25), LARGEST_CACHE)
    # Batches are never narrower than asked for: scores fill them up to one width.
    each = batch * demand.dates * 4 * demand.arrays
    threads = max(1, min(threads, (max_memory - cache) // 2 // each))
    open_files = _open_files(demand, threads, cache)
    room = max_memory - cache - threads * each - demand.once - open_files * demand.open_bytes
    fixed = max_memory - room - cache + LARGEST_CACHE
    for ahead in (1, 0):
        needed = (1 + ahead) * demand.read + demand.computed + threads * demand.aside
        pixels = room // needed
        window = (tile, tile) if tile else _window(shape, block, pixels)
        window = min(window[0], shape[0]), min(window[1], shape[1])
        taken = window[0] * window[1]
        if taken <= pixels and (taken >= _smallest(shape, block) or ahead == 0):
            spare = room - taken * needed
            return Plan(
                window=window,
                ahead=ahead,
                batch=batch,
                threads=threads,
                cache_bytes=cache,
                open_files=open_files,
                window_bytes=taken * demand.read,
                spare_bytes=spare,
                whole_bytes=fixed + (_smallest(shape, block) + 1) * needed,
            )
    raise Am4cmError(
        f"--max-memory {max_memory / 1e9:.2g} GB: too little for {demand.dates} dates of "
        f"{demand.bands} bands in windows of {window[0]} x {window[1]} pixels; give more"
        + (", or a smaller --tile." if tile else ".")
    )


def _open_files(demand: Demand, threads: int, most_bytes: int) -> int:
    """Each thread has one open for itself; opening one again takes a millisecond."""
    most = min(threads * demand.files, OPEN_FILES, most_bytes // demand.open_bytes)
    return max(threads, most)


def _smallest(shape: tuple[int, int], block: tuple[int, int]) -> int:
    """Pixels of one whole block."""
    return min(block[0], shape[0]) * min(block[1], shape[1])


def aside_bytes(stack: Stack, bands: Sequence[str]) -> int:
    """Of a pixel: finer ones that it is the mean of, and those of another tile."""
    copies = max(
        scene.shrink**2 * (1 + bool(scene.fills)) - (scene.shrink == 1) for scene in stack.scenes
    )
    return copies * (len(bands) * stack.number_type(bands).itemsize + 1)


def _arrays(files: MaskFiles, config: MaskConfig, *, bands: int, heads: int) -> int:
    """Of the scores; or of the attention or the clear sky, if asked for and if they take more."""
    judged = ARRAYS[files.planes(config.target)]
    attention = bands + 4 * heads if files.attention or files.attention_heads else 0
    clear_sky = 4 * bands + CLEAR_SKY_ARRAYS if files.clear_sky else 0
    return max(judged, attention, clear_sky)


def _window(shape: tuple[int, int], block: tuple[int, int], pixels: int) -> tuple[int, int]:
    """The most of whole blocks up to `pixels`; a part of a block where even one is too many."""
    height, width = (min(size, length) for size, length in zip(block, shape, strict=True))
    while height * width > max(pixels, FEWEST_PIXELS):
        height, width = (ceil(height / 2), width) if height >= width else (height, ceil(width / 2))
    most = min(pixels, WINDOW_PIXELS)
    while (grown := _grow(height, width, shape)) and grown[0] * grown[1] <= most:
        height, width = grown
    return height, width


def _grow(height: int, width: int, shape: tuple[int, int]) -> tuple[int, int] | None:
    """Double the shorter side that is not yet as long as the grid."""
    sides = [(height, 0), (width, 1)]
    free = sorted(side for side in sides if side[0] < shape[side[1]])
    if not free:
        return None
    _, axis = free[0]
    return (2 * height, width) if axis == 0 else (height, 2 * width)
