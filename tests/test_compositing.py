"""Composites, against medians and choices made by hand and by numpy over whole arrays."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.ndimage import distance_transform_edt

from am4cm_cli.compositing.composing import write_composite
from am4cm_cli.compositing.config import CompositeConfig, CompositeFiles
from am4cm_cli.compositing.pixels import NEVER_SEEN, best_dates, median, store
from am4cm_cli.errors import Am4cmError, OutputError, StackError
from am4cm_cli.orders import Resources
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.reflectances import LEAST, MOST, NODATA
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import Box, StackOptions
from finished import write_finished
from stacks import DAYS, random_dn, write_band_files, write_image, write_mask, write_stack

BANDS = ("B02", "B04", "B8A", "B11")
WEEKS = ("2018-05-01", "2018-05-09", "2018-05-17", "2018-05-25", "2018-06-02")
SHAPE = (45, 61)


def percents(shape, *, seed=1):
    """A third cloudy, some nodata, a row never seen and a column never clear."""
    rng = np.random.default_rng(seed)
    found = np.where(rng.random(shape) < 0.35, 100, rng.integers(0, 50, shape)).astype(np.uint8)
    found[rng.random(shape) < 0.1] = 255
    found[:, :, 7] = 80
    found[:, 5] = 255
    return found


@pytest.fixture
def site(tmp_path):
    """A stack of odd sizes with its mask, and the numbers of both."""
    dn = write_stack(
        tmp_path / "images",
        days=WEEKS,
        bands=BANDS,
        dn=random_dn((len(WEEKS), len(BANDS), *SHAPE)),
        tiled=True,
        blockxsize=16,
        blockysize=16,
    )
    dn[2, :, 20:30] = 0
    write_stack(tmp_path / "images", days=WEEKS, bands=BANDS, dn=dn)
    stack = find_stack(tmp_path / "images")
    percent = percents((len(WEEKS), *SHAPE))
    mask = open_mask(write_mask(tmp_path / "mask.tif", stack, percent))
    return stack, mask, dn, percent


def compose(stack, mask, folder, resources=None, **config):
    """Every raster, (bands, Y, X), and what is told."""
    folder.mkdir(exist_ok=True)
    names = ("composite", "count", "date")
    files = CompositeFiles(**{name: folder / f"{name}.tif" for name in names})
    summary = write_composite(stack, mask, files, CompositeConfig(**config), resources)
    return {name: read(getattr(files, name)) for name in names}, summary


def read(path):
    with rasterio.open(path) as raster:
        return raster.read()


def half_up_median(values):
    return np.floor(np.nanmedian(values, axis=0) + 0.5)


def test_medians_and_counts_are_numpys_over_whole_arrays(site, tmp_path):
    stack, mask, dn, percent = site
    found, summary = compose(stack, mask, tmp_path / "out")
    seen = (percent != 255) & (dn[:, 0] > 0)
    clear = seen & (percent < 50)
    known = clear.any(0)
    values = np.where(clear[:, None], dn, np.nan)
    assert_array_equal(found["composite"][:, known], half_up_median(values[:, :, known]))
    assert (found["composite"][:, ~known] == NODATA).all()
    expected = np.where(seen.any(0), clear.sum(0), NEVER_SEEN)
    assert_array_equal(found["count"][0], expected)
    assert_array_equal(found["date"][0] == 0, ~known)
    assert (summary.observed, summary.filled) == (seen.any(0).sum(), known.sum())
    assert (summary.clear, summary.dates) == (clear.sum(), len(WEEKS))


def test_a_composite_reads_back_as_reflectance_of_the_stack(site, tmp_path):
    stack, mask, _, _ = site
    (tmp_path / "own").mkdir()
    out = tmp_path / "own" / "composite_20180517.tif"
    write_composite(stack, mask, CompositeFiles(composite=out), CompositeConfig())
    with rasterio.open(out) as raster:
        numbers, window = raster.read(), rasterio.windows.Window(0, 0, *SHAPE[::-1])
        assert raster.descriptions == BANDS
        assert raster.scales == (1e-4,) * len(BANDS)
        assert raster.nodata == NODATA
        assert raster.tags()["AM4CM_COMPOSITE"] == "median"
        assert raster.tags()["AM4CM_DATES"].split() == list(WEEKS)
    again = find_stack(tmp_path / "own")
    assert (again.bands, again.grid) == (stack.bands, stack.grid)
    reflectance, valid = read_window(again, BANDS, window)
    assert_array_equal(valid[0], numbers[0] != NODATA)
    shown = np.where(valid[0], numbers * np.float32(1e-4), np.float32(0))
    np.testing.assert_allclose(reflectance[0], shown, atol=1e-7)


def test_a_composite_beside_its_images_is_none_of_them(site, tmp_path):
    stack, mask, _, _ = site
    out = tmp_path / "images" / "composite_20180517.tif"
    write_composite(stack, mask, CompositeFiles(composite=out), CompositeConfig())
    again = find_stack(tmp_path / "images")
    assert [scene.name for scene in again.scenes] == list(WEEKS)
    assert any("written by am4cm itself" in note for note in again.notes)
    with pytest.raises(StackError, match="the reflectance of a composite, no mask"):
        open_mask(out)


def test_the_best_date_by_hand(tmp_path):
    """One row; the day wanted is 17 May, the third. The columns:

    clear at once; cloudy, so 8 days before, as both sides are equal; the second 8 and the fourth
    1 percent, so later; the third 30 percent, against 8 days at 0; only the last; none; not seen.
    """
    percent = [
        [0, 0, 0, 0, 99, 99, 255],
        [0, 0, 8, 0, 99, 99, 255],
        [0, 60, 60, 30, 99, 99, 255],
        [0, 0, 1, 9, 99, 99, 255],
        [0, 0, 0, 0, 49, 99, 255],
    ]
    chosen = [2, 1, 3, 1, 4, None, None]
    dn = random_dn((5, len(BANDS), 1, 7))
    write_stack(tmp_path / "images", days=WEEKS, bands=BANDS, dn=dn)
    stack = find_stack(tmp_path / "images")
    mask = write_mask(tmp_path / "mask.tif", stack, np.array(percent, np.uint8)[:, None])
    found, _ = compose(stack, open_mask(mask), tmp_path / "out", method="best")
    for column, t in enumerate(chosen):
        pixel = found["composite"][:, 0, column]
        day = 0 if t is None else int(WEEKS[t].replace("-", ""))
        assert found["date"][0, 0, column] == day
        assert_array_equal(pixel, [NODATA] * 4 if t is None else dn[t, :, 0, column])
    assert found["count"][0, 0].tolist() == [5, 4, 4, 5, 1, 0, NEVER_SEEN]


def test_the_best_is_near_the_day_asked_for(site, tmp_path):
    stack, _, _, _ = site
    everywhere = np.zeros((len(WEEKS), *SHAPE), np.uint8)
    clear = open_mask(write_mask(tmp_path / "clear.tif", stack, everywhere))
    found, _ = compose(stack, clear, tmp_path / "out", method="best", around=date(2018, 5, 18))
    # Ten rows are not seen on the 17th; the 25th is seven days away, the 9th nine.
    expected = np.full(SHAPE, 20180517)
    expected[20:30] = 20180525
    assert_array_equal(found["date"][0], expected)


def test_the_date_beside_a_median_is_that_of_the_best(site, tmp_path):
    stack, mask, _, _ = site
    median_of, _ = compose(stack, mask, tmp_path / "a", around=date(2018, 5, 3))
    best, _ = compose(stack, mask, tmp_path / "b", method="best", around=date(2018, 5, 3))
    for name in ("date", "count"):
        assert_array_equal(median_of[name], best[name])
    assert (median_of["composite"] != best["composite"]).any()


@given(
    values=st.lists(
        st.tuples(st.integers(LEAST, MOST), st.booleans()), min_size=1, max_size=9
    ).filter(lambda dates: any(clear for _, clear in dates))
)
def test_any_median_is_that_of_the_clear_values_alone(values):
    stored = np.array([[value] for value, _ in values], np.int16)
    clear = np.array([[is_clear] for _, is_clear in values])
    known = sorted(value for value, is_clear in values if is_clear)
    low, high = known[(len(known) - 1) // 2], known[len(known) // 2]
    assert median(stored, clear).tolist() == [-(-(low + high) // 2)]


@given(data=st.data(), dates=st.integers(1, 12))
def test_no_better_date_is_passed_over(data, dates):
    draw = lambda values: np.array(  # noqa: E731
        data.draw(st.lists(values, min_size=dates, max_size=dates))
    )
    percent, clear = draw(st.integers(0, 100)).astype(np.uint8), draw(st.booleans())
    apart = draw(st.integers(0, 5000)).astype(np.int32)
    (found,) = best_dates(percent[:, None], clear[:, None], apart)
    if clear.any():
        ranked = sorted(
            (int(apart[t]) + int(percent[t]), int(percent[t]), t) for t in np.flatnonzero(clear)
        )
        assert found == ranked[0][2]


def test_numbers_are_rounded_and_kept_in_their_range():
    scale, offset = np.float32(2e-4), np.float32(-0.1)
    dn = np.array([0, 1, 499, 500, 20000, 65535])
    expected = [-1000, -998, -2, 0, MOST, MOST]
    assert store(dn, scale, offset).tolist() == expected
    floats = np.array([0.12344, 0.12346, -1.0, -5.0, 1e30], np.float32)
    one = np.float32(1), np.float32(0)
    assert store(floats, *one).tolist() == [1234, 1235, LEAST, LEAST, MOST]


@pytest.mark.parametrize("radius", [1, 3, 40])
def test_dilated_masks_leave_out_a_disc_and_nodata_does_not_grow(site, tmp_path, radius):
    stack, mask, dn, percent = site
    found, _ = compose(stack, mask, tmp_path / "out", Resources(tile=16), dilate=radius)
    cloudy = (percent >= 50) & (percent != 255)
    near = np.array([distance_transform_edt(~one) <= radius for one in cloudy])
    clear = (percent != 255) & ~near & (dn[:, 0] > 0)
    count = np.where(found["count"][0] == NEVER_SEEN, 0, found["count"][0])
    assert_array_equal(count, clear.sum(0))


def test_threshold_and_floats(site, tmp_path):
    stack, mask, dn, percent = site
    share = np.where(percent == 255, np.nan, percent / 100).astype(np.float32)
    names = [scene.name for scene in stack.scenes]
    floats = write_finished(
        tmp_path / "floats.tif",
        share,
        names=names,
        transform=stack.grid.transform,
        tags={"AM4CM_TARGET": "unusable"},
    )
    for method in ("median", "best"):
        how = {"threshold": 20, "method": method}
        whole, told = compose(stack, mask, tmp_path / "a", **how)
        again, silent = compose(stack, open_mask(floats), tmp_path / "b", **how)
        for name in whole:
            assert_array_equal(whole[name], again[name])
    clear = (percent < 20) & (dn[:, 0] > 0)
    assert told.clear == clear.sum()
    assert any("--target unusable" in note for note in told.notes)
    assert silent.notes == ()


def test_windows_memory_and_threads_change_no_byte(site, tmp_path):
    stack, mask, _, _ = site
    ways = {
        "whole": None,
        "tiled": Resources(tile=16, threads=3),
        "narrow": Resources(tile=23, batch=7, threads=2),
        "small": Resources(max_memory=60 * 10**6, threads=4),
    }
    written = {}
    for name, resources in ways.items():
        compose(stack, mask, tmp_path / name, resources, method="median", dilate=2)
        files = sorted((tmp_path / name).iterdir())
        written[name] = [path.read_bytes() for path in files]
        assert [path.name for path in files] == ["composite.tif", "count.tif", "date.tif"]
    assert written["whole"] == written["tiled"] == written["narrow"] == written["small"]


def test_too_little_memory_is_told_at_once(site, tmp_path):
    stack, mask, _, _ = site
    with pytest.raises(Am4cmError, match=r"--max-memory.*too little for 5 dates of 4 bands"):
        compose(stack, mask, tmp_path / "out", Resources(max_memory=1000))
    assert not list((tmp_path / "out").iterdir())


def test_part_of_a_stack_takes_its_part_of_the_mask(site, tmp_path):
    stack, mask, _, _ = site
    whole, _ = compose(stack, mask, tmp_path / "whole")
    place = stack.grid.transform
    box = Box(west=place.c + 200, south=place.f - 400, east=place.c + 500, north=place.f - 100)
    cut = find_stack(tmp_path / "images", StackOptions(box=box))
    part, _ = compose(cut, mask, tmp_path / "part")
    for name in whole:
        assert_array_equal(part[name], whole[name][:, 10:40, 20:50])


def test_fewer_dates_than_the_mask_has(site, tmp_path):
    stack, mask, _, _ = site
    few = find_stack(tmp_path / "images", StackOptions(last_day=date(2018, 5, 10)))
    found, summary = compose(few, mask, tmp_path / "few")
    assert summary.dates == 2
    alone = replace(stack, scenes=stack.scenes[:2])
    percent = percents((len(WEEKS), *SHAPE))[:2]
    own = open_mask(write_mask(tmp_path / "own.tif", alone, percent))
    expected, _ = compose(alone, own, tmp_path / "own")
    assert_array_equal(found["composite"], expected["composite"])


def test_images_without_a_mask_are_an_error(site, tmp_path):
    stack, _, _, percent = site
    alone = replace(stack, scenes=stack.scenes[1:])
    less = open_mask(write_mask(tmp_path / "less.tif", alone, percent[1:]))
    with pytest.raises(StackError, match=r"less.tif: has no band for 2018-05-01 of .*--from"):
        compose(stack, less, tmp_path / "out")


def test_another_grid_is_an_error_that_shows_both(site, tmp_path):
    stack, _, _, percent = site
    moved = replace(stack.grid, transform=stack.grid.transform.translation(5, 0))
    other = write_mask(tmp_path / "moved.tif", replace(stack, grid=moved), percent)
    with pytest.raises(StackError, match=r"another grid than .*Found 61 x 45.*expected one that"):
        compose(stack, open_mask(other), tmp_path / "out")
    small = replace(stack.grid, shape=(SHAPE[0] - 1, SHAPE[1]))
    part = write_mask(tmp_path / "part.tif", replace(stack, grid=small), percent[:, :-1])
    with pytest.raises(StackError, match="another grid"):
        compose(stack, open_mask(part), tmp_path / "out")


def test_two_acquisitions_of_a_day_are_two(tmp_path):
    times = ("20180501T104021", "20180501T105021", "20180509T104021")
    dn = random_dn((3, 3, 6, 4))
    for time, layers in zip(times, dn, strict=True):
        write_image(tmp_path / "images" / f"S2_{time}.tif", layers, names=BANDS[:3], nodata=0)
    stack = find_stack(tmp_path / "images")
    percent = np.zeros((3, 6, 4), np.uint8)
    percent[1, 0], percent[0, 1] = 90, 90
    mask = open_mask(write_mask(tmp_path / "mask.tif", stack, percent))
    found, _ = compose(stack, mask, tmp_path / "out", method="best", around=date(2018, 5, 1))
    assert_array_equal(found["composite"][:, 0], dn[0, :, 0])
    assert_array_equal(found["composite"][:, 1], dn[1, :, 1])
    assert (found["date"] == 20180501).all()
    assert found["count"].max() == 3
    # One of the two alone has another name, for its day is no longer shared; its second tells.
    (tmp_path / "images" / f"S2_{times[0]}.tif").unlink()
    alone = find_stack(tmp_path / "images")
    assert alone.scenes[0].name == "2018-05-01"
    found, _ = compose(alone, mask, tmp_path / "out", method="best", around=date(2018, 5, 1))
    assert_array_equal(found["composite"][:, 0], dn[2, :, 0])
    assert_array_equal(found["composite"][:, 1], dn[1, :, 1])


def test_all_bands_are_there_whatever_their_size_and_offset(tmp_path):
    """B01 of 60 m and B11 of 20 m beside B02; the second date with an offset of its own."""
    layers = []
    for seed, day in enumerate(DAYS):
        own = write_band_files(
            tmp_path / "images", day=day, bands=("B01", "B02", "B11"), shape=(12, 18), seed=seed
        )
        layers.append([own[band].repeat(s, 0).repeat(s, 1) for band, s in SIDES.items()])
    dn = np.array(layers, float)
    for path in (tmp_path / "images").glob(f"*{DAYS[1].replace('-', '')}*"):
        with rasterio.open(path, "r+") as raster:
            raster.scales, raster.offsets = (1e-4,), (-0.05,)
    dn[1] -= 500
    stack = find_stack(tmp_path / "images")
    percent = np.zeros((3, 12, 18), np.uint8)
    percent[0, :6], percent[2, :, 9:] = 100, 100
    mask = open_mask(write_mask(tmp_path / "mask.tif", stack, percent))
    found, _ = compose(stack, mask, tmp_path / "out", Resources(tile=16))
    expected = half_up_median(np.where((percent == 0)[:, None], dn, np.nan))
    assert_array_equal(found["composite"], np.where(np.isnan(expected), NODATA, expected))


SIDES = {"B01": 6, "B02": 1, "B11": 2}


def test_outputs_must_be_files_of_their_own(site, tmp_path):
    stack, mask, _, _ = site
    image = next(iter(stack.paths))
    for files, words in (
        (CompositeFiles(composite=image), "is what the composite is made of"),
        (CompositeFiles(composite=mask.path), "is what the composite is made of"),
        (CompositeFiles(composite=tmp_path / "a", count=tmp_path / "a"), "named for two outputs"),
    ):
        with pytest.raises(OutputError, match=words):
            write_composite(stack, mask, files, CompositeConfig())


def test_a_damaged_mask_is_named_and_leaves_nothing(site, tmp_path):
    stack, mask, _, _ = site
    whole = mask.path.read_bytes()
    mask.path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(StackError, match=r"mask.tif: its pixels cannot be read"):
        write_composite(stack, mask, CompositeFiles(composite=out / "c.tif"), CompositeConfig())
    assert not list(out.iterdir())


def test_a_cube_gives_what_its_images_do(site, tmp_path):
    from cubes import as_dataset  # skips this test where xarray is not installed

    stack, mask, _, _ = site
    as_dataset(tmp_path / "images").to_zarr(tmp_path / "cube.zarr", consolidated=False)
    found, _ = compose(find_stack(tmp_path / "cube.zarr"), mask, tmp_path / "cube")
    whole, _ = compose(stack, mask, tmp_path / "files")
    for name in whole:
        assert_array_equal(found[name], whole[name])


def test_a_damaged_image_stops_it_or_is_left_out(site, tmp_path):
    stack, mask, dn, percent = site
    damaged = next(path for path in stack.paths if "20180509" in path.name)
    with damaged.open("r+b") as file:
        file.truncate(damaged.stat().st_size // 2)
    out = tmp_path / "out"
    out.mkdir()
    files, told = CompositeFiles(composite=out / "c.tif", count=out / "n.tif"), []
    with pytest.raises(StackError, match=r"20180509.tif.*--skip-bad"):
        write_composite(stack, mask, files, CompositeConfig())
    assert not list(out.iterdir())
    summary = write_composite(
        stack, mask, files, CompositeConfig(), skip_bad=True, tell=told.append
    )
    clear = (percent < 50) & (dn[:, 0] > 0)
    clear[1] = False
    assert (summary.dates, summary.clear) == (4, clear.sum())
    assert "2018-05-09" in summary.notes[0]
    assert "20180509.tif" in told[0]
