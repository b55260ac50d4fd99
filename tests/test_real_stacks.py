"""Real series as they come; skipped where they are not kept beside the repository."""

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from am4cm_cli.rasters.reading import read_scene, read_window
from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions


def whole(stack):
    height, width = stack.grid.shape
    return Window(0, 0, width, height)


def in_order(stack):
    return [scene.time for scene in stack.scenes] == sorted(scene.time for scene in stack.scenes)


@pytest.mark.parametrize("folder", ["flanders-2018", "flanders-2018/images"])
def test_flanders(shared, folder):
    stack = find_stack(shared / folder)
    assert len(stack.scenes) == 118
    assert stack.bands == LAND_BANDS
    assert stack.grid.shape == (64, 64)
    assert stack.grid.crs.to_epsg() == 32631
    assert stack.notes == ()
    first = stack.scenes[0]
    assert first.name == "2017-08-04"
    assert first.time.isoformat() == "2017-08-04T10:53:28"
    with rasterio.open(first.bands["B8A"].path) as raster:
        dn = raster.read(8)
    reflectance, valid = read_scene(first, ["B8A"], whole(stack))
    np.testing.assert_allclose(reflectance[0], dn * 1e-4, rtol=1e-6)
    assert valid.all()


def test_vosges(shared):
    stack = find_stack(shared / "vosges-theia")
    assert len(stack.scenes) == 187
    assert stack.bands == ("B02", "B03", "B04", "B8A", "B11", "B12")
    assert stack.grid.shape == (80, 80)
    assert [file.factor for file in stack.scenes[0].bands.values()] == [1, 1, 1, 2, 2, 2]
    assert in_order(stack)
    _, valid = read_window(stack, stack.bands, whole(stack))
    assert valid.any(axis=(1, 2)).sum() == 97


def test_lazio(shared):
    stack = find_stack(shared / "lazio-l1c", StackOptions(band_names=tuple(BAND_METRES)))
    assert len(stack.scenes) == 30
    assert stack.bands == tuple(BAND_METRES)
    assert in_order(stack)
    assert (stack.scenes[0].name, stack.scenes[-1].name) == ("2018-01-06", "2018-12-22")
    assert stack.grid.crs.to_epsg() == 4326


def test_iberia(shared):
    stack = find_stack(shared / "iberia-4band" / "0")
    assert len(stack.scenes) == 30
    assert stack.bands == ("B02", "B03", "B04", "B8A")
    _, valid = read_window(stack, stack.bands, whole(stack))
    assert (~valid.any(axis=(1, 2))).sum() == 4
