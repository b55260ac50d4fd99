"""Masks of tiny stacks: the right pixels, whatever the tiling, on the images' own grid."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import torch
from numpy.testing import assert_allclose

from am4cm_cli.errors import OutputError, StackError, WeightsError
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.scores import METHODS
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.stack import Stack
from cloudy import CLOUD, DATES, GROUND, SHAPE, bright_weights, write_cloudy
from stacks import every_days, random_dn, write_stack

CPU = torch.device("cpu")


def mask(folder, out, weights=None, resources=None, **options):
    stack = folder if isinstance(folder, Stack) else find_stack(folder)
    config = MaskConfig(**options)
    files = MaskFiles(probability=out)
    summary = mask_stack(stack, files, weights or bright_weights(), config, resources, device=CPU)
    with rasterio.open(out) as raster:
        return raster.read(), raster.profile | {"names": raster.descriptions}, summary


@pytest.fixture
def site(tmp_path):
    return tmp_path / "site", write_cloudy(tmp_path / "site")


def away_from_border(cloud):
    """Where the pixel to the left and right is alike: a bright cloud reaches one pixel further."""
    wide = np.pad(cloud, ((0, 0), (0, 0), (1, 1)), mode="edge")
    return (wide[..., 2:] == cloud) & (wide[..., :-2] == cloud)


def test_clouds_are_found_where_they_are(site, tmp_path):
    folder, cloud = site
    percent, profile, summary = mask(folder, tmp_path / "out.tif")
    assert ((percent >= 50) == cloud)[away_from_border(cloud)].mean() > 0.99
    assert profile["names"] == tuple(every_days(DATES, step=8))
    assert (summary.dates, summary.answered) == (DATES, cloud.size)
    assert summary.flagged == (percent >= 50).sum()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_puts_clouds_above_clear_ground(site, tmp_path, method):
    folder, cloud = site
    percent, _, _ = mask(folder, tmp_path / "out.tif", method=method)
    assert percent[cloud].mean() > percent[~cloud].mean() + 20


def test_the_grid_is_the_images(site, tmp_path):
    folder, _ = site
    _, profile, _ = mask(folder, tmp_path / "out.tif")
    with rasterio.open(folder / "images" / "S2_L2A_20180101.tif") as image:
        assert profile["crs"] == image.crs
        assert profile["transform"] == image.transform
        assert (profile["height"], profile["width"]) == image.shape


@pytest.mark.parametrize(
    ("tile", "batch", "threads"),
    [
        (16, 7, 1),
        (16, 65536, 2),
        pytest.param(1, 1, 3, marks=pytest.mark.long),
        (3, 100, 2),
        (19, 100, 1),
    ],
)
def test_any_tiling_gives_the_same_bytes(site, tmp_path, tile, batch, threads):
    folder, _ = site
    mask(folder, tmp_path / "whole.tif", dtype="float32")
    resources = Resources(tile=tile, batch=batch, threads=threads)
    mask(folder, tmp_path / "tiled.tif", resources=resources, dtype="float32")
    assert (tmp_path / "whole.tif").read_bytes() == (tmp_path / "tiled.tif").read_bytes()


def test_float_and_percent_agree(site, tmp_path):
    folder, _ = site
    percent, _, _ = mask(folder, tmp_path / "percent.tif")
    share, profile, _ = mask(folder, tmp_path / "share.tif", dtype="float32")
    assert profile["dtype"] == "float32"
    assert np.isnan(profile["nodata"])
    assert_allclose(share * 100, percent, atol=0.5001)


def observed_in_part(folder):
    dn = random_dn((8, 10, 6, 5), seed=4)
    dn[3] = 0  # a date that shows nothing
    dn[5, :, :2] = 0  # the edge of a swath
    dn[:, :, 4, 4] = 0  # a pixel that no date shows
    write_stack(folder, days=every_days(8), dn=dn)
    return dn[:, 0] == 0


def test_what_was_not_observed_is_nodata_and_nothing_else(tmp_path):
    missing = observed_in_part(tmp_path / "in")
    percent, profile, summary = mask(tmp_path / "in", tmp_path / "out.tif")
    assert profile["nodata"] == 255
    assert ((percent == 255) == missing).all()
    assert summary.answered == (~missing).sum()
    share, _, _ = mask(tmp_path / "in", tmp_path / "share.tif", dtype="float32")
    assert (np.isnan(share) == missing).all()


def test_dates_that_show_nothing_change_no_answer(site, tmp_path):
    folder, _ = site
    before, _, _ = mask(folder, tmp_path / "before.tif")
    empty = np.zeros((2, 10, *SHAPE), np.uint16)
    write_stack(folder / "images", days=["2018-01-30", "2018-03-02"], dn=empty)
    after, profile, _ = mask(folder, tmp_path / "after.tif")
    blank = np.isin(profile["names"], ["2018-01-30", "2018-03-02"])
    assert (after[blank] == 255).all()
    assert (after[~blank] == before).all()


def test_files_in_any_order_are_the_same_stack(site, tmp_path):
    folder, _ = site
    before, _, _ = mask(folder, tmp_path / "before.tif")
    paths = sorted((folder / "images").glob("*.tif"), key=lambda path: path.name[::-1])
    (tmp_path / "list.txt").write_text("\n".join(map(str, paths)))
    after, _, _ = mask(find_stack(tmp_path / "list.txt"), tmp_path / "after.tif")
    assert (after == before).all()


def test_seams_do_not_show_where_only_patches_are_sampled(tmp_path):
    dn = random_dn((6, 10, 300, 270), seed=5)
    write_stack(tmp_path / "in", days=every_days(6), dn=dn)
    whole, _, _ = mask(tmp_path / "in", tmp_path / "whole.tif", resources=Resources(tile=304))
    resources = Resources(tile=80, batch=999)
    tiled, _, _ = mask(tmp_path / "in", tmp_path / "tiled.tif", resources=resources)
    assert (whole == tiled).all()
    assert len(np.unique(whole)) > 20


def test_a_small_observed_patch_of_a_large_grid_is_found(tmp_path):
    dn = np.zeros((6, 10, 700, 650), np.uint16)
    dn[..., 330:370, 140:200] = random_dn((6, 10, 40, 60))
    write_stack(tmp_path / "in", days=every_days(6), dn=dn)
    percent, _, summary = mask(tmp_path / "in", tmp_path / "out.tif")
    assert ((percent < 255) == (dn[:, 0] > 0)).all()
    assert summary.answered == 6 * 40 * 60


@pytest.mark.parametrize("bands", [("B02", "B03"), ("B02",)])
def test_one_or_two_bands_are_refused(site, tmp_path, bands):
    with pytest.raises(WeightsError, match="at least 3 of its bands"):
        mask(replace(find_stack(site[0]), bands=bands), tmp_path / "out.tif")


def test_an_image_is_never_replaced_by_its_mask(site, tmp_path):
    image = site[0] / "images" / "S2_L2A_20180101.tif"
    before = image.read_bytes()
    with pytest.raises(OutputError, match=r"S2_L2A_20180101\.tif: is one of the images"):
        mask(site[0], image)
    assert image.read_bytes() == before


@pytest.mark.parametrize("dates", [1, 2, 3, 4])
def test_too_few_dates_are_refused(tmp_path, dates):
    write_stack(tmp_path / "in", days=every_days(dates))
    with pytest.raises(StackError, match=f"{dates} scenes, {dates} with .* at least 5"):
        mask(tmp_path / "in", tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()


def test_scenes_that_show_nothing_do_not_count(tmp_path):
    dn = random_dn((9, 10, 4, 3))
    dn[4:] = 0
    write_stack(tmp_path / "in", days=every_days(9), dn=dn)
    with pytest.raises(StackError, match="9 scenes, 4 with observations"):
        mask(tmp_path / "in", tmp_path / "out.tif")


@pytest.mark.parametrize(("dtype", "factor"), [(np.float32, 1.0), (np.uint16, 1e-3)])
def test_numbers_that_cannot_be_reflectance_are_refused(tmp_path, dtype, factor):
    dn = (random_dn((6, 10, 4, 3)) * factor).astype(dtype) + dtype(1)
    write_stack(tmp_path / "in", days=every_days(6), dn=dn)
    with pytest.raises(StackError, match=r"mean reflectance of .* --scale"):
        mask(tmp_path / "in", tmp_path / "out.tif")


def test_a_lone_date_is_nodata_and_named(tmp_path):
    write_stack(tmp_path / "in", days=[*every_days(7), "2018-12-24"])
    percent, _, summary = mask(tmp_path / "in", tmp_path / "out.tif")
    assert (percent[-1] == 255).all()
    assert (percent[:-1] < 255).all()
    assert any("2018-12-24" in note for note in summary.notes)


def test_fewer_bands_are_served_and_told(site, tmp_path):
    folder, cloud = site
    stack = find_stack(folder)
    bands = ("B02", "B03", "B04", "B8A", "B11", "B12")
    percent, _, summary = mask(replace(stack, bands=bands), tmp_path / "out.tif")
    assert ((percent >= 50) == cloud)[away_from_border(cloud)].mean() > 0.99
    assert summary.notes == (
        "The stack has no B05, B06, B07, B08; the mask rests on B02, B03, B04, B8A, B11, B12.",
    )


@pytest.mark.parametrize("bands", [("B01", "B09"), ("B12",)])
def test_bands_that_tell_too_little_are_refused(site, tmp_path, bands):
    stack = replace(find_stack(site[0]), bands=bands)
    weights = bright_weights()
    apart = tuple(map(tuple, np.eye(10).tolist()))  # no band tells of another
    weights = replace(weights, calibration=replace(weights.calibration, band_covariance=apart))
    with pytest.raises(WeightsError, match="of what the attention of the weights bright"):
        mask(stack, tmp_path / "out.tif", weights)
    assert not (tmp_path / "out.tif").exists()


def test_tags_say_how_the_mask_was_made(site, tmp_path):
    mask(site[0], tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as raster:
        tags = raster.tags()
    assert tags["AM4CM_WEIGHTS"] == "bright"
    assert tags["AM4CM_WEIGHTS_SHA256"] == "0" * 64
    assert tags["AM4CM_METHOD"] == "counterfactual"
    assert tags["AM4CM_CONTENT"] == "probability"
    assert tags["AM4CM_TARGET"] == "cloud"
    judged = json.loads(tags["AM4CM_CALIBRATION"])
    assert 0.2 < judged["cloud"]["cloud_share"] < 0.4
    assert 0.2 < judged["unusable"]["cloud_share"] < 0.4


def mask_all(folder, out, resources=None, **options):
    """Every raster that can be asked for, by its content."""
    files = MaskFiles(**{name: out / f"{name}.tif" for name in vars(MaskFiles(probability=out))})
    config = MaskConfig(**options)
    mask_stack(find_stack(folder), files, bright_weights(), config, resources, device=CPU)
    return {path.stem: rasterio.open(path).read() for path in files.rasters}


def test_all_rasters_agree_whatever_the_tiling(site, tmp_path):
    folder, cloud = site
    (tmp_path / "whole").mkdir()
    (tmp_path / "tiled").mkdir()
    whole = mask_all(folder, tmp_path / "whole", target="unusable")
    resources = Resources(tile=3, batch=7)
    tiled = mask_all(folder, tmp_path / "tiled", resources, target="unusable")
    assert ((whole["classes"] > 0) == (whole["probability"] >= 50)).mean() > 0.999
    assert (whole["classes"] == tiled["classes"]).all()
    assert (whole["reliability"] == tiled["reliability"]).all()
    assert_allclose(whole["attention"], tiled["attention"], rtol=1e-4)
    assert_allclose(whole["attention"].sum(0), 1, rtol=1e-5)
    heads = whole["attention_heads"].reshape(len(cloud), 2, *cloud.shape[1:])
    assert_allclose(heads.mean(1), whole["attention"], rtol=1e-5)
    assert (whole["classes"][cloud] == 1).mean() > 0.99  # bright, so thick
    assert (tmp_path / "whole" / "classes.qml").read_text().count("paletteEntry") == 4


def test_classes_need_the_method_that_tells_them(site, tmp_path):
    files = MaskFiles(probability=tmp_path / "out.tif", classes=tmp_path / "classes.tif")
    config = MaskConfig(method="blue")
    with pytest.raises(OutputError, match=r"classes\.tif: the method blue cannot tell shadows"):
        mask_stack(find_stack(site[0]), files, bright_weights(), config, device=CPU)
    assert not list(tmp_path.glob("*.tif"))


def test_two_outputs_of_one_name_are_refused(site, tmp_path):
    out = tmp_path / "out.tif"
    files = MaskFiles(probability=out, reliability=out)
    with pytest.raises(OutputError, match="is named for two outputs"):
        mask_stack(find_stack(site[0]), files, bright_weights(), MaskConfig(), device=CPU)


def still(folder, *, dates, bright=0):
    """A stack of one ground with noise; the first `bright` dates under thick cloud."""
    rng = np.random.default_rng(2)
    dn = np.broadcast_to(GROUND[:, None, None], (dates, 10, *SHAPE)).astype(float)
    dn = np.where(np.arange(dates)[:, None, None, None] < bright, CLOUD[:, None, None], dn)
    dn = dn * rng.normal(1, 0.05, dn.shape) + rng.normal(0, 20, dn.shape)
    write_stack(folder, days=every_days(dates, step=8), dn=dn.round().astype(np.uint16))


@pytest.mark.parametrize("target", ["cloud", "unusable"])
def test_a_stack_without_cloud_is_hardly_flagged(tmp_path, target):
    still(tmp_path / "in", dates=12)
    percent, _, summary = mask(tmp_path / "in", tmp_path / "out.tif", target=target)
    assert (percent >= 50).mean() < 0.02
    assert summary.notes == ()


def test_a_stack_of_nothing_but_cloud_is_warned_of(tmp_path):
    still(tmp_path / "in", dates=12, bright=12)
    _, _, summary = mask(tmp_path / "in", tmp_path / "out.tif")
    assert any("there may be no clear sky to compare with" in note for note in summary.notes)


@pytest.mark.parametrize("added", ["2018-01-30", "2018-05-02"])
def test_one_date_more_moves_the_others_little(site, tmp_path, added):
    folder, _ = site
    before, _, _ = mask(folder, tmp_path / "before.tif", dtype="float32")
    ground = np.random.default_rng(5).normal(GROUND[:, None, None], 30, (1, 10, *SHAPE))
    write_stack(folder / "images", days=[added], dn=ground.round().astype(np.uint16))
    after, profile, _ = mask(folder, tmp_path / "after.tif", dtype="float32")
    others = np.array(profile["names"]) != added
    assert np.abs(after[others] - before).mean() < 0.02
    assert ((after[others] >= 0.5) != (before >= 0.5)).mean() < 0.01


def test_all_appear_or_none(site, tmp_path):
    folder, _ = site
    (tmp_path / "classes.qml").mkdir()  # stands in the way of the last to appear
    files = MaskFiles(probability=tmp_path / "out.tif", classes=tmp_path / "classes.tif")
    with pytest.raises(OutputError, match=r"classes\.qml: not written"):
        mask_stack(find_stack(folder), files, bright_weights(), MaskConfig(), device=CPU)
    assert [path.name for path in tmp_path.iterdir() if path != folder] == ["classes.qml"]


def test_snow_that_lasts_is_ground_and_snow_of_one_date_is_not(tmp_path):
    rng = np.random.default_rng(6)
    snow = np.array([8000, 8100, 8000, 7900, 7800, 7700, 7500, 7400, 1100, 800])
    dn = np.broadcast_to(GROUND[:, None, None], (14, 10, *SHAPE)).astype(float)
    dn = dn * rng.normal(1, 0.03, dn.shape)
    for date in (4, 5, 6, 11):
        dn[date] = snow[:, None, None] * rng.normal(1, 0.01, dn.shape[1:])
    write_stack(tmp_path / "in", days=every_days(14, step=8), dn=dn.round().astype(np.uint16))
    percent, _, _ = mask(tmp_path / "in", tmp_path / "out.tif", target="unusable")
    flagged = (percent >= 50).mean(axis=(1, 2))
    assert flagged[4:7].max() < 0.02
    assert flagged[11] > 0.98


def test_an_overcast_stack_on_dark_ground_is_warned_of(tmp_path):
    rng = np.random.default_rng(7)
    depth = rng.exponential(1, (20, 1, *SHAPE))
    depth[::10] = 0  # two clear dates
    dn = GROUND[:, None, None] + depth * (CLOUD - GROUND)[:, None, None]
    dn = (dn * rng.normal(1, 0.03, dn.shape)).round().clip(1, 30000).astype(np.uint16)
    write_stack(tmp_path / "in", days=every_days(20, step=5), dn=dn)
    _, _, summary = mask(tmp_path / "in", tmp_path / "out.tif")
    assert any("of this stack is cloud or shadow" in note for note in summary.notes)


def test_a_thin_swath_still_names_a_wrong_level(tmp_path):
    rng = np.random.default_rng(8)
    dn = np.zeros((10, 10, 400, 400), np.uint16)
    ground = GROUND[:, None, None] * rng.normal(1, 0.3, (1, 1, 400, 12)).clip(0.4, 2)
    noisy = ground * rng.normal(1, 0.02, (10, 10, 400, 12))
    dn[..., 100:112] = noisy.round()
    dn[6, :, :, 100:112] += 1000
    write_stack(tmp_path / "in", days=every_days(10, step=8), dn=dn)
    _, _, summary = mask(tmp_path / "in", tmp_path / "out.tif")
    assert any(every_days(10, step=8)[6] in note for note in summary.notes)


@pytest.mark.parametrize(
    ("bands", "words"),
    [
        (("B02", "B03", "B04", "B08"), "no short-wave infrared"),
        (("B02", "B03", "B04"), "no near infrared"),
    ],
)
def test_bands_that_shadows_need_are_missed(site, tmp_path, bands, words):
    stack = replace(find_stack(site[0]), bands=bands)
    _, _, summary = mask(stack, tmp_path / "out.tif", target="unusable")
    assert any(words in note for note in summary.notes)
