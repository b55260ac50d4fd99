from pathlib import Path

import pytest

from am4cm_cli.stacks.locations import (
    file_behind,
    gdal_name,
    in_zip,
    is_virtual,
    located,
    zip_and_member,
)


@pytest.mark.parametrize(
    "name",
    [
        "images/a.tif",
        "/vsizip/archive.zip/a.tif",
        "/vsicurl/https://host:8080/a/b.tif?key=1:/2",
        "/vsizip//vsicurl/http://host/x.zip/a.tif",
    ],
)
def test_a_path_comes_back_as_the_name_that_gdal_opens(name):
    assert gdal_name(Path(name)) == name.replace("zip//vsi", "zip/vsi")


def test_a_colon_in_a_folder_of_ones_own_is_none_of_a_url():
    assert gdal_name(Path("/data/http:/a.tif")) == "/data/http:/a.tif"


def test_a_zip_is_found_by_its_relative_and_its_absolute_path(tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.zip").touch()
    monkeypatch.chdir(tmp_path)
    whole = in_zip(tmp_path / "x" / "a.zip", "b/c.tif")
    assert zip_and_member(whole) == (tmp_path / "x" / "a.zip", "b/c.tif")
    assert file_behind(whole) == tmp_path / "x" / "a.zip"
    for name in ("/vsizip/x/a.zip/b/c.tif", f"/vsizip/{tmp_path}/x/a.zip/b/c.tif", str(whole)):
        assert located(name) == located(Path(name)) == whole
    assert located("/vsizip/gone.zip/b.tif") == Path("/vsizip/gone.zip/b.tif")
    assert gdal_name(located("HTTPS://host/a.tif")) == "/vsicurl/https://host/a.tif"


def test_only_what_gdal_calls_so_is_virtual():
    assert is_virtual(Path("/vsicurl/https://host/a.tif"))
    assert not is_virtual(Path("vsicurl/a.tif"))
