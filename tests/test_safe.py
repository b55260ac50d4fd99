"""Sentinel-2's own products: the same masks as from equivalent GeoTIFFs, whatever their baseline."""

import shutil
import sys
import warnings
from datetime import datetime
from zipfile import ZipFile

import numpy as np
import pytest
import rasterio
import torch
from numpy.testing import assert_array_equal

from am4cm_cli.app import main
from am4cm_cli.errors import StackError
from am4cm_cli.levels import level_notes
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.stacks.discovery import find_stack
from cloudy import CLOUD, GROUND, bright_weights
from safe import TILE, Made, metadata, write_metadata, write_safe
from stacks import every_days, write_stack

CPU = torch.device("cpu")
SHAPE = (36, 24)
DAYS = every_days(9, step=8, start="2021-12-20")
"""Across the day from which on baseline 04.00 was made."""
BASELINES = ("02.14", "04.00", "05.11")
LEVELS = ("L1C", "L2A")
BANDS = {"L1C": tuple(BAND_METRES), "L2A": tuple(b for b in BAND_METRES if b != "B10")}


@pytest.fixture(scope="module")
def scenes():
    """By day and band: (Y, X) numbers on the band's own pixels, some under cloud, a corner not seen."""
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
        [scene[band].repeat(BAND_METRES[band] // 10, 0).repeat(BAND_METRES[band] // 10, 1)
         for band in bands]
    )


def mask(source, out, *, threads=1):
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
        )
    with rasterio.open(out) as raster:
        return raster.read(), raster.tags(), raster.descriptions


@pytest.fixture(scope="module")
def expected(scenes, tmp_path_factory):
    """The mask of GeoTIFFs with the same numbers, without any offset."""
    folder = tmp_path_factory.mktemp("tiffs")
    dn = np.stack([at_ten_metres(scene, LAND_BANDS) for scene in scenes])
    write_stack(folder / "images", days=DAYS, dn=dn)
    percent, _, names = mask(folder / "images", folder / "mask.tif")
    assert (percent[2, :, :6] >= 50).mean() > 0.5
    assert (percent[:, :6, :6] == 255).all()
    assert names == tuple(DAYS)
    return percent


def write_products(folder, scenes, level, baselines, form):
    for place, (day, scene) in enumerate(zip(DAYS, scenes, strict=True)):
        made = Made(level=level, baseline=baselines[place % len(baselines)], day=day)
        write_safe(folder, made, {band: scene[band] for band in BANDS[level]}, form=form)


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("baseline", BASELINES)
def test_the_mask_of_products_is_that_of_geotiffs(
    scenes, expected, tmp_path, level, baseline, form
):
    write_products(tmp_path / "in", scenes, level, [baseline], form)
    before = sorted(tmp_path.rglob("*"))
    percent, tags, names = mask(tmp_path / "in", tmp_path / "mask.tif")
    assert_array_equal(percent, expected)
    assert names == tuple(DAYS)
    assert tags["AM4CM_LEVEL"] == level
    # Nothing was unpacked.
    assert set(tmp_path.rglob("*")) - set(before) == {tmp_path / "mask.tif"}


@pytest.mark.parametrize("level", LEVELS)
def test_mixed_baselines_are_continuous(scenes, expected, tmp_path, level):
    write_products(tmp_path / "in", scenes, level, BASELINES, "folder")
    one, _, _ = mask(tmp_path / "in", tmp_path / "one.tif")
    assert_array_equal(one, expected)
    three, _, _ = mask(tmp_path / "in", tmp_path / "three.tif", threads=3)
    assert (tmp_path / "one.tif").read_bytes() == (tmp_path / "three.tif").read_bytes()
    assert_array_equal(three, expected)
