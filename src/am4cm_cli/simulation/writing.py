"""A simulated stack on disk: a folder that appears whole or not at all."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.io import DatasetWriter

from am4cm_cli.folders import new_folder
from am4cm_cli.progress import Track
from am4cm_cli.rasters.written import check_written, digest
from am4cm_cli.simulation.config import PIXEL, SimulationConfig
from am4cm_cli.simulation.crops import COVERS
from am4cm_cli.simulation.landscape import Landscape
from am4cm_cli.simulation.processors import SEN2COR, Processor
from am4cm_cli.simulation.scenes import SimulatedScene, simulate

CORNER = (500_000.0, 5_594_000.0)
"""Easting and northing in metres of the upper left corner in UTM zone 31 north."""

MEMBERS = ("images", "labels.tif", "fields.tif", "truth.tif")
"""What the folder holds, by which a folder to overwrite is known."""

TRUTH = {"0": "clear", "1": "thick cloud", "2": "thin cloud or haze", "3": "cloud shadow"}


def write_stack(
    out: Path,
    config: SimulationConfig,
    *,
    processor: Processor = SEN2COR,
    overwrite: bool = False,
    track: Track = iter,
) -> None:
    """Write the images, labels, fields and truth of a simulated stack into a new folder."""
    with new_folder(out, members=MEMBERS, overwrite=overwrite) as folder:
        landscape, scenes = simulate(config, processor=processor)
        _write_landscape(folder, landscape)
        (folder / "images").mkdir()
        profile = _profile(config.size, count=config.dates, dtype="uint8", interleave="band")
        truth = []
        with rasterio.open(folder / "truth.tif", "w", **profile) as raster:
            raster.update_tags(**{f"CLASS_{key}": name for key, name in TRUTH.items()})
            for index in track(range(1, config.dates + 1)):
                scene = next(scenes)
                _write_image(folder / "images", scene, processor.level)
                _write_truth(raster, scene, index)
                truth.append(digest(scene.truth))
        check_written(folder / "truth.tif", truth)


def _write_landscape(folder: Path, landscape: Landscape) -> None:
    size = landscape.labels.shape[0]
    names = {f"CLASS_{index}": cover.name for index, cover in enumerate(COVERS, start=1)}
    with rasterio.open(
        folder / "labels.tif", "w", **_profile(size, dtype="uint8", nodata=0)
    ) as raster:
        raster.write(landscape.labels, 1)
        raster.update_tags(**names)
        raster.set_band_description(1, "class")
    check_written(folder / "labels.tif", [digest(landscape.labels)])
    with rasterio.open(
        folder / "fields.tif", "w", **_profile(size, dtype="int32", nodata=0)
    ) as raster:
        raster.write(landscape.fields, 1)
        raster.set_band_description(1, "field")
    check_written(folder / "fields.tif", [digest(landscape.fields)])


def _write_image(folder: Path, scene: SimulatedScene, level: str) -> None:
    size = scene.truth.shape[0]
    profile = _profile(size, count=len(scene.bands), dtype="uint16", nodata=0)
    path, dn = folder / f"S2_{level}_{scene.time:%Y%m%d}.tif", digital_numbers(scene.reflectance)
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(dn)
        raster.descriptions = scene.bands
        raster.update_tags(
            TIFFTAG_DATETIME=f"{scene.time:%Y:%m:%d %H:%M:%S}", PROCESSING_LEVEL=level
        )
    check_written(path, map(digest, dn))


def _write_truth(raster: DatasetWriter, scene: SimulatedScene, index: int) -> None:
    raster.write(scene.truth, index)
    raster.set_band_description(index, scene.time.date().isoformat())


def digital_numbers(reflectance: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Reflectance x 10,000; at least 1, for 0 says that there is none."""
    return np.clip(np.rint(reflectance * 10_000), 1, 65_535).astype(np.uint16)


def _profile(size: int, *, dtype: str, **more: Any) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "count": 1,
        "dtype": dtype,
        "crs": "EPSG:32631",
        "transform": Affine(PIXEL, 0, CORNER[0], 0, -PIXEL, CORNER[1]),
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "predictor": 2,
        **more,
    }
