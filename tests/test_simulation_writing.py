import tracemalloc

import numpy as np
import pytest
import rasterio

from am4cm_cli.errors import OutputError
from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.simulation import COVERS, SimulationConfig, simulate, write_stack
from am4cm_cli.simulation.writing import digital_numbers

CONFIG = SimulationConfig(size=40, dates=6, seed=3)


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def stop_after(count, error):
    """A `track` that stands for a user's Ctrl-C or a full disk."""

    def track(steps):
        for step in steps:
            if step > count:
                raise error
            yield step

    return track


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    out = tmp_path_factory.mktemp("simulated") / "stack"
    write_stack(out, CONFIG)
    return out


def test_the_folder_holds_what_the_scenes_say(stack):
    landscape, scenes = simulate(CONFIG)
    images = sorted((stack / "images").iterdir())
    with rasterio.open(stack / "truth.tif") as truth:
        names, classes = truth.descriptions, truth.read()
    assert len(images) == CONFIG.dates
    for path, scene, name, seen in zip(images, scenes, names, classes, strict=True):
        assert path.name == f"S2_L2A_{scene.time:%Y%m%d}.tif"
        assert name == scene.time.date().isoformat()
        np.testing.assert_array_equal(seen, scene.truth)
        with rasterio.open(path) as image:
            dn = image.read()
        np.testing.assert_allclose(dn / 1e4, np.maximum(scene.reflectance, 1e-4), atol=6e-5)
    with (
        rasterio.open(stack / "fields.tif") as fields,
        rasterio.open(stack / "labels.tif") as labels,
    ):
        np.testing.assert_array_equal(fields.read(1), landscape.fields)
        np.testing.assert_array_equal(labels.read(1), landscape.labels)


def test_images_describe_themselves(stack):
    path = sorted((stack / "images").iterdir())[0]
    with rasterio.open(path) as image:
        assert image.descriptions == LAND_BANDS
        assert image.dtypes == ("uint16",) * 10
        assert image.nodata == 0
        assert image.crs.to_epsg() == 32631
        assert image.res == (10, 10)
        assert image.compression.name == "deflate"
        assert image.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
        assert image.block_shapes[0] == (256, 256)
        day = path.stem[-8:]
        stamp = image.tags()["TIFFTAG_DATETIME"]
        assert stamp.startswith(f"{day[:4]}:{day[4:6]}:{day[6:]} 1")
        assert image.read().min() >= 1


def test_all_rasters_share_one_grid(stack):
    grids = set()
    for path in [*stack.glob("*.tif"), *(stack / "images").iterdir()]:
        with rasterio.open(path) as raster:
            grids.add((raster.crs.to_epsg(), raster.transform, raster.shape))
    assert len(grids) == 1


def test_classes_are_named(stack):
    with rasterio.open(stack / "labels.tif") as labels:
        tags = labels.tags()
        assert labels.dtypes == ("uint8",)
        assert [tags[f"CLASS_{n}"] for n in range(1, len(COVERS) + 1)] == [c.name for c in COVERS]
    with rasterio.open(stack / "truth.tif") as truth:
        assert truth.tags()["CLASS_3"] == "cloud shadow"
        assert truth.interleaving.name == "band"
        assert truth.nodata is None


def test_the_same_seed_gives_the_same_bytes(stack, tmp_path):
    write_stack(tmp_path / "again", CONFIG)
    assert contents(tmp_path / "again") == contents(stack)


def test_digital_numbers_keep_clear_of_nodata():
    reflectance = np.array([-0.02, 0.0, 0.00004, 0.1, 1.2, 9.0], np.float32)
    assert digital_numbers(reflectance).tolist() == [1, 1, 1, 1000, 12000, 65535]


@pytest.mark.parametrize(
    ("error", "seen"), [(KeyboardInterrupt(), KeyboardInterrupt), (OSError("full"), OutputError)]
)
def test_an_interrupted_write_leaves_nothing(tmp_path, error, seen):
    with pytest.raises(seen):
        write_stack(tmp_path / "out", CONFIG, track=stop_after(2, error))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path):
    out = tmp_path / "out"
    write_stack(out, CONFIG)
    before = contents(out)
    with pytest.raises(OutputError, match="--overwrite"):
        write_stack(out, SimulationConfig(size=40, dates=2))
    assert contents(out) == before


def test_overwriting_replaces_only_once_complete(tmp_path):
    out, other = tmp_path / "out", SimulationConfig(size=40, dates=2, seed=9)
    write_stack(out, CONFIG)
    before = contents(out)
    with pytest.raises(KeyboardInterrupt):
        write_stack(out, other, overwrite=True, track=stop_after(1, KeyboardInterrupt()))
    assert contents(out) == before
    write_stack(out, other, overwrite=True)
    assert len(list((out / "images").iterdir())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_other_folders_are_never_overwritten(tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.tex").write_text("precious")
    with pytest.raises(OutputError, match="not replaced"):
        write_stack(out, CONFIG, overwrite=True)
    assert (out / "chapter1.tex").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


def test_a_missing_parent_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        write_stack(tmp_path / "nowhere" / "out", CONFIG)


def test_memory_does_not_grow_with_the_dates(tmp_path):
    peaks = []
    for dates in (4, 16):
        config = SimulationConfig(size=128, dates=dates, cloudiness=0)
        tracemalloc.start()
        write_stack(tmp_path / str(dates), config)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
