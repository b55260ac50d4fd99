"""Stacks on disk as xarray Datasets: the same numbers, read by rasterio."""

import numpy as np
import pytest
import rasterio

from am4cm_cli.stacks.discovery import find_stack

xarray = pytest.importorskip("xarray")
rioxarray = pytest.importorskip("rioxarray")


def as_dataset(folder, *, crs=True):
    """A variable for each band, (time, y, x), with coordinates of pixels' centres."""
    stack = find_stack(folder)
    height, width = stack.grid.shape
    place = stack.grid.transform
    layers = {band: [] for band in stack.bands}
    for scene in stack.scenes:
        for band, file in scene.bands.items():
            with rasterio.open(file.path) as raster:
                layers[band].append(raster.read(file.index))
    told = {} if file.nodata is None else {"_FillValue": file.nodata}
    dataset = xarray.Dataset(
        {band: (("time", "y", "x"), np.stack(dn), dict(told)) for band, dn in layers.items()},
        coords={
            "time": np.array([scene.time for scene in stack.scenes], "datetime64[ns]"),
            "y": place.f + place.e * (np.arange(height) + 0.5),
            "x": place.c + place.a * (np.arange(width) + 0.5),
        },
    )
    return dataset.rio.write_crs(stack.grid.crs.to_wkt()) if crs else dataset


def as_array(dataset, *order):
    """One variable with a dimension of bands."""
    return dataset.to_array("band").transpose(*order)
