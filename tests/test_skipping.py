"""Files that cannot be read, or that change while they are: an error, or nodata by --skip-bad."""

import os
import shutil
from contextlib import nullcontext

import numpy as np
import pytest
import rasterio
import torch

from am4cm_cli.errors import ChangedError, StackError, UnreadableError
from am4cm_cli.head_start import head_start
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.skipping import find_unreadable
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.weights import save_weights
from cloudy import bright_weights
from stacks import every_days, random_dn, write_band_files, write_stack

CPU = torch.device("cpu")
SHAPE = (60, 50)
DAYS = every_days(7)
BAD = 4
TILED = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}
NAMES = ("probability", "classes", "attention")


def image(folder, index):
    return folder / f"S2_L2A_{DAYS[index].replace('-', '')}.tif"


def damage(path, *, band=2, row=3, col=2):
    """Make one block of a band impossible to decode."""
    with rasterio.open(path) as raster:
        place = int(raster.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band))
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 20)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A sound stack, one with two dates of nodata, and weights."""
    folder = tmp_path_factory.mktemp("site")
    dn = random_dn((7, 10, *SHAPE))
    write_stack(folder / "sound", days=DAYS, dn=dn, interleave="band", **TILED)
    for name, dates in (("one", [BAD]), ("two", [1, BAD])):
        blank = dn.copy()
        blank[dates] = 0
        write_stack(folder / name, days=DAYS, dn=blank, interleave="band", **TILED)
    save_weights(folder / "bright.safetensors", bright_weights())
    return folder


@pytest.fixture
def images(site, tmp_path):
    """A stack to spoil."""
    return shutil.copytree(site / "sound", tmp_path / "in")


def mask(source, out, *, resources=None, early=None, **options):
    """Pixels and tags of every raster, and the notes; marks of scenes apart."""
    out.mkdir(exist_ok=True)
    files = MaskFiles(**{name: out / f"{name}.tif" for name in NAMES})
    how = {"device": CPU, "early": early, **options}
    summary = mask_stack(
        find_stack(source), files, bright_weights(), MaskConfig(), resources, **how
    )
    found = {}
    for path in files.rasters:
        with rasterio.open(path) as raster:
            tags = {key: text for key, text in raster.tags().items() if key != "AM4CM_SCENES"}
            found[path.name] = raster.read().tobytes(), raster.descriptions, tags
    assert {path.name for path in out.iterdir()} == {*found, "classes.qml"}
    return found, summary.notes


@pytest.fixture(scope="module")
def blank(site):
    """What is expected where one date, or two, are nodata."""
    return {name: mask(site / name, site / f"{name}-mask")[0] for name in ("one", "two")}


@pytest.mark.parametrize(
    ("tile", "threads", "resume"), [(None, 1, False), (32, 2, True), (48, 2, False)]
)
def test_a_date_with_a_bad_block_is_nodata_as_a_whole(
    images, blank, tmp_path, tile, threads, resume
):
    bad, said = damage(image(images, BAD)), []
    how = {"resources": Resources(tile=tile, threads=threads), "resume": resume}
    found, notes = mask(images, tmp_path / "out", skip_bad=True, tell=said.append, **how)
    assert found == blank["one"]
    assert notes[0] == f"{DAYS[BAD]}: written as nodata, since {bad} cannot be read."
    assert f"{bad}: its pixels cannot be read" in said[0]
    assert f"{DAYS[BAD]} is written as nodata; looking for more, and beginning anew." in said[0]
    assert not any("keeps what is done" in text for text in said)


def test_several_bad_dates_are_found_at_once(images, blank, tmp_path):
    damage(image(images, BAD), row=0, col=0)
    with image(images, 1).open("r+b") as file:
        file.truncate(os.path.getsize(image(images, 1)) - 1000)  # noqa: PTH202
    said = []
    found, notes = mask(images, tmp_path / "out", skip_bad=True, tell=said.append)
    assert found == blank["two"]
    assert [note[:10] for note in notes[:2]] == [DAYS[1], DAYS[BAD]]
    assert len([text for text in said if "beginning anew" in text]) == 1


def test_bands_that_are_not_read_may_be_bad(images, tmp_path):
    stack = find_stack(images)
    damage(image(images, BAD), band=3)
    assert not find_unreadable(stack, ["B02", "B12"])
    (found,) = find_unreadable(stack, ["B02", "B04"])
    assert found.path == image(images, BAD)


def test_reading_that_began_early_is_begun_anew(site, images, blank, tmp_path):
    damage(image(images, BAD), row=0, col=0)
    files = MaskFiles(**{name: tmp_path / "out" / f"{name}.tif" for name in NAMES})
    how = site / "bright.safetensors", files, MaskConfig(), Resources()
    with head_start(find_stack(images), *how) as early:
        found, _ = mask(images, tmp_path / "out", skip_bad=True, early=early)
    assert found == blank["one"]


def test_without_the_option_it_is_an_error_that_names_it(images, tmp_path):
    bad = damage(image(images, BAD))
    with pytest.raises(StackError, match=r"or remove the scene\. Or give --skip-bad") as error:
        mask(images, tmp_path / "out")
    assert str(error.value).startswith(f"{bad}: its pixels cannot be read")
    assert not list((tmp_path / "out").iterdir())


def test_too_few_dates_that_can_be_read_are_told(images, tmp_path):
    for index in range(1, 5):
        damage(image(images, index))
    with pytest.raises(StackError, match="7 scenes, 3 with observations"):
        mask(images, tmp_path / "out", skip_bad=True)


def touch(path):
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("spoil", [touch, os.remove, damage])
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_file_that_changes_while_it_is_read(images, blank, tmp_path, spoil, skip_bad):
    said = []

    def spoiling(windows):
        for place, window in enumerate(windows):
            if place == 1 and not said:
                said.append("")
                spoil(image(images, BAD))
            yield window

    fails = nullcontext() if skip_bad else pytest.raises(StackError)
    with fails as error:
        found, _ = mask(
            images,
            tmp_path / "out",
            resources=Resources(tile=32),
            resume=True,
            skip_bad=skip_bad,
            track=spoiling,
            tell=said.append,
        )
    if skip_bad:
        assert found == blank["one"]
    else:
        assert image(images, BAD).name in str(error.value)
        left = {path.name for path in (tmp_path / "out").iterdir()}
        assert left <= {"probability.tif.parts"}
        # What was read of it must not be gone on with.
        assert left == set() or not isinstance(error.value, ChangedError)


def test_early_reading_of_a_file_that_has_changed_since(site, images, tmp_path):
    files = MaskFiles(**{name: tmp_path / "out" / f"{name}.tif" for name in NAMES})
    how = site / "bright.safetensors", files, MaskConfig(), Resources()
    with head_start(find_stack(images), *how) as early:
        early.wait()
        touch(image(images, 2))
        with pytest.raises(ChangedError, match="has changed while it was read"):
            mask(images, tmp_path / "out", early=early)


def broken_off(source, out, *, done):
    """Begin a mask, and break off once so many windows are done of the second beginning."""
    said = []

    def stopping(windows):
        for place, window in enumerate(windows):
            if place > done and said:
                raise KeyboardInterrupt
            yield window

    with pytest.raises(KeyboardInterrupt):
        mask(source, out, **RESUMED, track=stopping, tell=said.append)
    shutil.move(out / "probability.tif.parts", out.with_name("kept.parts"))
    out.rmdir()
    out.with_name("again").mkdir()
    shutil.move(out.with_name("kept.parts"), out.with_name("again") / "probability.tif.parts")


RESUMED = {"resources": Resources(tile=16), "resume": True, "skip_bad": True}


def test_a_run_that_was_stopped_goes_on_without_looking_again(images, blank, tmp_path):
    damage(image(images, BAD))
    broken_off(images, tmp_path / "out", done=7)
    said = []
    found, notes = mask(images, tmp_path / "again", **RESUMED, tell=said.append)
    assert found == blank["one"]
    assert notes[0].startswith(f"{DAYS[BAD]}: written as nodata")
    (told,) = said
    assert told.startswith("Going on from an earlier run: ")


def test_what_was_mended_since_is_read_again(site, images, tmp_path):
    damage(image(images, BAD))
    broken_off(images, tmp_path / "out", done=3)
    shutil.copy(image(site / "sound", BAD), image(images, BAD))
    said = []
    found, notes = mask(images, tmp_path / "again", **RESUMED, tell=said.append)
    assert found == mask(site / "sound", tmp_path / "sound")[0]
    (told,) = said
    assert "begun with other things; starting again" in told
    assert str(image(images, BAD)) in told
    assert not any("nodata" in note for note in notes)


def test_a_file_that_cannot_be_opened_is_left_out(images):
    image(images, BAD).write_bytes(b"II*\0 and no more")
    with pytest.raises(UnreadableError, match="cannot be opened as a raster"):
        find_stack(images)
    stack = find_stack(images, StackOptions(skip_bad=True))
    assert [scene.name for scene in stack.scenes] == DAYS[:BAD] + DAYS[BAD + 1 :]
    (note,) = stack.notes
    assert note.startswith(f"{image(images, BAD)}: cannot be opened")
    assert note.endswith("Until then its scene is left out.")


def test_a_scene_goes_with_any_of_its_band_files(tmp_path):
    for place, day in enumerate(DAYS[:3]):
        write_band_files(tmp_path, day=day, seed=place)
    (tmp_path / f"S2_{DAYS[1].replace('-', '')}_B11.tif").write_bytes(b"")
    stack = find_stack(tmp_path, StackOptions(skip_bad=True))
    assert [scene.name for scene in stack.scenes] == [DAYS[0], DAYS[2]]
    assert stack.bands == ("B02", "B04", "B11")


def test_nothing_that_can_be_opened_is_an_error(tmp_path):
    for day in ("20180101", "20180109"):
        (tmp_path / f"S2_{day}.tif").write_bytes(np.arange(9, dtype=np.uint8).tobytes())
    with pytest.raises(StackError, match=r"None of 2 files can be opened\. .*S2_20180109\.tif"):
        find_stack(tmp_path, StackOptions(skip_bad=True))
