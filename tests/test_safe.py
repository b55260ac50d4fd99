"""Sentinel-2's own products: the same masks as from equivalent GeoTIFFs, whatever the baseline."""

import warnings

import numpy as np
import pytest
import rasterio
import torch
from numpy.testing import assert_array_equal

from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import Basis, MaskConfig, MaskFiles, Resources
from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.stacks.discovery import find_stack
from cloudy import CLOUD, GROUND, bright_weights
from safe import Made, write_safe, zip_safe
from stacks import every_days, write_image

CPU = torch.device("cpu")
SHAPE = (24, 18)
DAYS = every_days(6, step=8, start="2022-01-04")
"""Across the day from which on baseline 04.00 was made."""
BASELINES = ("02.14", "04.00", "05.11")
LEVELS = ("L1C", "L2A")
BANDS = {"L1C": tuple(BAND_METRES), "L2A": tuple(b for b in BAND_METRES if b != "B10")}


@pytest.fixture(scope="module")
def scenes():
    """By day and band: (Y, X) numbers on the band's own pixels, with clouds and an empty corner."""
    rng = np.random.default_rng(5)
    return [_scene(rng, place) for place in range(len(DAYS))]


def _scene(rng, place):
    """Every third date is half under cloud; every band has nodata in the same corner."""
    found = {}
    for band, metres in BAND_METRES.items():
        at = LAND_BANDS.index(band) if band in LAND_BANDS else 0
        height, width = (side * 10 // metres for side in SHAPE)
        dn = np.full((height, width), GROUND[at], float)
        if place % 3 == 2:
            dn[:, : width // 2] = CLOUD[at]
        dn = dn * rng.normal(1, 0.03, dn.shape) + rng.normal(0, 15, dn.shape)
        dn = dn.round().clip(1, 20000).astype(np.uint16)
        dn[: height // 6, : width // 4] = 0
        found[band] = dn
    return found


def at_ten_metres(scene, bands):
    return np.stack(
        [
            scene[band].repeat(BAND_METRES[band] // 10, 0).repeat(BAND_METRES[band] // 10, 1)
            for band in bands
        ]
    )


def mask(source, out, *, threads=1, calibration=None):
    """(T, Y, X) percent, and the mask's tags and names."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stack = find_stack(source)
        mask_stack(
            stack,
            MaskFiles(probability=out),
            bright_weights(),
            MaskConfig(),
            Resources(threads=threads, tile=16),
            device=CPU,
            basis=calibration and Basis(path=calibration),
        )
    with rasterio.open(out) as raster:
        return raster.read(), raster.tags(), raster.descriptions


@pytest.fixture(scope="module")
def expected(scenes, tmp_path_factory):
    """A mask of GeoTIFFs with the same numbers, without any offset."""
    folder = tmp_path_factory.mktemp("tiffs")
    for day, scene in zip(DAYS, scenes, strict=True):
        dn = at_ten_metres(scene, LAND_BANDS)
        write_image(folder / "images" / f"{day}.tif", dn, names=LAND_BANDS, nodata=0)
    percent, tags, names = mask(folder / "images", folder / "mask.tif")
    assert (percent[2, 6:, :6] >= 50).mean() > 0.5
    assert (percent[:, :4, :4] == 255).all()
    assert names == tuple(DAYS)
    assert "AM4CM_LEVEL" not in tags
    return folder / "mask.tif"


def assert_same(percent, expected):
    with rasterio.open(expected) as raster:
        assert_array_equal(percent, raster.read())


@pytest.fixture(scope="module")
def products(scenes, tmp_path_factory):
    """Folders of a series of products by level and baseline; tests must leave them alone."""
    made = {}

    def series(level, baseline):
        if (level, baseline) not in made:
            folder = made[level, baseline] = tmp_path_factory.mktemp(f"{level}-{baseline}")
            for day, scene in zip(DAYS, scenes, strict=True):
                dn = {band: scene[band] for band in BANDS[level]}
                write_safe(folder, Made(level=level, baseline=baseline, day=day), dn)
        return made[level, baseline]

    return series


def safes(folder):
    return sorted(folder.glob("*.SAFE"))


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("baseline", BASELINES)
def test_the_mask_of_products_is_that_of_geotiffs(
    products, expected, tmp_path, level, baseline, form
):
    source = products(level, baseline)
    if form == "zip":
        for safe in safes(source):
            zip_safe(safe, tmp_path / "in")
        source = tmp_path / "in"
    before = set(source.rglob("*"))
    # The calibration is lent, which spares a second; the test below has its own.
    percent, tags, names = mask(source, tmp_path / "mask.tif", calibration=expected)
    assert_same(percent, expected)
    assert names == tuple(DAYS)
    assert tags["AM4CM_LEVEL"] == level
    assert set(source.rglob("*")) == before, "something was unpacked"


@pytest.mark.parametrize("level", LEVELS)
def test_mixed_baselines_are_continuous(products, expected, tmp_path, level):
    """By a list of folders and zips; decoded by three threads, the pixels are the same."""
    lines = []
    for place in range(len(DAYS)):
        safe = safes(products(level, BASELINES[place % 3]))[place]
        lines.append(str(zip_safe(safe, tmp_path / "zips") if place % 2 else safe))
    (tmp_path / "list.txt").write_text("\n".join(lines))
    one, _, _ = mask(tmp_path / "list.txt", tmp_path / "one.tif")
    assert_same(one, expected)
    again = mask(
        tmp_path / "list.txt", tmp_path / "three.tif", threads=3, calibration=tmp_path / "one.tif"
    )
    assert_same(again[0], expected)
