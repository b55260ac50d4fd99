"""What a mask is of a stack whose files are shuffled, doubled, missing, displaced or too bright."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles
from am4cm_cli.stacks.discovery import find_stack
from cloudy import DATES, bright_weights, write_cloudy
from stacks import every_days

CPU = torch.device("cpu")
DAYS = every_days(DATES, step=8)
UNDER_CLOUD = 7
"""The date of write_cloudy that is wholly under cloud."""
CLEAR = 6


def mask(images, out):
    """(T, Y, X) percent, the bands' names, and the notes."""
    stack = find_stack(images)
    files = MaskFiles(probability=out)
    summary = mask_stack(stack, files, bright_weights(), MaskConfig(), device=CPU)
    with rasterio.open(out) as raster:
        return raster.read().astype(int), raster.descriptions, summary.notes


def image(folder, day):
    return folder / f"S2_L2A_{day.replace('-', '')}.tif"


def written_again(path, change):
    """Write an image again after a change of its (B, Y, X) dn."""
    with rasterio.open(path) as raster:
        dn, profile, names = raster.read(), raster.profile, raster.descriptions
    with rasterio.open(path, "w", **profile) as raster:
        raster.descriptions = names
        raster.write(change(dn.astype(int)).clip(0, 65535).astype(dn.dtype))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A stack as it should be; tests must leave it alone."""
    folder = tmp_path_factory.mktemp("sound")
    write_cloudy(folder)
    return folder / "images"


@pytest.fixture(scope="module")
def whole(sound):
    """Its mask, at whole.tif beside it."""
    return mask(sound, sound.parent / "whole.tif")


@pytest.fixture
def images(sound, tmp_path):
    """A stack to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "images"))


def test_shuffled_files_give_the_same_bytes(sound, whole, tmp_path):
    rng = np.random.default_rng(5)
    other = tmp_path / "other"
    other.mkdir()
    paths = list(sound.iterdir())
    for place, path in zip(rng.permutation(len(paths)), paths, strict=True):
        # Their names sort in another order than their dates, and they are written in a third.
        shutil.copy(path, other / f"{place:02}_{path.name}")
    listed = rng.permutation([str(path) for path in sorted(other.iterdir())])
    (tmp_path / "list.txt").write_text("\n".join(listed))
    mask(other, tmp_path / "renamed.tif")
    mask(tmp_path / "list.txt", tmp_path / "listed.tif")
    first = (sound.parent / "whole.tif").read_bytes()
    assert (tmp_path / "renamed.tif").read_bytes() == first
    assert (tmp_path / "listed.tif").read_bytes() == first


def assert_nearly(percent, expected, *, mean, changed):
    """At most this mean difference in percent, and this share on the other side of 50 %."""
    assert np.abs(percent - expected).mean() <= mean
    assert ((percent >= 50) != (expected >= 50)).mean() <= changed


@pytest.mark.parametrize("index", [CLEAR, UNDER_CLOUD])
def test_a_doubled_file_does_not_vouch_for_itself(images, whole, tmp_path, index):
    shutil.copy(image(images, DAYS[index]), images / f"copy_{DAYS[index].replace('-', '')}.tif")
    doubled, names, _ = mask(images, tmp_path / "doubled.tif")
    assert len(names) == DATES + 1
    assert (doubled[index] == doubled[index + 1]).all()
    once = np.delete(doubled, index, axis=0)
    assert_nearly(once, whole[0], mean=2, changed=0.01)
    assert_nearly(once[index], whole[0][index], mean=2, changed=0.01)


def test_all_files_doubled_change_little(images, whole, tmp_path):
    for day in DAYS:
        shutil.copy(image(images, day), images / f"copy_{day.replace('-', '')}.tif")
    doubled, _, _ = mask(images, tmp_path / "doubled.tif")
    assert (doubled[::2] == doubled[1::2]).all()
    assert_nearly(doubled[::2], whole[0], mean=1, changed=0.005)


@pytest.mark.parametrize("index", [3, UNDER_CLOUD])
def test_a_removed_date_moves_the_others_little(images, whole, tmp_path, index):
    image(images, DAYS[index]).unlink()
    fewer, names, _ = mask(images, tmp_path / "fewer.tif")
    assert list(names) == DAYS[:index] + DAYS[index + 1 :]
    # One of five clear neighbours is gone, so it is not nothing.
    assert_nearly(fewer, np.delete(whole[0], index, axis=0), mean=3, changed=0.02)


@pytest.mark.parametrize("shift", [366, 4000])
def test_a_shifted_year_gives_the_same_mask(sound, whole, tmp_path, shift):
    # The drop compares a date with itself under a clear sky, so the day of the year drops out.
    later = tmp_path / "later"
    later.mkdir()
    for day in DAYS:
        moved = date.fromisoformat(day) + timedelta(days=shift)
        shutil.copy(image(sound, day), image(later, moved.isoformat()))
    percent, names, _ = mask(later, tmp_path / "later.tif")
    assert names[0] == (date.fromisoformat(DAYS[0]) + timedelta(days=shift)).isoformat()
    assert (percent == whole[0]).all()


def level_notes(notes: list[str]) -> list[str]:
    return [note for note in notes if "reflectance lies" in note]


def test_a_sound_stack_has_no_note_on_its_levels(whole):
    assert level_notes(whole[2]) == []


def test_a_date_1000_too_high_is_named(images, tmp_path):
    written_again(image(images, DAYS[CLEAR]), lambda dn: dn + 1000)
    (note,) = level_notes(mask(images, tmp_path / "out.tif")[2])
    assert note.startswith(f"{DAYS[CLEAR]}: reflectance lies 0.1 above")


def test_a_date_1000_too_low_leaves_nothing_to_judge_where_0_is_nodata(images, tmp_path):
    written_again(image(images, DAYS[CLEAR]), lambda dn: dn - 1000)
    percent, _, notes = mask(images, tmp_path / "out.tif")
    assert (percent[CLEAR] == 255).all()
    assert level_notes(notes) == []


def test_all_dates_1000_off_from_one_on_are_named_by_the_first(images, tmp_path):
    for day in DAYS[CLEAR:]:
        written_again(image(images, day), lambda dn: dn + 1000)
    _, _, notes = mask(images, tmp_path / "out.tif")
    (note,) = level_notes(notes)
    assert note.startswith(f"From {DAYS[CLEAR]} on, reflectance lies 0.1 above")


def test_a_date_1000_off_under_cloud_is_not_judged(images, tmp_path):
    written_again(image(images, DAYS[UNDER_CLOUD]), lambda dn: dn + 1000)
    assert level_notes(mask(images, tmp_path / "out.tif")[2]) == []
