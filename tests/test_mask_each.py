"""Many stacks by a list."""

import shutil

import pytest
import rasterio

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.lists import ListedStack, read_list
from am4cm_cli.weights import save_weights
from cloudy import bright_weights, write_cloudy
from stacks import every_days, write_stack
from test_commands import run  # noqa: F401


@pytest.fixture
def area(tmp_path):
    write_cloudy(tmp_path / "one")
    shutil.copytree(tmp_path / "one" / "images", tmp_path / "two")
    write_stack(tmp_path / "few", days=every_days(3))
    save_weights(tmp_path / "w.safetensors", bright_weights())
    (tmp_path / "masks").mkdir()
    return tmp_path


def each(run, area, text, *options):  # noqa: F811
    (area / "tiles.csv").write_text(text)
    words = ("mask", area / "tiles.csv", area / "masks", "--each")
    return run(*words, "--weights", area / "w.safetensors", *options)


def names(area):
    return sorted(path.name for path in (area / "masks").iterdir())


def test_each_stack_gets_its_mask(run, area):  # noqa: F811
    done = each(run, area, "# a comment\nA, one/images\n\nB,two/*.tif\n")
    assert done.returncode == 0
    assert names(area) == ["A.tif", "B.tif"]
    with rasterio.open(area / "masks" / "A.tif") as a, rasterio.open(area / "masks" / "B.tif") as b:
        assert (a.read() == b.read()).all()


def test_one_that_fails_stops_no_other_and_is_done_alone_later(run, area):  # noqa: F811
    done = each(run, area, "A,few\nB,two\n")
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "A: " in said
    assert "1 of 2 stacks have no mask: A." in said
    assert names(area) == ["B.tif"]
    before = (area / "masks" / "B.tif").stat().st_ino
    done = each(run, area, "A,one/images\nB,two\n")
    assert done.returncode == 0
    assert "B.tif: is there already." in done.stderr.decode()
    assert names(area) == ["A.tif", "B.tif"]
    assert (area / "masks" / "B.tif").stat().st_ino == before


@pytest.mark.parametrize(
    ("name", "parts", "options"),
    [("A.tif", "A.tif.parts", ()), ("A.zarr", ".A.zarr.tif.parts", ("--format", "zarr"))],
)
def test_parts_of_a_run_that_was_stopped_at_its_end_are_forgotten(run, area, name, parts, options):  # noqa: F811
    pytest.importorskip("zarr")
    assert each(run, area, "A,two\n", *options).returncode == 0
    (area / "masks" / parts).mkdir()
    (area / "masks" / parts / "journal.json").write_text('{"facts": {}, "found": {}}')
    done = each(run, area, "A,two\n", *options)
    assert f"{name}: is there already." in done.stderr.decode()
    assert names(area) == [name]


def test_options_for_one_file_are_refused(run, area):  # noqa: F811
    done = each(run, area, "A,two\n", "--classes", area / "classes.tif")
    assert done.returncode == 2
    assert "has no use with --each" in " ".join(done.stderr.decode().split())
    assert names(area) == []


@pytest.mark.parametrize("by", ["file", "environment"])
def test_options_for_one_file_that_are_set_for_good_are_passed_over(run, area, monkeypatch, by):  # noqa: F811
    outputs = ("classes", "reliability", "attention", "binary", "table")
    ends = {name: f"{name}.{'csv' if name == 'table' else 'tif'}" for name in outputs}
    alone = {**ends, "clear-sky": "clear", "split": "split", "stac": "stac"}
    (area / "zones.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    alone["zones"] = "zones.geojson"
    monkeypatch.chdir(area)
    if by == "file":
        lines = "".join(f'{name} = "{path}"\n' for name, path in alone.items())
        (area / "am4cm.toml").write_text(f"[mask]\n{lines}")
        monkeypatch.setenv("AM4CM_CONFIG", "am4cm.toml")
    else:
        for name, path in alone.items():
            monkeypatch.setenv(f"AM4CM_MASK_{name.replace('-', '_').upper()}", path)
    before = sorted(path.name for path in area.iterdir())
    done = each(run, area, "A,one/images\nB,two\n")
    assert done.returncode == 0, done.stderr
    assert names(area) == ["A.tif", "B.tif"]
    assert sorted(path.name for path in area.iterdir()) == sorted([*before, "tiles.csv"])


def test_a_folder_that_is_missing(run, area):  # noqa: F811
    shutil.rmtree(area / "masks")
    done = each(run, area, "A,two\n")
    assert done.returncode == 1
    assert "masks: is no folder; create it first" in done.stderr.decode()


def test_lists_are_read_beside_their_images(tmp_path):
    (tmp_path / "list.csv").write_text("A,in\nB,/data/in\n")
    assert read_list(tmp_path / "list.csv") == [
        ListedStack(name="A", source=str(tmp_path / "in")),
        ListedStack(name="B", source="/data/in"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("A\n", "a line says 'A'"),
        ("A,in,out\n", "a line says 'A,in,out'"),
        ("../A,in\n", "with a name that can be a file's"),
        ("A,in\nA,there\n", "names A twice"),
    ],
)
def test_lists_that_say_something_else(tmp_path, text, words):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(StackError, match=words):
        read_list(tmp_path / "list.csv")


def test_a_list_that_is_not_there(tmp_path):
    with pytest.raises(StackError, match="cannot be read"):
        read_list(tmp_path / "none.csv")
