"""Damaged files of every kind: an answer or one line of error, never anything else."""

import csv
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from am4cm_cli.datasets.pixels import open_fold, read_index
from am4cm_cli.rasters.masks import mask_content, open_mask
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.reports.inspection import inspect_mask, inspect_stack
from am4cm_cli.stacks.dates import read_dates
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.headers import not_georeferenced_is_fine, read_header
from am4cm_cli.stacks.lists import read_list
from am4cm_cli.stacks.sources import list_images, split_name
from am4cm_cli.validation.references import read_reference
from am4cm_cli.weights import load_weights, save_weights
from cloudy import bright_weights
from damage import bytes_damaged, json_damaged, words_damaged
from fuzzing import answer, cases, command, promise, replaced
from prepared_folds import write_folds
from stacks import every_days, write_stack

# The command line keeps quiet of it, see `app`; here readers are called without it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*rasterio._env.log_error:pytest.PytestUnraisableExceptionWarning"
)
DATES, BANDS, SHAPE = 7, ("B02", "B03", "B04", "B08", "B11", "B12"), (9, 8)
CLOUDY = 3
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=40)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of everything that am4cm reads, all of it sound; tests put back what they change."""
    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    dn = rng.normal(2000, 60, (DATES, len(BANDS), *SHAPE))
    dn[CLOUDY] += 3000
    days = every_days(DATES, step=8)
    write_stack(folder / "images", days=days, bands=BANDS, dn=dn.astype(np.uint16))
    images = sorted((folder / "images").iterdir())
    weights = folder / "weights.safetensors"
    save_weights(weights, bright_weights())
    write_folds(folder / "prepared", series=6, folds=3)
    rows = [(path.name, day) for path, day in zip(images, days, strict=True)]
    with (folder / "dates.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "date"), *rows])
    (folder / "list.txt").write_text("".join(f"images/{path.name}\n" for path in images))
    (folder / "tiles.csv").write_text("a,images\nb,images\n")
    np.savez(folder / "labels.npz", labels=dn[:, 0] > 4000, dates=np.array(days))
    mask = folder / "mask.tif"
    code, said = command("mask", folder / "images", mask, "--weights", weights)
    assert code == 0, said
    return SimpleNamespace(folder=folder, images=images, weights=weights, mask=mask)


def all_pixels(images):
    """A stack and its (T, B, Y, X) reflectance and (T, Y, X) valid."""
    stack = find_stack(images)
    height, width = stack.grid.shape
    return stack, *read_window(stack, stack.bands, Window(0, 0, width, height))


@cases(200)
@given(date=st.integers(0, DATES - 1), damage=bytes_damaged())
def test_an_image_is_read_as_gdal_reads_it_or_refused(place, tried, date, damage):
    path = place.images[date]
    with replaced(path, damage(path.read_bytes())):
        found = answer(all_pixels, path.parent)
        if found:
            stack, reflectance, valid = found
            assert reflectance.shape == (DATES, len(stack.bands), *stack.grid.shape)
            assert np.isfinite(reflectance).all()
            assert (reflectance[~np.broadcast_to(valid[:, None], reflectance.shape)] == 0).all()
            with not_georeferenced_is_fine(), rasterio.open(path) as raster:
                raster.read()
    tried()


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """Copies of real files: ten bands, one band, four bands."""
    folder = tmp_path_factory.mktemp("real")
    found = [
        min((shared / "flanders-2018" / "images").glob("*.tif")),
        min((shared / "vosges-theia").glob("*20180408*/*FRE_B2.tif")),
        min((shared / "iberia-4band").rglob("*.tif")),
    ]
    return [Path(shutil.copy(path, folder / f"{n}_{path.name}")) for n, path in enumerate(found)]


@cases(200)
@given(place=st.integers(0, 2), damage=bytes_damaged())
def test_a_real_image_is_read_or_refused(real, tried, place, damage):
    path = real[place]
    with replaced(path, damage(path.read_bytes())), not_georeferenced_is_fine():
        found = answer(all_pixels, path)
        if found:
            assert np.isfinite(found[1]).all()
    tried()


@cases(320)
@given(damage=bytes_damaged())
def test_one_image_alone_is_looked_at_or_refused(place, tried, damage):
    path = place.images[0]
    with replaced(path, damage(path.read_bytes())), not_georeferenced_is_fine():
        answer(read_header, path)
        answer(lambda: inspect_stack(find_stack(path)))
    tried()


@cases(300)
@given(damage=st.one_of(bytes_damaged(), words_damaged()))
def test_weights_rebuild_a_model_or_are_refused(place, tried, damage):
    with replaced(place.weights, damage(place.weights.read_bytes())):
        found = answer(load_weights, place.weights)
    if found:
        assert all(value.isfinite().all() for value in found.model.state_dict().values())
    tried()


@cases(250)
@given(damage=json_damaged())
def test_an_index_of_prepared_data_is_read_or_refused(place, tried, damage):
    path = place.folder / "prepared" / "prepared.json"
    with replaced(path, damage(path.read_bytes())):
        index = answer(read_index, path.parent)
        for fold in index.folds if index else ():
            answer(open_fold, path.parent, fold)
    tried()


@cases(250)
@given(data=st.data(), damage=bytes_damaged())
def test_prepared_arrays_fit_each_other_or_are_refused(place, tried, data, damage):
    path = data.draw(st.sampled_from(sorted((place.folder / "prepared" / "fold_1").iterdir())))
    with replaced(path, damage(path.read_bytes())):
        series = answer(open_fold, path.parents[1], 1)
        if series:
            assert int(series.lengths.sum()) == len(series.reflectance)
    tried()


@cases(250)
@given(damage=bytes_damaged())
def test_a_mask_is_read_back_or_refused(place, tried, damage):
    with replaced(place.mask, damage(place.mask.read_bytes())), not_georeferenced_is_fine():
        answer(mask_content, place.mask)
        answer(inspect_mask, place.mask)
    tried()


@cases(250)
@given(damage=words_damaged(), name=st.sampled_from(["dates.csv", "list.txt", "tiles.csv"]))
def test_tables_and_lists_say_something_or_are_refused(place, tried, name, damage):
    path = place.folder / name
    read = {"dates.csv": read_dates, "list.txt": list_images, "tiles.csv": read_list}[name]
    with replaced(path, damage(path.read_bytes())):
        answer(read, path)
    tried()


@cases(150)
@given(damage=bytes_damaged())
def test_labels_are_read_or_refused(place, tried, damage):
    path, grid = place.folder / "labels.npz", open_mask(place.mask).grid
    with replaced(path, damage(path.read_bytes())):
        found = answer(read_reference, path, grid)
        for name in found.names if found else ():
            answer(found.read, name, Window(0, 0, SHAPE[1], SHAPE[0]))
    tried()


@cases(250)
@given(
    name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=40)
)
def test_a_name_tells_a_band_and_a_scene_or_nothing(tried, name):
    found = split_name(Path("folder") / (name + "_B02.tif"))
    assert found is None or found.band == "B02"
    split_name(Path("folder") / (name or "x"))
    tried()


@cases(40)
@given(date=st.integers(0, DATES - 1), damage=bytes_damaged())
def test_a_mask_of_a_damaged_image_is_that_of_what_gdal_reads_of_it(place, tried, date, damage):
    path, out = place.images[date], place.folder / "out.tif"
    mask = "mask", path.parent, out, "--weights", place.weights, "--calibration", place.mask
    with replaced(path, damage(path.read_bytes())):
        if promise(place.folder, out, *mask):
            found = read_mask(out)
            written_again(path)
            assert promise(place.folder, out, *mask)
            assert read_mask(out) == found
    tried()


def read_mask(path):
    """A mask's pixels as bytes, once they are seen to be what a mask may hold; takes it away."""
    with not_georeferenced_is_fine(), rasterio.open(path) as raster:
        pixels = raster.read()
    path.unlink()
    assert len(pixels) == DATES
    assert ((pixels <= 100) | (pixels == 255)).all()
    return pixels.tobytes()


def written_again(path):
    """Write an image anew with all that GDAL says of it."""
    with not_georeferenced_is_fine(), rasterio.open(path) as raster:
        dn, profile, tags = raster.read(), raster.profile, raster.tags()
        names, scales, offsets = raster.descriptions, raster.scales, raster.offsets
    with not_georeferenced_is_fine(), rasterio.open(path, "w", **profile) as raster:
        raster.descriptions, raster.scales, raster.offsets = names, scales, offsets
        raster.update_tags(**tags)
        raster.write(dn)
