"""One composite to make: of what, how, and in which windows."""

from dataclasses import dataclass
from datetime import date, timedelta

from am4cm_cli.compositing.config import CompositeConfig
from am4cm_cli.compositing.pairs import Pairs
from am4cm_cli.orders import Resources
from am4cm_cli.plan import Demand, Plan, aside_bytes, make_plan
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.windows import Tiling

ARRAYS = 6
"""float32 arrays of a batch that live at once: of a band's numbers, reflectance and order."""
PLANES = 1
"""Of a window, 4 bytes a date: clear, answered and percent."""
RIM_BYTES = 24
"""Of a pixel of one date while it is dilated: distances, and where they lead."""
TYPICAL_SIDE = 512
"""Of a window, to tell what its rim takes."""
BESIDE_BYTES = 6
"""Of a pixel's count and date."""


@dataclass(frozen=True, kw_only=True)
class CompositeJob:
    """A composite to make."""

    stack: Stack
    mask: MaskFile
    pairs: Pairs
    config: CompositeConfig
    plan: Plan
    batch: int
    """Pixels composed at a time by a thread."""

    @property
    def tiling(self) -> Tiling:
        """Windows to compose."""
        return Tiling(shape=self.stack.grid.shape, size=self.plan.window)

    @property
    def around(self) -> date:
        """The day that the best observations are near."""
        first, last = (self.stack.scenes[place].time.date() for place in (0, -1))
        return self.config.around or first + timedelta(days=(last - first).days // 2)

    @property
    def dates(self) -> list[date]:
        """Days of the scenes, (T,)."""
        return [scene.time.date() for scene in self.stack.scenes]

    @property
    def raster_bytes(self) -> int:
        """Of all rasters, uncompressed."""
        height, width = self.stack.grid.shape
        return height * width * _pixel_bytes(self.stack)


def plan_composite(
    stack: Stack, mask: MaskFile, pairs: Pairs, config: CompositeConfig, resources: Resources
) -> CompositeJob:
    """Choose sizes that hold the limit of memory; no pixel depends on them.

    Raises:
        Am4cmError: the memory does not suffice.
    """
    rim = RIM_BYTES * (TYPICAL_SIDE + 2 * config.dilate) ** 2 if config.dilate else 0
    demand = Demand(
        dates=len(stack.scenes),
        bands=len(stack.bands),
        number_bytes=stack.number_type(stack.bands).itemsize,
        planes=PLANES,
        arrays=ARRAYS,
        layer_bytes=_pixel_bytes(stack),
        aside=aside_bytes(stack, stack.bands),
        once=rim,
        files=len({file.path for file in stack.files()}),
        held=stack.held(stack.bands),
    )
    plan = make_plan(
        demand,
        shape=stack.grid.shape,
        block=stack.block(stack.bands),
        threads=resources.threads,
        batch=resources.batch,
        max_memory=resources.max_memory,
        tile=resources.tile,
    )
    return CompositeJob(
        stack=stack, mask=mask, pairs=pairs, config=config, plan=plan, batch=resources.batch
    )


def _pixel_bytes(stack: Stack) -> int:
    return BESIDE_BYTES + 2 * len(stack.bands)
