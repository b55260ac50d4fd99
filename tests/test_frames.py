"""Stacks cropped, averaged, warped and joined: the masks are those of stacks that GDAL prepared."""

import math
import shutil
import subprocess
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import transform
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.reading import read_patches, read_preview, read_window
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import Box, StackOptions
from cloudy import DATES, SHAPE, bright_weights, write_cloudy
from stacks import (
    CORNER,
    CRS,
    DAYS,
    every_days,
    random_dn,
    write_band_files,
    write_image,
    write_stack,
)
from test_masking import mask

needs_gdal = pytest.mark.skipif(not shutil.which("gdal_translate"), reason="no GDAL tools")
BOX = Box(west=500_035, south=4_999_850, east=500_170, north=4_999_958)
"""Touches rows 4 to 14 and columns 3 to 16 of the grid at CORNER."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    return folder


def each_image(folder, out, *command):
    """Run a GDAL tool on every image of a folder."""
    out.mkdir()
    for path in sorted(folder.glob("*.tif")):
        subprocess.run([*command, "-q", path, out / path.name], check=True)
    return out


def whole(stack):
    return Window(0, 0, stack.grid.shape[1], stack.grid.shape[0])


def read(stack, bands=None):
    return read_window(stack, bands or stack.bands, whole(stack))


def same(found, expected):
    """Whether two pairs of reflectance and valid hold the same."""
    return all((one == other).all() for one, other in zip(found, expected, strict=True))


# Boxes.


@needs_gdal
def test_a_box_is_masked_as_images_that_gdal_cut(site, tmp_path):
    corners = ["500030", "4999960", "500170", "4999850"]
    cut = each_image(site / "images", tmp_path / "cut", "gdal_translate", "-projwin", *corners)
    found = find_stack(site / "images", StackOptions(box=BOX))
    expected, profile, _ = mask(cut, tmp_path / "expected.tif")
    got, own, _ = mask(found, tmp_path / "got.tif")
    assert got.shape == (DATES, 11, 14)
    assert (got == expected).all()
    assert own["transform"] == profile["transform"]


def test_a_box_in_degrees_is_that_box(site):
    lons, lats = transform(CRS, "EPSG:4326", [500_035, 500_170], [4_999_850, 4_999_958])
    degrees = Box(west=lons[0], south=lats[0], east=lons[1], north=lats[1], crs="EPSG:4326")
    found = find_stack(site / "images", StackOptions(box=degrees))
    expected = find_stack(site / "images", StackOptions(box=BOX))
    assert found.grid == expected.grid


def test_a_box_of_coarse_bands_is_a_window_of_the_whole(tmp_path):
    for place, day in enumerate(DAYS):
        write_band_files(tmp_path, day=day, bands=("B02", "B11", "B09"), shape=(12, 18), seed=place)
    stack = find_stack(tmp_path)
    box = Box(west=500_030, south=4_999_900, east=500_110, north=4_999_950)
    cut = find_stack(tmp_path, StackOptions(box=box))
    window = Window(3, 5, 8, 5)
    assert cut.grid.shape == (5, 8)
    assert same(read(cut), read_window(stack, stack.bands, window))
    patches = [Window(1, 0, 3, 2), Window(4, 2, 4, 3)]
    moved = [Window(p.col_off + 3, p.row_off + 5, p.width, p.height) for p in patches]
    bands = cut.bands
    assert same(read_patches(cut, bands, patches), read_patches(stack, bands, moved))
    shown = read_preview(cut.scenes[0], bands, cut.grid, (5, 8))
    assert same(shown, [part[0] for part in read(cut)])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (Box(west=2, south=45, east=4, north=46), "give --bbox-crs EPSG:4326"),
        (Box(west=1, south=1, east=2, north=2, crs="EPSG:4326"), "lies outside the images"),
        (Box(west=1, south=1, east=2, north=2, crs="EPSG:none"), "cannot be brought from EPSG:non"),
        (Box(west=1, south=95, east=2, north=99, crs="EPSG:4326"), r"Box 1,95,2,99"),
    ],
)
def test_a_box_that_cannot_be(site, box, message):
    with pytest.raises(StackError, match=message):
        find_stack(site / "images", StackOptions(box=box))


def test_a_box_without_area():
    with pytest.raises(StackError, match="expected west, south, east, north"):
        Box(west=4, south=1, east=2, north=2)


# Resolution.


@needs_gdal
def test_at_20_m_as_images_that_gdal_averaged(site, tmp_path):
    # Averages of four integers that GDAL and this round alike; 22 x 19 pixels make 11 x 9.
    size = ["-srcwin", "0", "0", "18", "22", "-outsize", "9", "11", "-r", "average"]
    coarse = each_image(site / "images", tmp_path / "coarse", "gdal_translate", *size)
    found = find_stack(site / "images", StackOptions(resolution=20))
    expected, profile, _ = mask(coarse, tmp_path / "expected.tif")
    got, own, _ = mask(found, tmp_path / "got.tif")
    assert got.shape == (DATES, 11, 9)
    assert (got == expected).all()
    assert own["transform"] == profile["transform"]
    assert own["transform"].a == 20


def test_bands_of_every_size_at_20_m(tmp_path):
    layers = write_band_files(tmp_path, bands=("B02", "B11", "B09"), shape=(12, 18))
    stack = find_stack(tmp_path, StackOptions(resolution=20))
    reflectance, valid = read(stack, ("B02", "B11", "B09"))
    blocks = layers["B02"].reshape(6, 2, 9, 2).astype(np.int64)
    expected = [
        (blocks.sum(axis=(1, 3)) + 2) // 4,
        layers["B11"],
        layers["B09"].repeat(3, 0).repeat(3, 1),
    ]
    np.testing.assert_allclose(reflectance[0], np.array(expected) * 1e-4, rtol=1e-6)
    assert valid.all()
    shown, _ = read_preview(stack.scenes[0], stack.bands, stack.grid, (6, 9))
    np.testing.assert_allclose(shown[2], reflectance[0, 1], rtol=1e-6)


def test_a_coarse_pixel_is_valid_where_all_fine_ones_are(tmp_path):
    dn = random_dn((1, 2, 6, 8))
    dn[0, 0, 1, 2] = 0  # one dark band is an observation where nothing says otherwise
    dn[0, :, 4, 7] = 0
    write_stack(tmp_path, days=DAYS[:1], bands=("B02", "B03"), dn=dn, nodata=None)
    stack = find_stack(tmp_path, StackOptions(resolution=20))
    _, valid = read(stack)
    expected = np.ones((1, 3, 4), bool)
    expected[0, 2, 3] = False
    assert (valid == expected).all()


def test_windows_and_patches_at_20_m_are_parts_of_the_whole(site):
    options = StackOptions(resolution=20, box=replace(BOX, west=500_015))
    stack = find_stack(site / "images", options)
    bands = ("B12", "B03")
    reflectance, valid = read(stack, bands)
    windows = [Window(1, 2, 3, 1), Window(4, 0, 2, 4)]
    parts = [
        reflectance[..., w.row_off : w.row_off + w.height, w.col_off : w.col_off + w.width]
        for w in windows
    ]
    flat = np.concatenate([part.reshape(DATES, 2, -1) for part in parts], axis=-1)
    assert (read_patches(stack, bands, windows)[0] == flat).all()
    assert same(read_window(stack, bands, windows[1])[:1], parts[1:])
    assert valid.all()


@pytest.mark.parametrize(
    ("metres", "message"), [(15, "of 10 x 10 m; expected these or a multiple"), (5, "of 10 x 10 m")]
)
def test_a_resolution_that_is_no_multiple(site, metres, message):
    with pytest.raises(StackError, match=message):
        find_stack(site / "images", StackOptions(resolution=metres))


def test_a_resolution_of_degrees(tmp_path):
    write_stack(tmp_path, crs="EPSG:4326", transform=Affine(9e-5, 0, 12.7, 0, -9e-5, 42))
    with pytest.raises(StackError, match="EPSG:4326, without metres"):
        find_stack(tmp_path, StackOptions(resolution=20))


# Warping.


def moved(folder, out, *, by, days=(), **image):
    """Copy a stack, some days of it moved by so many (columns, rows) of its pixels."""
    for path in sorted(folder.glob("*.tif")):
        with rasterio.open(path) as raster:
            dn, names = raster.read(), raster.descriptions
        day = f"{path.stem[-8:-4]}-{path.stem[-4:-2]}-{path.stem[-2:]}"
        shift = Affine.translation(*by) if day in days else Affine.identity()
        write_image(out / path.name, dn, names=names, transform=CORNER @ shift, nodata=0, **image)
    return out


def nearest(stack, scene, band):
    """The numbers of a file at the centres of a grid's pixels, by hand; 0 outside."""
    height, width = stack.grid.shape
    rows, cols = np.mgrid[:height, :width] + 0.5
    xs, ys = stack.grid.transform @ (cols.ravel(), rows.ravel())
    file = scene.bands[band]
    with rasterio.open(file.path) as raster:
        dn = raster.read(file.index)
        xs, ys = transform(stack.grid.crs, raster.crs, xs, ys)
        across, down = ~raster.transform @ (np.array(xs), np.array(ys))
    inside = (across >= 0) & (across < dn.shape[1]) & (down >= 0) & (down < dn.shape[0])
    found = np.zeros(height * width)
    found[inside] = dn[down[inside].astype(int), across[inside].astype(int)]
    # Nearer to an edge than GDAL's approximation, either neighbour will do.
    rest = np.minimum(np.abs(across - np.rint(across)), np.abs(down - np.rint(down)))
    return found.reshape(height, width), (rest > 0.15).reshape(height, width)


@pytest.mark.parametrize("by", [(3, -2), (0.4, 2.3)])
def test_a_scene_elsewhere_is_warped_to_the_first(site, tmp_path, by):
    day = every_days(DATES, step=8)[5]
    folder = moved(site / "images", tmp_path / "in", by=by, days=[day])
    with pytest.raises(StackError, match=r"lies on another grid.*Give --align"):
        find_stack(folder)
    stack = find_stack(folder, StackOptions(align=True))
    assert stack.grid == find_stack(site / "images").grid
    assert (stack.scenes[5].bands["B02"].onto is None) == (by == (3, -2))
    reflectance, valid = read(stack)
    dn, sure = nearest(stack, stack.scenes[5], "B08")
    place = stack.bands.index("B08")
    np.testing.assert_allclose(reflectance[5, place][sure], dn[sure] * 1e-4, rtol=1e-6)
    assert (valid[5] == (dn > 0))[sure].all()
    assert not valid[5].all()
    assert valid[:5].all()


def test_a_scene_of_the_next_zone(tmp_path):
    write_stack(tmp_path, days=DAYS[:2], bands=("B02", "B03"), shape=(40, 30), nodata=0)
    (x,), (y,) = transform(CRS, "EPSG:32632", [500_000], [5_000_000])
    place = Affine.translation(x - 60, y + 60) @ Affine.rotation(2) @ Affine.scale(10, -10)
    dn = random_dn((1, 2, 50, 45), seed=3)
    how = {"crs": "EPSG:32632", "transform": place, "nodata": None}
    write_stack(tmp_path, days=DAYS[2:], bands=("B02", "B03"), dn=dn, **how)
    stack = find_stack(tmp_path, StackOptions(align=True))
    reflectance, valid = read(stack)
    dn, sure = nearest(stack, stack.scenes[2], "B03")
    assert 0.3 < sure.mean() < 1
    np.testing.assert_allclose(reflectance[2, 1][sure], dn[sure] * 1e-4, rtol=1e-6)
    assert (valid[2] == (dn > 0))[sure].all()
    assert "1 of 3 images lie on other grids" in " ".join(stack.notes)
    part = Window(7, 11, 9, 8)
    assert same(
        read_window(stack, stack.bands, part), (p[..., 11:19, 7:16] for p in (reflectance, valid))
    )


@pytest.mark.parametrize("masking", ["mask", "alpha", "undeclared"])
def test_what_is_not_observed_stays_so_when_it_is_warped(tmp_path, masking):
    write_stack(tmp_path, days=DAYS[:1], bands=("B02", "B03"), shape=(9, 7))
    dn = random_dn((2, 9, 7), seed=4).astype(np.int16)
    hidden = np.zeros((9, 7), bool)
    hidden[3, 2] = hidden[5, 5] = True
    how = {"transform": CORNER @ Affine.translation(0.3, 0.2)}
    path = tmp_path / "S2_20180121.tif"
    if masking == "undeclared":
        dn[:, hidden] = -10000
        write_image(path, dn, names=("B02", "B03"), **how)
    elif masking == "mask":
        write_image(path, dn, names=("B02", "B03"), **how)
        with rasterio.open(path, "r+") as raster:
            raster.write_mask(~hidden)
    else:
        opaque = np.where(hidden, 0, 255).astype(np.int16)
        write_image(path, np.stack([*dn, opaque]), names=("B02", "B03", ""), **how)
        with rasterio.open(path, "r+") as raster:
            raster.colorinterp = [*raster.colorinterp[:2], rasterio.enums.ColorInterp.alpha]
    stack = find_stack(tmp_path, StackOptions(align=True))
    _, valid = read(stack)
    assert (valid[1] == ~hidden).all()


def test_a_named_grid_of_20_m(site, tmp_path):
    grid = write_image(
        tmp_path / "grid.tif", random_dn((1, 7, 6)), transform=CORNER @ Affine.scale(2)
    )
    stack = find_stack(site / "images", StackOptions(align_to=grid))
    box = Box(west=500_000, south=5_000_000 - 140, east=500_120, north=5_000_000)
    expected = find_stack(site / "images", StackOptions(box=box, resolution=20))
    assert stack.grid == expected.grid
    assert same(read(stack), read(expected))


def test_images_without_a_crs_cannot_be_warped(tmp_path):
    write_stack(tmp_path, days=DAYS[:2])
    write_stack(tmp_path, days=DAYS[2:], crs=None)
    with pytest.raises(StackError, match=r"20180307\.tif: cannot be warped, found no CRS"):
        find_stack(tmp_path, StackOptions(align=True))


# Tiles.


def in_tiles(folder, out, *, overlap=4):
    """Cut every image of a stack into a left and a right tile; the first has no right one."""
    for number, path in enumerate(sorted(folder.glob("*.tif"))):
        with rasterio.open(path) as raster:
            dn, names = raster.read(), raster.descriptions
        middle = dn.shape[2] // 2
        left, right = dn[..., : middle + overlap], dn[:, 2:, middle:]
        write_image(out / f"T31UFQ_{path.name}", left, names=names, nodata=0)
        place = CORNER @ Affine.translation(middle, 2)
        if number:
            write_image(out / f"T31UGQ_{path.name}", right, names=names, transform=place, nodata=0)
    return out


def test_tiles_of_a_day_are_joined(site, tmp_path):
    stack = find_stack(in_tiles(site / "images", tmp_path / "tiles"))
    original = find_stack(site / "images")
    assert stack.grid == original.grid
    assert [scene.name for scene in stack.scenes] == [scene.name for scene in original.scenes]
    assert f"{DATES - 1} acquisitions are joined from several tiles" in stack.notes[0]
    reflectance, valid = read(stack)
    expected, _ = read(original)
    seen = np.ones(SHAPE, bool)
    seen[:2, SHAPE[1] // 2 + 4 :] = False
    assert (valid[1:] == seen).all()
    assert valid[0, :, : SHAPE[1] // 2 + 4].all()
    assert not valid[0, :, SHAPE[1] // 2 + 4 :].any()
    assert (reflectance == np.where(valid[:, None], expected, 0)).all()


def test_a_mask_of_tiles_is_that_of_the_whole(site, tmp_path):
    hidden = tmp_path / "whole"
    for number, path in enumerate(sorted((site / "images").glob("*.tif"))):
        with rasterio.open(path) as raster:
            dn, names = raster.read(), raster.descriptions
        dn[:, :2, SHAPE[1] // 2 + 4 :] = 0
        if number == 0:
            dn[:, :, SHAPE[1] // 2 + 4 :] = 0
        write_image(hidden / path.name, dn, names=names, nodata=0)
    tiles = find_stack(in_tiles(site / "images", tmp_path / "tiles"))
    got, _, _ = mask(tiles, tmp_path / "got.tif")
    expected, _, _ = mask(hidden, tmp_path / "expected.tif")
    assert (got == expected).all()


def test_the_first_tile_that_shows_a_pixel_counts(tmp_path):
    a, b = random_dn((2, 4, 6), seed=1), random_dn((2, 4, 6), seed=2)
    a[:, 1, 4] = 0
    write_image(tmp_path / "A_20180106.tif", a, names=("B02", "B03"), nodata=0)
    place = CORNER @ Affine.translation(3, 0)
    write_image(tmp_path / "B_20180106.tif", b, names=("B02", "B03"), transform=place, nodata=0)
    stack = find_stack(tmp_path)
    reflectance, valid = read(stack)
    expected = np.concatenate([a, b[..., 3:]], axis=2)
    expected[:, 1, 4] = b[:, 1, 1]
    assert valid.all()
    np.testing.assert_allclose(reflectance[0], expected * 1e-4, rtol=1e-6)


def test_two_orbits_of_a_day_stay_two_scenes(tmp_path):
    for name, place in (("20180106T100000", 0), ("20180106T114000", 3)):
        shifted = CORNER @ Affine.translation(place, 0)
        write_image(
            tmp_path / f"S2_{name}.tif", random_dn((1, 4, 6)), names=["B02"], transform=shifted
        )
    with pytest.raises(StackError, match="lies on another grid"):
        find_stack(tmp_path)
    stack = find_stack(tmp_path, StackOptions(align=True))
    assert [scene.name for scene in stack.scenes] == ["2018-01-06T10:00:00", "2018-01-06T11:40:00"]


def test_tiles_far_apart(tmp_path):
    for number in range(2):
        place = CORNER @ Affine.translation(1000 * number, 0)
        write_image(
            tmp_path / f"{number}_20180106.tif",
            random_dn((1, 4, 6)),
            names=["B02"],
            transform=place,
        )
    with pytest.raises(StackError, match=r"lie far apart.*they fill 1\.2%"):
        find_stack(tmp_path)


def test_tiles_of_two_baselines(tmp_path):
    for number in range(2):
        write_image(
            tmp_path / f"{number}_20180106.tif",
            random_dn((1, 4, 6)),
            names=["B02"],
            transform=CORNER @ Affine.translation(3 * number, 0),
            scale=1e-4,
            offset=-0.1 * number,
        )
    with pytest.raises(StackError, match="expected tiles of one processing"):
        find_stack(tmp_path)


# All together, and what a run that goes on must notice.


def test_a_box_of_warped_tiles_at_20_m(site, tmp_path):
    tiles = in_tiles(site / "images", tmp_path / "tiles")
    options = StackOptions(align=True, resolution=20, box=BOX)
    found = find_stack(tiles, options)
    reflectance, valid = read(found)
    expected, _ = read(find_stack(site / "images", options))
    assert found.grid.shape == (6, 8)
    assert (reflectance == np.where(valid[:, None], expected, 0)).all()
    assert valid[1:].mean() > 0.9


def test_resampling_is_nearest_as_gdal_means_it(site, tmp_path):
    """A second implementation: rasterio's own warping of whole arrays."""
    day = every_days(DATES, step=8)[4]
    folder = moved(site / "images", tmp_path / "in", by=(0.3, 0.4), days=[day])
    stack = find_stack(folder, StackOptions(align=True))
    reflectance, _ = read(stack)
    file = stack.scenes[4].bands["B05"]
    expected = np.zeros(SHAPE, np.uint16)
    with rasterio.open(file.path) as raster:
        rasterio.warp.reproject(
            rasterio.band(raster, file.index),
            expected,
            dst_transform=stack.grid.transform,
            dst_crs=stack.grid.crs,
            resampling=Resampling.nearest,
        )
    place = stack.bands.index("B05")
    np.testing.assert_allclose(reflectance[4, place], expected * 1e-4, rtol=1e-6)


def test_days_are_chosen_before_grids_are_compared(tmp_path):
    write_stack(tmp_path, days=DAYS[:2])
    write_stack(tmp_path, days=DAYS[2:], transform=CORNER @ Affine.scale(3))
    stack = find_stack(tmp_path, StackOptions(last_day=date(2018, 1, 21)))
    assert [scene.name for scene in stack.scenes] == list(DAYS[:2])
    assert "1 of 3 scenes lie outside the days asked for." in stack.notes


def test_weights_serve_all_of_it(site, tmp_path):
    """Every option at once makes a mask that some pixels answer."""
    tiles = in_tiles(site / "images", tmp_path / "tiles")
    stack = find_stack(tiles, StackOptions(align=True, resolution=20, box=BOX))
    got, _, summary = mask(stack, tmp_path / "out.tif", bright_weights())
    assert summary.answered == (got != 255).sum() > 0


@pytest.mark.parametrize(
    ("crs", "place", "message"),
    [
        ("EPSG:4326", Affine(1, 0, -300, 0, -1, 500), "there is no way from 5 x 7 pixels of 1 x 1"),
        ('LOCAL_CS["x",UNIT["m",1]]', CORNER, "there is no way from"),
    ],
)
def test_a_scene_that_cannot_be_reached(tmp_path, crs, place, message):
    write_stack(tmp_path, days=DAYS[:2])
    write_stack(tmp_path, days=DAYS[2:], crs=crs, transform=place)
    with pytest.raises(StackError, match=rf"20180307\.tif: cannot be warped, since {message}"):
        find_stack(tmp_path, StackOptions(align=True))


def test_a_first_scene_without_a_place(tmp_path):
    write_stack(tmp_path, days=DAYS[:1], transform=Affine(math.nan, 0, 5e5, 0, -10, 5e6))
    write_stack(tmp_path, days=DAYS[1:])
    with pytest.raises(StackError, match=r"20180106\.tif: its pixels have no size or place"):
        find_stack(tmp_path, StackOptions(align=True))
