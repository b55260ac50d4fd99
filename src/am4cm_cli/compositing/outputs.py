"""The rasters of a composite, as they are written."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from am4cm_cli import __version__
from am4cm_cli.compositing.config import CompositeFiles
from am4cm_cli.compositing.job import CompositeJob
from am4cm_cli.compositing.pixels import NEVER_SEEN, NO_DATE
from am4cm_cli.files import appear_together
from am4cm_cli.rasters.cogs import CogWriter, create_cog
from am4cm_cli.reflectances import DTYPE, NODATA, SCALE
from am4cm_cli.storage import Storage

REPEATED = ("METHOD", "TARGET", "WEIGHTS", "WEIGHTS_SHA256")
"""Facts of the mask that a composite's tags repeat."""


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How one raster is written."""

    content: str
    dtype: str
    nodata: int
    overview: str = "average"
    scale: float = 1


LAYOUTS = {
    "composite": _Layout(content="composite", dtype=DTYPE, nodata=NODATA, scale=SCALE),
    "count": _Layout(content="clear count", dtype="uint16", nodata=NEVER_SEEN),
    "date": _Layout(content="best date", dtype="int32", nodata=NO_DATE, overview="mode"),
}
"""By field of `CompositeFiles`."""


@contextmanager
def composite_rasters(
    job: CompositeJob, files: CompositeFiles, storage: Storage
) -> Iterator[dict[str, CogWriter]]:
    """Open those that are asked for, by field of the files; they appear together, or none."""
    with appear_together(files.rasters) as new, ExitStack() as rasters:
        yield {
            name: rasters.enter_context(_raster(job, name, part, storage, shown=path))
            for (name, path), part in zip(files.named.items(), new, strict=True)
        }


def _raster(
    job: CompositeJob, name: str, path: Path, storage: Storage, *, shown: Path
) -> AbstractContextManager[CogWriter]:
    layout = LAYOUTS[name]
    return create_cog(
        path,
        shown=shown,
        grid=job.stack.grid,
        dtype=layout.dtype,
        nodata=layout.nodata,
        names=job.stack.bands if name == "composite" else [layout.content],
        tags={**_tags(job), "AM4CM_CONTENT": layout.content},
        overview=layout.overview,
        scale=layout.scale,
        storage=storage,
    )


def _tags(job: CompositeJob) -> dict[str, str]:
    """What a composite was made of, and how."""
    mask, stack, config = job.mask, job.stack, job.config
    names = [f"AM4CM_{name}" for name in REPEATED]
    return {
        "AM4CM_VERSION": __version__,
        **{name: mask.tags[name] for name in names if name in mask.tags},
        "AM4CM_COMPOSITE": config.method,
        "AM4CM_THRESHOLD": f"{config.threshold:g}",
        "AM4CM_DILATE": str(config.dilate),
        "AM4CM_AROUND": job.around.isoformat(),
        "AM4CM_DATES": " ".join(scene.name for scene in stack.scenes if not scene.unreadable),
    }
