"""Masks that am4cm wrote: their facts, and windows of their probabilities."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from am4cm_cli.classes import TARGET_WORDS
from am4cm_cli.errors import StackError
from am4cm_cli.stacks.drafts import CONTENT_TAG, IMAGES, OWN_TAG
from am4cm_cli.stacks.headers import Header, not_georeferenced_is_fine, read_header
from am4cm_cli.stacks.stack import Grid


@dataclass(frozen=True, kw_only=True)
class MaskFile:
    """A raster that am4cm wrote, of cloud probabilities or what else `content` says."""

    path: Path
    grid: Grid
    names: tuple[str, ...]
    """Of the scenes, in time order, one band each."""
    dtype: str
    full: float
    """The number that stands for a probability of 1: 100 in integers, 1 in floats."""
    nodata: float
    tags: Mapping[str, str]
    """Those of am4cm, such as AM4CM_METHOD."""

    @property
    def content(self) -> str:
        """What it holds, such as probability or classes."""
        return _content(self.tags)

    @property
    def title(self) -> str:
        """What the probabilities are of, in words."""
        target = self.tags.get("AM4CM_TARGET", "cloud")
        return f"Probability of {TARGET_WORDS.get(target, target)}"


def is_mask(path: Path) -> bool:
    """Whether a file is a raster that am4cm wrote; False where there is none, or no raster."""
    try:
        with not_georeferenced_is_fine():
            return path.is_file() and OWN_TAG in read_header(path).tags
    except StackError:
        return False


def mask_content(path: Path) -> str:
    """What a raster of am4cm holds, such as probability or classes."""
    return _content(_header(path).tags)


def open_mask(path: Path) -> MaskFile:
    """Read the facts of a mask; StackError for a raster of anything but probabilities by am4cm."""
    mask = open_own(path)
    if mask.content != "probability":
        raise StackError(
            f"{path}: holds {mask.content}, not probabilities; expected what am4cm mask has "
            "written as OUT."
        )
    return mask


def open_own(path: Path) -> MaskFile:
    """Read the facts of any raster that am4cm wrote, but for images; StackError for others."""
    header = _header(path)
    tags = {name: text for name, text in header.tags.items() if name.startswith("AM4CM_")}
    nodata = header.nodata[0]
    if OWN_TAG not in tags or nodata is None:
        raise StackError(
            f"{path}: is no mask by am4cm, for it lacks the tag {OWN_TAG}; expected what "
            f"am4cm mask has written. Other tools may have dropped the tags."
        )
    if _content(tags) in IMAGES:
        raise StackError(
            f"{path}: holds the reflectance of a {_content(tags)}, no mask; expected what am4cm "
            "mask has written as OUT."
        )
    is_float = np.dtype(header.dtypes[0]).kind == "f"
    return MaskFile(
        path=path,
        grid=header.grid,
        names=header.descriptions,
        dtype=header.dtypes[0],
        full=1 if is_float else 100,
        nodata=nodata,
        tags=tags,
    )


def _header(path: Path) -> Header:
    with not_georeferenced_is_fine():
        return read_header(
            path,
            expected="a mask that am4cm wrote",
            remedy="Name one, or make it: am4cm mask IMAGES MASK.tif",
        )


def _content(tags: Mapping[str, str]) -> str:
    return tags.get(CONTENT_TAG, "probability")


def read_numbers(mask: MaskFile, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read a window as it is stored.

    Returns:
        (T, Y, X) in the mask's own dtype, `mask.full` for a probability of 1; (T, Y, X) valid.
    """
    numbers = _read(mask, window=window)
    return numbers, is_valid(mask, numbers)


def read_probability(
    mask: MaskFile, shape: tuple[int, int], *, indexes: Sequence[int] | None = None
) -> NDArray[np.float32]:
    """Read the whole mask as few pixels, from its overviews.

    Args:
        mask: to read.
        shape: (Y, X) of the pixels wanted.
        indexes: of the bands wanted, from 0; all where None.

    Returns:
        (T, Y, X) cloud probability in 0 to 1, NaN where there is none.
    """
    wanted = range(len(mask.names)) if indexes is None else indexes
    numbers = _read(
        mask,
        indexes=[index + 1 for index in wanted],
        out_shape=(len(wanted), *shape),
        resampling=Resampling.nearest,
    )
    share = (numbers / mask.full).astype(np.float32)
    return np.where(is_valid(mask, numbers), share, np.float32(np.nan))


@contextmanager
def opened(mask: MaskFile) -> Iterator[Callable[..., NDArray[Any]]]:
    """Keep a mask open, to read many windows; yields rasterio's `read`."""
    with not_georeferenced_is_fine(), ExitStack() as files:
        with _told(mask):
            raster = files.enter_context(rasterio.open(mask.path))

        def read(**how: Any) -> NDArray[Any]:
            with _told(mask):
                numbers: NDArray[Any] = raster.read(**how)
            return numbers

        yield read


def _read(mask: MaskFile, **how: Any) -> NDArray[Any]:
    with opened(mask) as read:
        return read(**how)


@contextmanager
def _told(mask: MaskFile) -> Iterator[None]:
    try:
        yield
    except RasterioError as error:
        raise StackError(
            f"{mask.path}: its pixels cannot be read ({error.__cause__ or error}); the file is "
            f"damaged or has gone. Make the mask again."
        ) from error


def is_valid(mask: MaskFile, numbers: NDArray[Any]) -> NDArray[np.bool_]:
    """Where numbers of a mask are an answer."""
    valid: NDArray[np.bool_] = (
        ~np.isnan(numbers) if numbers.dtype.kind == "f" else numbers != int(mask.nodata)
    )
    return valid
