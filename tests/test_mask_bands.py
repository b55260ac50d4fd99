"""Masks inside files, .msk beside them, and alpha bands: what they hide is no observation."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.reading import read_patches, read_preview, read_window
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from stacks import CORNER, random_dn, write_image

SHAPE = (6, 8)
NAMES = ("B02", "B03", "B08")
DAY = "2018-01-06"


def hidden():
    found = np.zeros(SHAPE, bool)
    found[1, 2] = found[4, 4:7] = True
    return found


def with_mask(path, *, inside, names=NAMES, dn=None, hide=None, **image):
    """Write an image whose mask hides some pixels, inside the file or as .msk beside it."""
    dn = random_dn((len(names), *SHAPE)) if dn is None else dn
    write_image(path, dn, names=names, **image)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as raster:
        raster.write_mask(~(hidden() if hide is None else hide))
    return dn


def with_alpha(path, *, place, names=NAMES):
    """Write an image with an alpha band at some place among its bands."""
    layers = [*random_dn((len(names), *SHAPE))]
    layers.insert(place, np.where(hidden(), 0, 255).astype(np.uint16))
    texts = [*names]
    texts.insert(place, "")
    write_image(path, np.stack(layers), names=texts if names[0] else ())
    with rasterio.open(path, "r+") as raster:
        kinds = [ColorInterp.gray, *[ColorInterp.undefined] * len(names)]
        kinds[place] = ColorInterp.alpha
        raster.colorinterp = kinds
    return np.delete(np.stack(layers), place, axis=0)


def read(stack):
    height, width = stack.grid.shape
    return read_window(stack, stack.bands, Window(0, 0, width, height))


@pytest.mark.parametrize("inside", [True, False])
def test_a_mask_hides_pixels(tmp_path, inside):
    dn = with_mask(tmp_path / f"S2_{DAY}.tif", inside=inside)
    assert (tmp_path / f"S2_{DAY}.tif.msk").exists() == (not inside)
    stack = find_stack(tmp_path)
    reflectance, valid = read(stack)
    assert (valid[0] == ~hidden()).all()
    np.testing.assert_allclose(reflectance[0], np.where(hidden(), 0, dn * 1e-4), rtol=1e-6)
    windows = [Window(1, 1, 3, 2), Window(4, 3, 4, 3)]
    _, seen = read_patches(stack, ("B03",), windows)
    assert (seen[0] == ~np.r_[hidden()[1:3, 1:4].ravel(), hidden()[3:, 4:].ravel()]).all()
    assert (read_preview(stack.scenes[0], stack.bands, stack.grid, SHAPE)[1] == ~hidden()).all()


def test_a_mask_of_a_coarse_band_hides_all_its_fine_pixels(tmp_path):
    write_image(tmp_path / f"S2_{DAY}_B02.tif", random_dn((1, 12, 16)))
    coarse = CORNER @ Affine.scale(2)
    with_mask(tmp_path / f"S2_{DAY}_B11.tif", inside=True, names=("B11",), transform=coarse)
    _, valid = read(find_stack(tmp_path))
    assert (valid[0] == ~hidden().repeat(2, 0).repeat(2, 1)).all()


@pytest.mark.parametrize("place", [0, 2, 3])
def test_an_alpha_band_hides_pixels_wherever_it_stands(tmp_path, place):
    dn = with_alpha(tmp_path / f"S2_{DAY}.tif", place=place)
    stack = find_stack(tmp_path)
    assert stack.bands == NAMES
    assert stack.notes == ()
    reflectance, valid = read(stack)
    assert (valid[0] == ~hidden()).all()
    np.testing.assert_allclose(reflectance[0], np.where(hidden(), 0, dn * 1e-4), rtol=1e-6)


def test_names_given_leave_the_alpha_band_out(tmp_path):
    dn = with_alpha(tmp_path / f"S2_{DAY}.tif", place=3, names=("", "", ""))
    stack = find_stack(tmp_path, StackOptions(band_names=NAMES))
    reflectance, valid = read(stack)
    assert (valid[0] == ~hidden()).all()
    np.testing.assert_allclose(reflectance[0], np.where(hidden(), 0, dn * 1e-4), rtol=1e-6)


def test_a_fourth_image_band_that_is_declared_alpha_is_an_image(tmp_path):
    dn = with_alpha(tmp_path / f"S2_{DAY}.tif", place=3, names=("", "", ""))
    stack = find_stack(tmp_path, StackOptions(band_names=(*NAMES, "B8A")))
    reflectance, valid = read(stack)
    assert valid.all()  # zeros of a single band are observations
    assert reflectance.shape[1] == dn.shape[0] + 1


def test_a_single_band_with_alpha(tmp_path):
    for band in ("B02", "B03"):
        with_alpha(tmp_path / f"S2_{DAY}_{band}.tif", place=1, names=(band,))
    _, valid = read(find_stack(tmp_path))
    assert (valid[0] == ~hidden()).all()


def test_two_bands_in_a_file_named_by_one_are_refused(tmp_path):
    write_image(tmp_path / f"S2_{DAY}_B02.tif", random_dn((2, *SHAPE)))
    with pytest.raises(StackError, match="has 2 bands, but its name says it is B02 alone"):
        find_stack(tmp_path)
