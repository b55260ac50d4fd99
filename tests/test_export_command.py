"""`am4cm export`, and the same outputs of `am4cm mask`, by the entry point."""

import json
import shutil
import subprocess
import sys

import pytest
import rasterio

from finished import percents, write_finished
from stacks import every_days, write_stack
from test_commands import assert_refused, mask, process, run, site  # noqa: F401

FOLDERS = {"--split": "dates", "--stac": "stac"}
FILES = {"--binary": "binary.tif", "--table": "table.csv"}


@pytest.fixture
def clouds(tmp_path):
    return write_finished(tmp_path / "clouds.tif", percents())


def contents(folder):
    """Bytes of all files below, by path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_mask_may_have_any_name_to_be_read(run, clouds, tmp_path):  # noqa: F811
    clouds.rename(tmp_path / "clouds.img")
    done = run("export", "clouds.img", "again", "--table", "t.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"clouds.img", "again", "t.csv"}
    assert run("export", "clouds.img", "--split", "s", cwd=tmp_path).returncode == 0


def test_mask_writes_what_export_makes_of_its_mask(run, mask, site, tmp_path):  # noqa: F811
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    options = ["--threshold", 30, "--dilate", 2, "--co", "COMPRESS=ZSTD", "--style"]
    named = {**FOLDERS, **FILES}

    def words(folder):
        return [word for key, name in named.items() for word in (key, folder / name)]

    made = mask(tmp_path / "a" / "out.tif", *options, *words(tmp_path / "a"))
    assert made.returncode == 0, made.stderr
    assert made.stdout == b""
    a = tmp_path / "a"
    assert made.stderr.decode().endswith(
        f"is cloudy.\nBeside it: {a}/dates, {a}/binary.tif, {a}/table.csv, {a}/stac, {a}/out.qml.\n"
    )
    plain = mask(tmp_path / "plain.tif")
    assert plain.returncode == 0
    out = tmp_path / "b" / "out.tif"
    made = run("export", tmp_path / "plain.tif", out, *options, *words(tmp_path / "b"))
    assert made.returncode == 0, made.stderr
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert first.keys() == second.keys()
    differ = {path for path in first if first[path] != second[path]}
    # The id of the catalogue is the name of the mask.
    assert all(path.startswith("stac/") and path.endswith(".json") for path in differ)
    with rasterio.open(out) as raster, rasterio.open(tmp_path / "plain.tif") as former:
        assert (raster.read() == former.read()).all()
        assert raster.compression.value == "ZSTD"


def test_mask_writes_zarr_and_leaves_no_raster(run, mask, tmp_path):  # noqa: F811
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("rioxarray")
    words = ("--format", "zarr", "--binary", tmp_path / "b.tif")
    made = mask(tmp_path / "out.zarr", *words)
    assert made.returncode == 0, made.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.qml", "b.tif", "out.zarr"]
    with xarray.open_zarr(tmp_path / "out.zarr") as cube, rasterio.open(tmp_path / "b.tif") as cut:
        assert ((cube.cloud_probability.values > 0.495) == (cut.read() == 1)).all()
    words = ("export", tmp_path / "b.tif", tmp_path / "out.zarr", "--format", "zarr")
    again = run(*words)
    assert again.returncode == 1
    assert "out.zarr: exists already" in again.stderr.decode()
    assert run(*words, "--overwrite").returncode == 0
    with xarray.open_zarr(tmp_path / "out.zarr") as cube:
        assert list(cube.data_vars) == ["cloud_mask"]
    looked_at = run("info", tmp_path / "out.zarr")
    assert looked_at.returncode == 1
    assert "out.zarr: is a mask that am4cm wrote; expected images" in looked_at.stderr.decode()
    (tmp_path / "b.zarr").mkdir()
    assert run(*words[:2], tmp_path / "b.zarr", "--format", "zarr").returncode == 1


def test_standard_output_and_files_beside_it(clouds, tmp_path):
    words = ("export", clouds, "-", "--binary", "b.tif", "--co", "BLOCKSIZE=512")
    done = process(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.qml", "b.tif", "clouds.tif"]
    (tmp_path / "out.tif").write_bytes(done.stdout)
    with rasterio.open(tmp_path / "out.tif") as raster, rasterio.open(tmp_path / "b.tif") as cut:
        assert (raster.read() == percents()).all()
        assert (((raster.read() >= 50) & (raster.read() < 255)) == (cut.read() == 1)).all()


def test_the_format_is_that_of_out_alone(run, tmp_path):  # noqa: F811
    names = [f"2018-01-{day:02d}" for day in (6, 11)]
    clouds = write_finished(tmp_path / "c.tif", percents((300, 700), dates=2), names=names)
    words = ("--format", "gtiff", "--binary", tmp_path / "b.tif")
    assert run("export", clouds, tmp_path / "plain.tif", *words).returncode == 0
    for name, levels in (("c", [2, 4]), ("plain", []), ("b", [2, 4])):
        with rasterio.open(tmp_path / f"{name}.tif") as raster:
            assert raster.overviews(1) == levels
            assert raster.block_shapes == [(256, 256)] * 2


def test_each_mask_is_stored_as_asked(run, mask, site, tmp_path):  # noqa: F811
    (tmp_path / "list.csv").write_text(f"A,{site / 'images'}\n")
    (tmp_path / "out").mkdir()
    done = mask(tmp_path / "out", "--each", "--co", "COMPRESS=LZW", images=tmp_path / "list.csv")
    assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "out" / "A.tif") as raster:
        assert raster.compression.value == "LZW"
    done = mask(tmp_path / "out", "--each", "--split", "x", images=tmp_path / "list.csv")
    assert done.returncode == 2
    assert "has no use with --each" in told(done)


def told(done):
    return " ".join(done.stderr.decode().replace("│", " ").split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "name OUT, --split, --binary, --table, --stac or --style"),
        (("--format", "gtiff", "--table", "t.csv"), "has no use without OUT"),
        (("--table", "t.csv", "--dilate", "2"), "has no use without --binary"),
        (("--split", "s", "--threshold", "2"), "has no use without --binary or --table or --stac"),
        (("--split", "s", "--zones", "clouds.tif"), "has no use without --table"),
        (("--table", "t.csv", "--zone-field", "a"), "has no use without --zones"),
        (("--table", "-"), "only OUT may be standard output"),
        (("--table", "t.csv", "--threshold", "nan"), "--threshold"),
        (("--table", "t.csv", "--threshold", "101"), "--threshold"),
        (("-", "--style"), "no file to lie beside"),
        (("-", "--format", "zarr"), "zarr is a folder"),
        (("o.zarr", "--format", "zarr", "--style"), "zarr is a folder, without a style"),
        (("o.zarr", "--format", "zarr", "--co", "COMPRESS=LZW"), "no use with --format zarr"),
        (("--table", "t.csv", "--with-classes", "clouds.tif"), "has no use without --stac"),
        (("--spilt", "s"), "No such option: --spilt"),
    ],
)
def test_options_that_make_no_sense(run, clouds, tmp_path, options, words):  # noqa: F811
    done = run("export", "clouds.tif", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert words in told(done)
    assert list(tmp_path.iterdir()) == [clouds]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("clouds.tif", "--overwrite"), "clouds.tif: is named for two files of this run"),
        (("a.tif", "--binary", "a.tif"), "a.tif: is named for two files of this run"),
        (("a.tif", "--co", "COMPRESS=JPEG"), "keeps all numbers"),
        (("--stac", "s", "--with-classes", "clouds.tif"), "or holds the same"),
        (("a.tif", "--co", "FOO=1"), "--co FOO=1: expected KEY=VALUE"),
        (("--table", "t.xls"), "expected a name in .csv or .parquet"),
        (("--binary", "none/b.tif"), "its folder none does not exist"),
        (("--split", "kept"), "kept: exists already"),
        (("--split", "kept", "--overwrite"), "kept: holds more than am4cm wrote"),
        (("--stac", "kept", "--overwrite"), "kept: holds more than am4cm wrote"),
        (("kept", "--format", "zarr", "--overwrite"), "kept: holds more than am4cm wrote"),
        (("--table", "t.csv", "--zones", "kept/mine.tif"), "cannot be read as polygons"),
    ],
)
def test_outputs_that_cannot_be(run, clouds, tmp_path, options, words):  # noqa: F811
    pytest.importorskip("geopandas")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.tif").write_text("precious")
    before = contents(tmp_path)
    done = run("export", "clouds.tif", *options, cwd=tmp_path)
    assert_refused(done, tmp_path, words, left=["clouds.tif", "kept"])
    assert contents(tmp_path) == before


def test_folders_of_am4cm_are_replaced_but_not_with_other_files_in_them(
    run,  # noqa: F811
    clouds,
    tmp_path,
):
    words = ("export", "clouds.tif", "--split", "dates", "--stac", "stac")
    assert run(*words, cwd=tmp_path).returncode == 0
    assert run(*words, cwd=tmp_path).returncode == 1
    assert run(*words, "--overwrite", cwd=tmp_path).returncode == 0
    inside = ("export", "dates/2018-01-06.tif", "--split", "dates", "--overwrite")
    done = run(*inside, cwd=tmp_path)
    assert done.returncode == 1
    assert "is replaced as a whole, but 2018-01-06.tif is in it" in done.stderr.decode()
    assert len(list((tmp_path / "dates").iterdir())) == 4


def test_an_image_is_never_replaced_by_a_binary_mask(mask, site, tmp_path):  # noqa: F811
    image = site / "images" / "S2_L2A_20180101.tif"
    before = image.read_bytes()
    done = mask(tmp_path / "out.tif", "--binary", image, "--overwrite")
    assert done.returncode == 1
    assert "S2_L2A_20180101.tif: is named for two files of this run" in done.stderr.decode()
    assert image.read_bytes() == before
    assert not list(tmp_path.iterdir())


def test_nothing_that_a_run_reads_is_replaced(mask, site, tmp_path):  # noqa: F811
    listed, dates = tmp_path / "list.txt", tmp_path / "dates.csv"
    images = sorted((site / "images").iterdir())
    listed.write_text("".join(f"{image}\n" for image in images))
    dates.write_text(f"{images[0].name},2018-01-01\n")
    weights = shutil.copy(site / "bright.safetensors", tmp_path / "weights.tif")
    before = contents(tmp_path)
    for out, *options in (
        (images[0],),
        (tmp_path / "out.tif", "--dates", dates, "--table", dates),
        (weights, "--weights", weights),
    ):
        done = mask(out, *options, "--overwrite", images=listed)
        assert_refused(done, tmp_path, "is named for two files of this run", left=[*before])
    assert contents(tmp_path) == before


def test_a_name_tells_zarr_from_a_raster(run, clouds, tmp_path):  # noqa: F811
    for options in (("m.zarr",), ("m.tif", "--format", "zarr")):
        done = run("export", clouds, *options)
        assert done.returncode == 2
        assert "of another format" in told(done)


def test_what_cannot_be_made_is_told_before_anything_is_computed(mask, tmp_path):  # noqa: F811
    write_stack(tmp_path / "in", days=every_days(3))  # too few dates, which is found out later
    done = mask(tmp_path / "out.tif", "--table", tmp_path / "t.xls", images=tmp_path / "in")
    assert_refused(done, tmp_path, "t.xls: tables are CSV or Parquet", left=["in"])


def test_the_style_of_the_mask(run, clouds, tmp_path):  # noqa: F811
    assert run("export", "clouds.tif", "--style", cwd=tmp_path).returncode == 0
    style = (tmp_path / "clouds.qml").read_text()
    assert 'type="singlebandpseudocolor"' in style
    assert 'value="100" label="100 %"' in style


def test_a_missing_library_is_named_with_its_extra(clouds, tmp_path):
    code = (
        "import sys\n"
        "for name in ('geopandas', 'pyarrow', 'zarr'): sys.modules[name] = None\n"
        "from importlib import util\n"
        "from am4cm_cli.app import main\n"
        f"sys.argv = ['am4cm', 'export', {str(clouds)!r}, *sys.argv[1:]]\n"
        "main()\n"
    )
    (tmp_path / "z.gpkg").write_text("")
    for options, extra in (
        (["t.parquet"], "vector"),
        (["t.csv", "--zones", "z.gpkg"], "vector"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, "--table", *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 1, done.stderr
        assert f'pip install "am4cm[{extra}]"' in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clouds.tif", "z.gpkg"]


def test_a_table_of_zones_by_the_command(run, clouds, tmp_path):  # noqa: F811
    pytest.importorskip("geopandas")
    box = [[[5e5, 5e6], [500100, 5e6], [500100, 4999900], [5e5, 4999900], [5e5, 5e6]]]
    shape = {"type": "Polygon", "coordinates": box}
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    feature = {"type": "Feature", "properties": {"id": 7}, "geometry": shape}
    told = {"type": "FeatureCollection", "crs": crs, "features": [feature]}
    (tmp_path / "z.geojson").write_text(json.dumps(told))
    words = ("--table", "t.csv", "--zones", "z.geojson", "--zone-field", "id")
    done = run("export", "clouds.tif", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = (tmp_path / "t.csv").read_text().splitlines()[1]
    numbers = percents()[0, :10, :10]
    observed = numbers[numbers != 255]
    assert row.startswith(f"2018-01-06,7,100,{observed.size},{(observed >= 50).sum()},")
