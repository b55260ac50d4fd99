from pathlib import Path

import pytest

from am4cm_cli.stacks.locations import gdal_name, is_virtual


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


def test_only_what_gdal_calls_so_is_virtual():
    assert is_virtual(Path("/vsicurl/https://host/a.tif"))
    assert not is_virtual(Path("vsicurl/a.tif"))
