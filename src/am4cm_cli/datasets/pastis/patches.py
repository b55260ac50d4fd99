"""One patch of PASTIS as pixel series."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.datasets.pastis.checking import open_array, read_target
from am4cm_cli.datasets.pastis.choice import PixelChoice, choose_pixels
from am4cm_cli.datasets.pastis.gathering import gather_series
from am4cm_cli.datasets.pastis.layout import GAP, PIXELS, VOID, images_name
from am4cm_cli.datasets.pastis.metadata import Patch
from am4cm_cli.datasets.pixels import NODATA
from am4cm_cli.datasets.writer import LeftOut
from am4cm_cli.errors import DataError


@dataclass(frozen=True, kw_only=True)
class PatchPixels:
    """The N pixels of a patch that become series."""

    patch: Patch
    pixel: NDArray[np.int64]
    """(N,) ascending."""
    target: NDArray[np.uint8]
    """(N,)"""
    has_gaps: bool
    """Whether some date may not show some pixel of the patch."""
    left_out: LeftOut

    @property
    def observations(self) -> int:
        """Of all series together."""
        return len(self.pixel) * len(self.patch.days)


def find_pixels(folder: Path, patch: Patch, choice: PixelChoice) -> PatchPixels:
    """Choose the pixels of a patch, and leave out those that no date shows.

    Args:
        folder: of PASTIS, checked.
        patch: to read.
        choice: of its pixels.

    Raises:
        DataError: the files are not what they were when they were checked.
    """
    codes = read_target(folder, patch.number).ravel()
    pixel = choose_pixels(codes, choice, patch=patch.number)
    images = _images(folder, patch)
    # Gaps are rare, and it is much cheaper to ask one band for them.
    has_gaps = bool((images[:, 0] == GAP).any())
    seen = pixel[_observed(images)[pixel]] if has_gaps else pixel
    void = int((codes == VOID).sum())
    left_out = LeftOut(
        void=void,
        not_taken=PIXELS - void - len(pixel),
        unobserved=len(pixel) - len(seen),
    )
    return PatchPixels(
        patch=patch, pixel=seen, target=codes[seen], has_gaps=has_gaps, left_out=left_out
    )


def read_series(folder: Path, pixels: PatchPixels) -> Iterator[NDArray[np.int16]]:
    """Yield the stored reflectance of pixels of a patch, one pixel after the other.

    Yields:
        (n, T, B), all pixels together; overwritten once the next is asked for.

    Raises:
        DataError: the file is not what it was when it was checked.
    """
    images = _images(folder, pixels.patch)
    dates, bands, _ = images.shape
    for block in gather_series(images.reshape(-1, PIXELS), pixels.pixel):
        series = block.reshape(-1, dates, bands)
        if pixels.has_gaps:
            mark_gaps(series)
        yield series


def mark_gaps(reflectance: NDArray[np.int16]) -> None:
    """Write NODATA, in place, where all bands of a date hold THEIA's number for no observation.

    Args:
        reflectance: (N, T, B) stored.
    """
    reflectance[(reflectance == GAP).all(axis=2)] = NODATA


def _observed(images: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(P,) True where at least one date of (T, B, P) images shows the pixel."""
    observed = np.zeros(images.shape[2], np.bool_)
    for image in images:
        observed |= (image != GAP).any(axis=0)
    return observed


def _images(folder: Path, patch: Patch) -> NDArray[np.int16]:
    """Map the (T, B, P) images of a patch into memory."""
    name = images_name(patch.number)
    images: NDArray[np.int16] = open_array(folder, name)
    if len(images) != len(patch.days):
        raise DataError(
            f"{folder / name}: found {len(images)} dates, but {len(patch.days)} when it was "
            "checked. Don't change the folder while it is being prepared; run the command again."
        )
    return images.reshape(*images.shape[:2], PIXELS)
