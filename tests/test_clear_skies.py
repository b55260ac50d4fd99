"""The clear sky as it is written: by hand, by `explain`, and as a stack of its own."""

import shutil
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
import rasterio
import torch
from numpy.testing import assert_allclose, assert_array_equal
from rasterio.shutil import copy
from rasterio.windows import Window

from am4cm_cli.attention import fold
from am4cm_cli.clear_skies import check_clear_sky
from am4cm_cli.errors import OutputError, StackError
from am4cm_cli.explaining import explain_pixel
from am4cm_cli.masking import mask_stack
from am4cm_cli.nonlinear import read_attention
from am4cm_cli.orders import Basis, MaskConfig, MaskFiles, Resources
from am4cm_cli.places import find_place
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.reflectances import NODATA
from am4cm_cli.scores import Observations, make_score
from am4cm_cli.scores.residuals import parts_of
from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.stacks.discovery import find_stack
from cloudy import DATES, GROUND, SHAPE, bright_weights, write_cloudy
from networks import settled, tiny_model
from stacks import every_days, random_dn, write_stack
from test_commands import assert_refused, mask, run, site  # noqa: F401

CPU = torch.device("cpu")
SD = torch.tensor([0.8, 1.7], dtype=torch.float64)


def write(folder, out, resources=None, **how):
    """(T, B, Y, X) numbers of the clear sky of a folder of images, and the summary."""
    out.mkdir(exist_ok=True)
    files = MaskFiles(probability=out / "mask.tif", clear_sky=out / "clear")
    summary = mask_stack(
        find_stack(folder), files, bright_weights(), MaskConfig(), resources, device=CPU, **how
    )
    return read(files.clear_sky), summary


def read(folder):
    rasters = []
    for path in sorted(folder.iterdir()):
        with rasterio.open(path) as raster:
            rasters.append(raster.read())
    return np.array(rasters)


@pytest.fixture(scope="module")
def cloudy(tmp_path_factory):
    """Images with clouds, and the folder that holds their mask and clear sky."""
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    write(folder / "images", folder / "out")
    return folder


@pytest.mark.parametrize(("column", "row"), [(0, 0), (4, 20), (18, 21), (9, 12)])
def test_a_pixel_has_the_clear_sky_that_explain_has(cloudy, column, row):
    stack = find_stack(cloudy / "images")
    place = find_place(stack, column, row, given="pixel")
    series = explain_pixel(stack, place, bright_weights(), device=CPU)
    found = read(cloudy / "out" / "clear")[:, :, row, column].T
    assert_allclose(found[list(series.parts)] * 1e-4, series.evidence.clear_sky, atol=5.1e-5)


def test_the_mask_is_the_same_with_and_without(cloudy, tmp_path):
    files = MaskFiles(probability=tmp_path / "alone.tif")
    stack = find_stack(cloudy / "images")
    mask_stack(stack, files, bright_weights(), MaskConfig(), device=CPU)
    assert files.probability.read_bytes() == (cloudy / "out" / "mask.tif").read_bytes()


def test_clouds_are_not_in_it(cloudy, tmp_path):
    under = write_cloudy(tmp_path)
    found = read(cloudy / "out" / "clear").astype(float)
    blue = found[:, 0]
    assert blue[under].mean() < GROUND[0] * 1.2
    assert np.abs(blue[under].mean() - blue[~under].mean()) < 0.1 * GROUND[0]


def test_the_folder_is_a_stack_of_the_same_dates_and_bands(cloudy):
    images, folder = find_stack(cloudy / "images"), cloudy / "out" / "clear"
    clear = find_stack(folder)
    assert [scene.name for scene in clear.scenes] == [scene.name for scene in images.scenes]
    assert (clear.bands, clear.grid, clear.notes) == (images.bands, images.grid, ())
    numbers = read(folder)
    window = Window(0, 0, SHAPE[1], SHAPE[0])
    reflectance, valid = read_window(clear, clear.bands, window)
    assert valid.all()
    assert_allclose(reflectance, numbers * 1e-4, atol=1e-7)
    with rasterio.open(folder / "2018-01-01.tif") as raster:
        tags = raster.tags()
        assert raster.descriptions == LAND_BANDS
        assert (raster.scales, raster.offsets) == ((1e-4,) * 10, (0.0,) * 10)
    assert (tags["AM4CM_CONTENT"], tags["AM4CM_DATE"]) == ("clear sky", "2018-01-01")
    assert "AM4CM_CALIBRATION" not in tags


def test_a_constant_ground_is_its_own_estimate(tmp_path):
    ground = np.random.default_rng(3).integers(200, 900, (10, 9, 8)).astype(np.uint16)
    dn = np.repeat(ground[None], 8, axis=0)
    write_stack(tmp_path / "in", days=every_days(8), dn=dn)
    found, _ = write(tmp_path / "in", tmp_path / "out")
    assert_array_equal(found, dn)


def test_equal_trust_makes_it_the_mean_by_the_kernel(tmp_path):
    """The weights look at B02 and B11 alone: where these stand still, all dates are trusted."""
    days = every_days(9, step=11)
    dn = random_dn((9, 10, 5, 6))
    dn[:, LAND_BANDS.index("B02")], dn[:, LAND_BANDS.index("B11")] = 600, 1500
    write_stack(tmp_path / "in", days=days, dn=dn)
    found, _ = write(tmp_path / "in", tmp_path / "out")
    ordinal = np.array([date.fromisoformat(day).toordinal() for day in days])
    apart = np.abs(ordinal[:, None] - ordinal)
    weight = np.exp(-0.5 * (apart / 25) ** 2) * (apart > 0) * (apart <= 75)
    expected = np.einsum("ts,sbyx->tbyx", weight / weight.sum(1, keepdims=True), dn)
    assert_allclose(found, expected, atol=0.6)


def test_what_was_not_seen_is_estimated_as_far_as_others_tell(tmp_path):
    """A date without pixels has neighbours; a pixel never seen, and a date far away, have none."""
    days = [*every_days(7, step=5), "2019-09-01"]
    dn = np.full((8, 10, 6, 5), 700, np.uint16)
    dn[3], dn[:, :, 2, 1] = 0, 0
    write_stack(tmp_path / "in", days=days, dn=dn)
    found, _ = write(tmp_path / "in", tmp_path / "out")
    expected = np.full_like(found, 700)
    expected[:, :, 2, 1] = NODATA
    expected[7] = NODATA
    assert_array_equal(found, expected)


def test_windows_memory_and_threads_change_no_byte(tmp_path):
    dn = random_dn((7, 10, 61, 45))
    dn[2, :, 9:30] = 0
    write_stack(tmp_path / "in", days=every_days(7), dn=dn)
    ways = {"whole": None, "tiled": Resources(tile=17, threads=3), "thin": Resources(tile=23)}
    written = {}
    for name, resources in ways.items():
        write(tmp_path / "in", tmp_path / name, resources)
        written[name] = [p.read_bytes() for p in sorted((tmp_path / name / "clear").iterdir())]
    assert len(written["whole"]) == 7
    assert written["whole"] == written["tiled"] == written["thin"]


def stopping(items):
    for done, item in enumerate(items):
        if done == 3:
            raise KeyboardInterrupt
        yield item


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(cloudy, tmp_path):
    images, told = cloudy / "images", []
    with pytest.raises(KeyboardInterrupt):
        write(images, tmp_path, Resources(tile=16), resume=True, track=stopping)
    assert [path.name for path in tmp_path.iterdir()] == ["mask.tif.parts"]
    write(images, tmp_path, Resources(tile=16), resume=True, tell=told.append)
    assert any("3 of 4 windows are done" in line for line in told)
    for path in sorted((cloudy / "out" / "clear").iterdir()):
        assert (tmp_path / "clear" / path.name).read_bytes() == path.read_bytes()
    # Parts without a clear sky are of no use to a run that wants it, and the other way round.
    files = MaskFiles(probability=tmp_path / "mask.tif")
    stack = find_stack(images)
    with pytest.raises(KeyboardInterrupt):
        mask_stack(
            stack,
            files,
            bright_weights(),
            MaskConfig(),
            Resources(tile=16),
            device=CPU,
            resume=True,
            track=stopping,
        )
    write(images, tmp_path, Resources(tile=16), resume=True, tell=told.append)
    assert "Changed: the rasters to write." in told[-1]


def test_a_failure_leaves_the_former_folder_as_it_was(cloudy, tmp_path):
    write(cloudy / "images", tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "clear").iterdir()}
    write_cloudy(tmp_path / "site", seed=1)
    damaged = sorted((tmp_path / "site" / "images").iterdir())[-1]
    with damaged.open("r+b") as file:
        file.truncate(damaged.stat().st_size // 2)
    with pytest.raises(StackError, match=damaged.name):
        write(tmp_path / "site" / "images", tmp_path)
    assert {path: path.read_bytes() for path in (tmp_path / "clear").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clear", "mask.tif", "site"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"method": "drop"}, r"the method drop estimates no clear sky.*--method counterfactual"),
        ({"method": "attention"}, "the method attention estimates no clear sky"),
    ],
)
def test_other_methods_have_none(cloudy, tmp_path, config, words):
    files = MaskFiles(probability=tmp_path / "mask.tif", clear_sky=tmp_path / "clear")
    stack = find_stack(cloudy / "images")
    with pytest.raises(OutputError, match=words):
        mask_stack(stack, files, bright_weights(), MaskConfig(**config), device=CPU)
    basis = Basis(path=cloudy / "out" / "mask.tif", update=True)
    with pytest.raises(OutputError, match=r"clear: --update can't make it"):
        mask_stack(stack, files, bright_weights(), MaskConfig(), device=CPU, basis=basis)
    assert not list(tmp_path.iterdir())


def held(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(images, clear, words):
    """Nothing under the folder of the clear sky, nor the images, is touched."""
    stack = find_stack(images)
    folder = clear.parent
    before = held(folder)
    files = MaskFiles(probability=folder / "mask.tif", clear_sky=clear)
    with pytest.raises(OutputError, match=words):
        mask_stack(stack, files, bright_weights(), MaskConfig(), device=CPU)
    assert held(folder) == before


def test_images_are_not_replaced_by_their_clear_sky(tmp_path):
    """Their names are dates, as those of a clear sky are."""
    write_cloudy(tmp_path)
    images = tmp_path / "images"
    for path, name in zip(sorted(images.iterdir()), every_days(DATES), strict=True):
        path.rename(images / f"{name}.tif")
    refused(images, images, r"images: is replaced as a whole, but 2018-01-01\.tif of the images")
    refused(images, images / "2018-01-01.tif", r"2018-01-01\.tif: is replaced as a whole")


def test_a_clear_sky_is_not_replaced_by_that_of_its_own(cloudy, tmp_path):
    shutil.copytree(cloudy / "out" / "clear", tmp_path / "clear")
    (tmp_path / "link").symlink_to("clear")
    refused(tmp_path / "clear", tmp_path / "link", "link: is replaced as a whole")


def test_other_images_are_not_replaced(cloudy, tmp_path):
    write_stack(tmp_path / "clear", days=every_days(3))
    for path, name in zip(sorted((tmp_path / "clear").iterdir()), every_days(3), strict=True):
        path.rename(tmp_path / "clear" / f"{name}.tif")
    refused(cloudy / "images", tmp_path / "clear", "clear: holds more than am4cm wrote")
    (tmp_path / "file").write_text("mine")
    refused(cloudy / "images", tmp_path / "file", "file: holds more than am4cm wrote")


def test_images_behind_views_are_not_replaced(cloudy, tmp_path):
    shutil.copytree(cloudy / "out" / "clear", tmp_path / "clear")
    (tmp_path / "views").mkdir()
    for path in (tmp_path / "clear").iterdir():
        copy(path, tmp_path / "views" / f"{path.stem}.vrt", driver="VRT")
    refused(tmp_path / "views", tmp_path / "clear", "clear: is replaced as a whole")


def test_more_dates_than_can_be_open_at_once_are_refused(cloudy, tmp_path):
    stack = find_stack(cloudy / "images")
    many = replace(stack, scenes=stack.scenes * 36)
    with pytest.raises(OutputError, match=r"the clear sky of 504 dates.*at most 500.*--from"):
        check_clear_sky(tmp_path / "clear", many, "counterfactual")


def dated(count, step=6):
    first = date(2018, 1, 1).toordinal()
    return np.array([(date.fromordinal(first) + timedelta(days=step * t)) for t in range(count)])


@pytest.mark.parametrize("name", ["linear", "mlp"])
@pytest.mark.parametrize("snowy", [False, True])
def test_evidence_departs_from_it(name, snowy):
    """Of both kinds of score, with a pixel of lasting snow, which is its own clear sky."""
    model = tiny_model(1).double() if name == "linear" else settled("mlp", 1)
    attention = fold(model) if name == "linear" else read_attention(model)
    days = np.array(dated(8), "datetime64[D]").astype(np.int64)
    rng = np.random.default_rng(4)
    reflectance = torch.from_numpy(rng.random((8, 4, 6)) * 0.09)
    if snowy:
        reflectance[:, :, 2] = torch.tensor([0.8, 0.8, 0.7, 0.05]) + 0.01 * reflectance[:, :, 2]
    valid = torch.from_numpy(rng.random((8, 6)) > 0.2)
    valid[:, 2] = True
    reflectance = reflectance * valid[:, None]
    seen = Observations.of_reflectance(reflectance, valid)
    logit_sd = torch.ones(len(attention.bias), dtype=torch.float64)
    score = make_score("counterfactual", attention, logit_sd, days)
    clear, evidence = score.clear_sky(seen), score(seen)
    blue, nir, swir = parts_of(attention.bands)
    known = ~evidence[0].isnan()
    assert_array_equal(known, valid)
    for part, band, sign in ((1, blue, 1), (2, nir, -1), (3, swir, -1)):
        departed = sign * (reflectance[:, band] - clear[:, band])
        assert_allclose(departed[known], evidence[part][known], atol=1e-12)
    assert clear.isfinite().all()
    same = (clear[:, :, 2] == reflectance[:, :, 2]).all()
    assert same == snowy


def test_the_command_writes_a_folder_and_says_what_it_is(mask, tmp_path):  # noqa: F811
    result = mask(tmp_path / "out.tif", "--clear-sky", tmp_path / "clear")
    assert result.returncode == 0, result.stderr
    assert "clear holds estimates" in result.stderr.decode()
    assert len(list((tmp_path / "clear").iterdir())) == DATES
    again = mask(tmp_path / "again.tif", "--clear-sky", tmp_path / "clear")
    assert_refused(again, tmp_path, "clear: exists already", left=["clear", "out.tif"])
    again = mask(tmp_path / "out.tif", "--clear-sky", tmp_path / "clear", "--overwrite")
    assert again.returncode == 0, again.stderr
    (tmp_path / "clear" / "notes.txt").write_text("mine")
    again = mask(tmp_path / "out.tif", "--clear-sky", tmp_path / "clear", "--overwrite")
    assert_refused(again, tmp_path, "holds more than am4cm wrote", left=["clear", "out.tif"])


def test_it_is_stored_as_asked_for_beside_a_zarr_cube(mask, tmp_path):  # noqa: F811
    pytest.importorskip("zarr")
    words = ("--format", "zarr", "--clear-sky", tmp_path / "clear", "--co", "COMPRESS=LZW")
    result = mask(tmp_path / "out.zarr", *words)
    assert result.returncode == 0, result.stderr
    with rasterio.open(tmp_path / "clear" / "2018-01-01.tif") as raster:
        assert raster.compression.value == "LZW"


def test_the_command_refuses_what_makes_no_sense(mask, tmp_path):  # noqa: F811
    result = mask(tmp_path / "out.tif", "--clear-sky", "-")
    assert result.returncode == 2
    result = mask(tmp_path / "clear" / "out.tif", "--clear-sky", tmp_path / "clear")
    assert_refused(result, tmp_path)
    (tmp_path / "clear").mkdir()
    inside = mask(tmp_path / "clear" / "out.tif", "--clear-sky", tmp_path / "clear", "--overwrite")
    assert_refused(inside, tmp_path, "is replaced as a whole", left=["clear"])
