"""`am4cm composite` by the entry point: what it says, refuses, and leaves behind."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile
from rasterio.shutil import copy

from stacks import every_days, random_dn, write_stack
from test_commands import assert_refused, mask, process, run, site  # noqa: F401


@pytest.fixture
def clouds(mask, tmp_path):  # noqa: F811
    """A mask of the site, in a folder that is not looked at."""
    folder = tmp_path.parent / f"{tmp_path.name}-mask"
    folder.mkdir()
    assert mask(folder / "clouds.tif").returncode == 0
    return folder / "clouds.tif"


def compose(run, site, *words):  # noqa: F811
    return run("composite", site / "images", *words)


def told(result):
    return " ".join(result.stderr.decode().replace("│", " ").split())


def test_it_says_what_it_wrote_and_what_it_rests_on(run, site, clouds, tmp_path):  # noqa: F811
    out, count = tmp_path / "out.tif", tmp_path / "count.tif"
    result = compose(run, site, clouds, out, "--count", count)
    assert result.returncode == 0, result.stderr
    assert result.stdout == b""
    shadows, wrote, beside = result.stderr.decode().splitlines()
    assert "shadows stay in; a mask made with --target unusable" in shadows
    with rasterio.open(count) as raster:
        mean = raster.read().mean()
    assert wrote == (
        f"Wrote {out}: the median of 14 dates; pixels have {mean:.1f} clear observations on "
        "average."
    )
    assert beside == f"Beside it: {count}."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["count.tif", "out.tif"]


def test_it_says_how_many_pixels_have_no_clear_observation(run, site, clouds, tmp_path):  # noqa: F811
    # At a threshold of 0 nothing is clear.
    result = compose(run, site, clouds, tmp_path / "out.tif", "--threshold", 0)
    assert result.returncode == 0, result.stderr
    assert told(result).endswith(
        "pixels have 0.0 clear observations on average, 100.0% of pixels have none."
    )


def test_standard_output_carries_the_raster_alone(site, clouds, tmp_path):  # noqa: F811
    out = tmp_path / "out.tif"
    assert process("composite", site / "images", clouds, out).returncode == 0
    piped = process("composite", site / "images", clouds, "-")
    assert piped.stdout == out.read_bytes()
    with MemoryFile(piped.stdout) as file, file.open() as raster:
        assert raster.descriptions[0] == "B02"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--around", "2018-03-01"), "has no use without --method best or --date"),
        (("--count", "-"), "only OUT may be standard output"),
        (("--threshold", "nan"), "100"),
        (("--methd", "best"), "No such option: --methd"),
        (("--method", "mean"), "'mean' is not one of"),
    ],
)
def test_what_makes_no_sense_is_refused(run, site, clouds, tmp_path, options, words):  # noqa: F811
    result = compose(run, site, clouds, tmp_path / "out.tif", *options)
    assert result.returncode == 2
    assert words in told(result)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over_unasked(run, site, clouds, tmp_path):  # noqa: F811
    (tmp_path / "count.tif").write_text("mine")
    words = (clouds, tmp_path / "out.tif", "--count", tmp_path / "count.tif")
    result = compose(run, site, *words)
    assert_refused(result, tmp_path, "count.tif: exists already", left=["count.tif"])
    result = compose(run, site, *words, "--overwrite")
    assert result.returncode == 0, result.stderr


@pytest.fixture
def work(site, clouds, tmp_path):  # noqa: F811
    """A zip, a list, views and all else that a composite may be made of."""
    images = sorted((site / "images").iterdir())
    shutil.make_archive(tmp_path / "packed", "zip", site / "images")
    (tmp_path / "list.txt").write_text("".join(f"{image}\n" for image in images))
    (tmp_path / "dates.csv").write_text(f"{images[0].name},2018-01-01\n")
    box = [[500000, 4999800], [500200, 4999800], [500200, 5000000], [500000, 4999800]]
    area = {"type": "Polygon", "coordinates": [box]}
    with rasterio.open(images[0]) as raster:
        crs = {"type": "name", "properties": {"name": raster.crs.to_string()}}
    text = json.dumps(
        {
            "type": "FeatureCollection",
            "crs": crs,
            "features": [{"type": "Feature", "properties": {}, "geometry": area}],
        }
    )
    (tmp_path / "area.geojson").write_text(text)
    shutil.copy(images[0], tmp_path / "grid.tif")
    shutil.copy(clouds, tmp_path / "m.tif")
    shutil.copytree(site / "images", tmp_path / "below")
    (tmp_path / "views").mkdir()
    for image in (tmp_path / "below").iterdir():
        copy(image, tmp_path / "views" / f"{image.stem}.vrt", driver="VRT")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("packed.zip m.tif packed.zip", "packed.zip"),
        ("packed.zip m.tif out.tif --count packed.zip", "packed.zip"),
        ("packed.zip m.tif - --date m.tif", "m.tif"),
        ("list.txt m.tif list.txt", "list.txt"),
        ("below m.tif dates.csv --dates dates.csv", "dates.csv"),
        ("below m.tif area.geojson --polygon area.geojson", "area.geojson"),
        ("below m.tif grid.tif --align-to grid.tif", "grid.tif"),
        ("views m.tif below/S2_L2A_20180101.tif", "S2_L2A_20180101.tif"),
    ],
)
def test_nothing_that_is_read_is_replaced(run, work, words, named):  # noqa: F811
    before = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    result = run("composite", *words.split(), "--overwrite", cwd=work)
    if named.endswith(".tif"):
        assert result.returncode == 1, result.stderr
        assert f"{named}: is named for two files of this run" in told(result)
    else:  # no raster has such a name in any case
        assert result.returncode == 2, result.stderr
        assert named in told(result)
        assert "ends in .tif" in told(result)
    assert {path: path.read_bytes() for path in work.rglob("*") if path.is_file()} == before


def test_what_is_no_mask_is_refused(run, site, clouds, tmp_path):  # noqa: F811
    image = next((site / "images").iterdir())
    result = compose(run, site, image, tmp_path / "out.tif")
    assert_refused(result, tmp_path, "is no mask by am4cm")
    assert compose(run, site, clouds, tmp_path / "out.tif").returncode == 0
    result = compose(run, site, tmp_path / "out.tif", tmp_path / "again.tif")
    assert_refused(result, tmp_path, "reflectance of a composite, no mask", left=["out.tif"])
    result = run("export", tmp_path / "out.tif", tmp_path / "other.tif")
    assert_refused(result, tmp_path, "reflectance of a composite, no mask", left=["out.tif"])


def test_a_part_in_days_and_place(run, site, clouds, tmp_path):  # noqa: F811
    out = tmp_path / "out.tif"
    words = (
        "--from",
        "2018-01-05",
        "--to",
        "2018-03-01",
        "--bbox",
        "500030,4999850,500110,4999960",
    )
    result = compose(run, site, clouds, out, *words, "--method", "best", "--co", "COMPRESS=ZSTD")
    assert result.returncode == 0, result.stderr
    assert "the best of 7 dates" in told(result)
    with rasterio.open(out) as raster:
        assert raster.shape == (11, 8)
        assert raster.compression.value == "ZSTD"


def test_a_skipped_image_is_named(run, site, clouds, tmp_path):  # noqa: F811
    shutil.copytree(site / "images", tmp_path / "images")
    damaged = sorted((tmp_path / "images").iterdir())[4]
    damaged.write_bytes(damaged.read_bytes()[:3000])
    out = tmp_path / "out.tif"
    result = run("composite", tmp_path / "images", clouds, out)
    assert_refused(result, tmp_path, damaged.name, "--skip-bad", left=["images"])
    result = run("composite", tmp_path / "images", clouds, out, "--skip-bad")
    assert result.returncode == 0, result.stderr
    assert "the median of 13 dates" in told(result)


def test_other_images_than_the_masks_are_told(run, site, clouds, tmp_path):  # noqa: F811
    shutil.copytree(site / "images", tmp_path / "images")
    altered = sorted((tmp_path / "images").iterdir())[4]
    altered.write_bytes(altered.read_bytes() + b" ")
    result = run("composite", tmp_path / "images", clouds, tmp_path / "out.tif")
    assert result.returncode == 0, result.stderr
    assert f"2018-02-02 is not the image that {clouds} was made of" in told(result)
    own = compose(run, site, clouds, tmp_path / "own.tif")
    assert "was made of" not in told(own)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_leaves_nothing(tmp_path, number):
    from am4cm_cli.stacks.discovery import find_stack
    from stacks import write_mask

    shape = 9, 900, 800
    dn = random_dn((9, 10, 900, 800))
    write_stack(tmp_path / "in" / "images", days=every_days(9), dn=dn)
    stack = find_stack(tmp_path / "in" / "images")
    clouds = write_mask(tmp_path / "in" / "clouds.tif", stack, np.zeros(shape, np.uint8))
    out = tmp_path / "out"
    out.mkdir()
    words = ["composite", tmp_path / "in" / "images", clouds, out / "c.tif", "--max-memory", "50MB"]
    command = [sys.executable, "-m", "am4cm_cli", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(out.glob(".c.tif.parts*/window-*")):
            time.sleep(0.001)
        process.send_signal(number)
        process.stderr.read()
    assert process.returncode in {-number, 128 + number}
    assert not list(out.iterdir())
