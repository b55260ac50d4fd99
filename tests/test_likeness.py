"""Images that are not those a mask was made of."""

import shutil

import numpy as np
import pytest

from am4cm_cli.likeness import likeness_notes, other_scenes
from am4cm_cli.marks import mark_scenes, write_marks
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.skipping import mark_unreadable
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import Box, StackOptions
from stacks import DAYS, random_dn, write_mask, write_stack

BANDS = ("B02", "B04", "B11")


@pytest.fixture
def images(tmp_path):
    write_stack(tmp_path / "images", bands=BANDS)
    return tmp_path / "images"


def mask_of(stack, path, **tags):
    """A mask with the marks that am4cm mask gives it."""
    shape = len(stack.scenes), *stack.grid.shape
    own = {"AM4CM_BANDS": " ".join(BANDS), "AM4CM_SCENES": write_marks(mark_scenes(stack, BANDS))}
    return open_mask(write_mask(path, stack, np.zeros(shape, np.uint8), tags={**own, **tags}))


def others(folder, mask):
    return other_scenes(find_stack(str(folder)), mask)


def test_the_masks_own_images_wherever_they_lie(images, tmp_path):
    mask = mask_of(find_stack(str(images)), tmp_path / "mask.tif")
    shutil.copytree(images, tmp_path / "copy")
    assert others(images, mask) == others(tmp_path / "copy", mask) == []
    assert list(likeness_notes(find_stack(str(images)), mask)) == []


def test_images_of_the_same_grid_and_dates_are_named(images, tmp_path):
    mask = mask_of(find_stack(str(images)), tmp_path / "mask.tif")
    one = next(images.glob("*20180121*"))
    one.write_bytes(one.read_bytes() + b" ")
    stack = find_stack(str(images))
    assert other_scenes(stack, mask) == [DAYS[1]]
    (note,) = likeness_notes(stack, mask)
    assert note.startswith(f"{DAYS[1]} is not the image that {mask.path} was made of")
    write_stack(tmp_path / "other", bands=BANDS, dn=random_dn((3, 3, 7, 5)), compress="deflate")
    (note,) = likeness_notes(find_stack(str(tmp_path / "other")), mask)
    assert note.startswith(f"3 dates, such as {DAYS[0]}, are not the images that {mask.path}")


def test_numbers_read_another_way_are_others(images, tmp_path):
    mask = mask_of(find_stack(str(images)), tmp_path / "mask.tif")
    shifted = find_stack(str(images), StackOptions(offset=-0.1))
    assert other_scenes(shifted, mask) == list(DAYS)


def test_what_cannot_be_told_is_not_said(images, tmp_path):
    stack = find_stack(str(images))
    mask = mask_of(stack, tmp_path / "mask.tif")
    corner = Box(west=500_000, south=4_999_960, east=500_030, north=5_000_000)
    assert other_scenes(find_stack(str(images), StackOptions(box=corner)), mask) == []
    for place, text in enumerate(("[]", "no marks", "[" * 9999)):
        assert others(images, mask_of(stack, tmp_path / f"{place}.tif", AM4CM_SCENES=text)) == []


def test_images_that_the_mask_could_not_read_are_no_others(images, tmp_path):
    whole = find_stack(str(images))
    broken = mark_unreadable(whole, [next(images.glob("*20180121*"))])
    mask = mask_of(broken, tmp_path / "mask.tif")
    assert other_scenes(whole, mask) == other_scenes(broken, mask) == []
