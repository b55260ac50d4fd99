"""Zarr stores and NetCDF files as stacks: the same numbers as in GeoTIFFs, wherever they lie."""

import json
import pickle
import shutil

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.reading import read_patches, read_preview, read_scene, read_window
from am4cm_cli.stacks.cubes import name_bands, read_cube
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.states import file_state
from cubes import as_array, as_dataset
from stacks import CORNER, CRS, every_days, random_dn, write_stack

zarr = pytest.importorskip("zarr")
pytest.importorskip("netCDF4")

BANDS = ("B02", "B04", "B08", "B11")
DAYS = every_days(6)
SHAPE = (9, 7)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Images with pixels of no data, and single dark numbers that are data."""
    folder = tmp_path_factory.mktemp("images")
    dn = random_dn((len(DAYS), len(BANDS), *SHAPE))
    dn[2, :, 3:5] = 0
    write_stack(folder, days=DAYS, bands=BANDS, dn=dn)
    return folder


@pytest.fixture(scope="module")
def dataset(images):
    return as_dataset(images)


def chunked(dataset, chunks):
    dims = ("time", "y", "x")
    sizes = tuple(chunks.get(dim, dataset.sizes[dim]) for dim in dims)
    return {band: {"chunks": sizes} for band in BANDS}


def write_zarr(dataset, path, *, version=3, consolidated=False, **chunks):
    dataset.to_zarr(
        path, zarr_format=version, consolidated=consolidated, encoding=chunked(dataset, chunks)
    )
    return path


def write_netcdf(dataset, path, **chunks):
    encoding = {
        band: {"chunksizes": facts["chunks"], "zlib": True}
        for band, facts in (chunked(dataset, chunks) if chunks else {}).items()
    }
    dataset.to_netcdf(path, engine="netcdf4", encoding=encoding)
    return path


def check(path, images, **options):
    """Every window is as it is read from the images."""
    found, expected = find_stack(path, StackOptions(**options)), find_stack(images)
    assert [scene.time for scene in found.scenes] == [scene.time for scene in expected.scenes]
    assert [scene.name for scene in found.scenes] == [scene.name for scene in expected.scenes]
    assert found.bands == expected.bands
    assert found.grid == expected.grid
    windows = [Window(0, 0, 7, 9), Window(2, 3, 4, 5)]
    for window in windows:
        for own, other in zip(
            read_window(found, BANDS[1:], window),
            read_window(expected, BANDS[1:], window),
            strict=True,
        ):
            np.testing.assert_array_equal(own, other)
    for own, other in zip(
        read_patches(found, BANDS, windows), read_patches(expected, BANDS, windows), strict=True
    ):
        np.testing.assert_array_equal(own, other)
    scene, like = found.scenes[2], expected.scenes[2]
    np.testing.assert_array_equal(
        read_scene(scene, BANDS, windows[1])[0], read_scene(like, BANDS, windows[1])[0]
    )
    np.testing.assert_array_equal(
        read_preview(scene, BANDS, found.grid, (3, 7))[0],
        read_preview(like, BANDS, expected.grid, (3, 7))[0],
    )
    return found


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("chunks", [{"time": 1}, {"time": 4, "y": 5, "x": 3}])
def test_zarr_of_any_chunks_is_read_as_the_images_are(tmp_path, images, dataset, version, chunks):
    path = write_zarr(dataset, tmp_path / "a.zarr", version=version, **chunks)
    stack = check(path, images)
    file = stack.scenes[0].bands["B02"]
    assert file.block == (chunks.get("y", 9), chunks.get("x", 7))
    slabs = [scene.bands["B11"].slab for scene in stack.scenes]
    assert slabs == [t // chunks["time"] for t in range(6)]


def test_zarr_with_metadata_kept_together(tmp_path, images, dataset):
    check(write_zarr(dataset, tmp_path / "a.zarr", version=2, consolidated=True), images)


@pytest.mark.parametrize("chunks", [{}, {"time": 3, "y": 4, "x": 7}])
def test_netcdf_is_read_as_the_images_are(tmp_path, images, dataset, chunks):
    check(write_netcdf(dataset, tmp_path / "a.nc", **chunks), images)


def test_one_variable_of_bands_in_another_order_of_dates_and_dimensions(tmp_path, images, dataset):
    array = as_array(dataset.isel(time=[3, 0, 5, 1, 4, 2]), "x", "time", "band", "y")
    array.attrs = {"_FillValue": 0}
    path = tmp_path / "a.zarr"
    array.to_dataset(name="reflectance").to_zarr(path, zarr_format=2, consolidated=False)
    check(path, images)


def test_scale_and_offset_of_a_variable_count(tmp_path, dataset):
    told = dataset.copy()
    for place, band in enumerate(BANDS):
        told[band].attrs.update(scale_factor=1e-4 * (1 + place), add_offset=-0.1)
    file = find_stack(write_netcdf(told, tmp_path / "a.nc")).scenes[0].bands
    for place, band in enumerate(BANDS):
        assert (file[band].scale, file[band].offset) == (1e-4 * (1 + place), -0.1)
    given = find_stack(tmp_path / "a.nc", StackOptions(scale=1e-3, offset=0)).scenes[0].bands["B04"]
    assert (given.scale, given.offset) == (1e-3, 0)


def test_south_up_and_cut_cubes_are_where_their_coordinates_say(tmp_path, dataset):
    dataset.spatial_ref.attrs["GeoTransform"] = "1 2 0 3 0 4"
    cut = dataset.isel(x=slice(2, 6), y=slice(None, None, -1))
    grid = find_stack(write_netcdf(cut, tmp_path / "a.nc")).grid
    top = CORNER.f + CORNER.e * SHAPE[0]
    assert tuple(grid.transform)[:6] == (10, 0, CORNER.c + 20, 0, 10, top)
    assert grid.crs == rasterio.CRS.from_string(CRS)
    dataset.spatial_ref.attrs.pop("GeoTransform")


def test_openeo_names_of_dimensions_and_a_crs_that_nothing_points_to(tmp_path, images, dataset):
    plain = dataset.drop_vars("spatial_ref").rename({"time": "t"})
    plain["crs"] = ((), 0, {"crs_wkt": rasterio.CRS.from_string(CRS).to_wkt()})
    check(write_netcdf(plain, tmp_path / "a.nc"), images)


def test_what_is_no_band_is_passed_over(tmp_path, images, dataset):
    more = dataset.assign(SCL=dataset["B02"] * 0, rain=("time", np.zeros(6)))
    stack = check(write_netcdf(more, tmp_path / "a.nc"), images)
    assert any("SCL passed over" in note for note in stack.notes)


def test_a_chunk_that_was_never_written_is_no_observation(tmp_path, dataset):
    bare = dataset.drop_attrs(deep=True)
    for version in (2, 3):
        path = write_zarr(bare, tmp_path / f"{version}.zarr", version=version, time=1)
        chunk = path / ("B04/2.0.0" if version == 2 else "B04/c/2/0/0")
        chunk.unlink()
        stack = find_stack(path)
        _, valid = read_window(stack, BANDS, Window(0, 0, 7, 9))
        assert not valid[2].any()
        assert valid[1].all()


def test_an_appended_or_rewritten_store_is_a_changed_file(tmp_path, dataset):
    path = write_zarr(dataset, tmp_path / "a.zarr", time=1)
    before = file_state(path)
    assert file_state(path) == before
    (path / "B04/c/2/0/0").write_bytes(b"1")
    assert file_state(path) != before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.drop_vars("time"), r"has no dimension of dates; found time \(6\)"),
        (lambda d: d.rename({b: b.replace("B", "layer") for b in BANDS}), "no.* known name"),
        (lambda d: d.isel(time=0, drop=True), "has no dimension of dates"),
        (lambda d: d.drop_vars(BANDS), "holds no images over time"),
        (lambda d: d.assign(blue=d["B02"]), "B02 comes more than once among"),
        (
            lambda d: d.assign(B12=(("time", "y", "easting"), np.zeros((6, 9, 3)))),
            "more than one grid",
        ),
        (lambda d: d.assign_coords(x=np.arange(7.0) ** 2), "not evenly spaced along x"),
        (
            lambda d: d.assign_coords(time=d.time.where(d.time != d.time[1])),
            r"number 2 is not known \(NaT\)",
        ),
        (lambda d: d.assign(B02=d.B02.assign_attrs(scale_factor="a")), "declares scale_factor 'a'"),
    ],
)
def test_what_is_wrong_with_a_cube_is_said(dataset, spoil, message):
    spoilt = spoil(dataset.copy(deep=True))
    with pytest.raises(StackError, match=message):
        name_bands(read_cube(spoilt, "cube.nc"))


def test_names_given_are_in_the_cubes_order(tmp_path, images, dataset):
    bare = dataset.rename(dict(zip(BANDS, "abcd", strict=True)))
    path = tmp_path / "a.nc"
    bare.to_netcdf(path, engine="netcdf4")
    check(path, images, band_names=BANDS)


def test_a_cube_without_crs_is_taken_with_a_note(tmp_path, dataset):
    write_netcdf(dataset.drop_vars(["spatial_ref", "x", "y"]), tmp_path / "a.nc")
    notes = find_stack(tmp_path / "a.nc").notes
    assert notes == ("The images are not georeferenced; what is made of them won't be either.",)


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.95])
def test_a_netcdf_file_cut_short_is_an_error(tmp_path, dataset, kept):
    path = write_netcdf(dataset, tmp_path / "a.nc", time=1)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole) if kept < 1 else kept)])
    with pytest.raises(StackError, match=r"a\.nc: cannot be read as a cube"):
        read_window(find_stack(path), BANDS, Window(0, 0, 7, 9))


@pytest.mark.parametrize("version", [2, 3])
def test_a_chunk_cut_short_is_an_error(tmp_path, dataset, version):
    path = write_zarr(dataset, tmp_path / "a.zarr", version=version, time=2)
    chunk = path / ("B04/1.0.0" if version == 2 else "B04/c/1/0/0")
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(StackError, match=r"a\.zarr: cannot be read as a cube"):
        read_window(find_stack(path), BANDS, Window(0, 0, 7, 9))


def test_a_store_whose_metadata_is_spoilt_is_an_error(tmp_path, dataset):
    path = write_zarr(dataset, tmp_path / "a.zarr")
    for name in ("zarr.json", "B04/zarr.json", "time/c/0"):
        whole = (path / name).read_bytes()
        for text in (b"", b"[]", b"{", b'{"zarr_format": 9}', b"\xff\x00"):
            (path / name).write_bytes(text)
            with pytest.raises(StackError, match=r"a\.zarr"):
                find_stack(path)
        (path / name).write_bytes(whole)
    find_stack(path)


def test_an_empty_store_is_an_error(tmp_path, dataset):
    path = write_zarr(dataset, tmp_path / "a.zarr")
    shutil.rmtree(path / "B04")
    assert find_stack(path).bands == ("B02", "B08", "B11")
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(StackError, match=r"b\.zarr: cannot be read as a cube"):
        find_stack(tmp_path / "b.zarr")


class Evil:
    """Would leave a mark if it were ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_nothing_in_a_store_is_executed(tmp_path, dataset):
    """A Zarr array may say that its chunks are pickles, which numcodecs can load."""
    path = write_zarr(dataset, tmp_path / "a.zarr", version=2)
    mark = tmp_path / "executed"
    pickled = {"id": "pickle"}
    for name in ("B04", "time"):
        header = path / name / ".zarray"
        told = json.loads(header.read_text())
        for chunk in path.glob(f"{name}/[0-9]*"):
            chunk.write_bytes(pickle.dumps(Evil(mark)))
        for codecs in (
            {"compressor": None, "filters": [pickled]},
            {"compressor": pickled, "filters": None},
            {"compressor": pickled, "filters": [pickled], "dtype": "|O"},
        ):
            header.write_text(json.dumps({**told, **codecs}))
            with pytest.raises(StackError, match="pickle"):
                find_stack(path)
        header.write_text(json.dumps(told))
    assert not mark.exists()


def test_absurd_sizes_are_refused_before_memory_is_taken(tmp_path, dataset):
    path = write_zarr(dataset, tmp_path / "a.zarr")
    header = path / "time/zarr.json"
    told = json.loads(header.read_text())
    header.write_text(json.dumps({**told, "shape": [10**12]}))
    with pytest.raises(StackError, match=r"a\.zarr"):
        find_stack(path)
