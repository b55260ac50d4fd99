"""`am4cm calibrate` as a user meets it, and the masks by the weights it writes."""

import json

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

from am4cm_cli.app import app
from am4cm_cli.calibration import AS_IT_IS
from am4cm_cli.classes import SHADOW, THICK, UNKNOWN
from am4cm_cli.errors import Am4cmError
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights, save_weights
from cloudy import bright_weights, write_cloudy
from stacks import write_image


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A stack, a reference that is often wrong, and weights."""
    folder = tmp_path_factory.mktemp("site")
    cloud = write_cloudy(folder)
    names = [scene.name for scene in find_stack(str(folder / "images")).scenes]
    rng = np.random.default_rng(3)
    labels = np.where(rng.random(cloud.shape) < 0.1, ~cloud, cloud).astype(np.uint8) * THICK
    labels[:, 5] = UNKNOWN
    write_image(folder / "truth.tif", labels, names=names)
    save_weights(folder / "bright.safetensors", bright_weights())
    return folder, names, labels


@pytest.fixture(scope="module")
def run(site):
    def invoke(*words):
        return CliRunner().invoke(app, list(map(str, words)))

    with pytest.MonkeyPatch.context() as patch:
        # A command hands Ctrl-C and a polite kill to itself; the tests keep theirs.
        for command in ("calibrate", "mask"):
            patch.setattr(f"am4cm_cli.commands.{command}.unwind", lambda: None)
        patch.chdir(site[0])
        yield invoke


@pytest.fixture(scope="module")
def calibrate(run):
    def invoke(out, *words, reference="truth.tif"):
        weights = ("--weights", "bright.safetensors")
        return run("calibrate", "images", reference, out, *weights, *words)

    return invoke


@pytest.fixture(scope="module")
def learned(calibrate, site):
    """Weights that `am4cm calibrate` wrote by its defaults."""
    out = site[0] / "learned.safetensors"
    result = calibrate(out)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def before(run, site):
    """(T, Y, X) probabilities by the original weights, by target."""
    return {
        target: masked(run, "bright.safetensors", site[0] / f"before-{target}.tif", target)
        for target in ("cloud", "unusable")
    }


def masked(run, weights, out, target):
    """(T, Y, X) probability that `am4cm mask` writes."""
    words = ("--weights", weights, "--target", target, "--dtype", "float32")
    result = run("mask", "images", out, *words)
    assert result.exit_code == 0, result.output
    with rasterio.open(out) as raster:
        return raster.read()


def test_a_mask_by_the_new_weights_is_the_old_one_moved_along_the_line(
    learned, before, run, tmp_path
):
    found = load_weights(learned)
    line = found.calibration.cloud
    # Where a tenth of the labels is wrong, no one is as sure as the mixture.
    assert 0 < line.slope < 0.9
    assert found.calibration.unusable == line
    for target, old in before.items():
        new = masked(run, learned, tmp_path / f"{target}.tif", target)
        share = np.clip(old.astype(np.float64), 1e-6, 1 - 1e-6)
        odds = np.log(share / (1 - share))
        expected = 1 / (1 + np.exp(-(line.slope * odds + line.intercept)))
        # What the old mask stored of the surest is but a few bits from 1.
        np.testing.assert_allclose(new, expected, atol=5e-5)
        assert np.nanmax(np.abs(new - old)) > 0.01


def test_the_original_weights_are_left_alone(learned, site):
    original = site[0] / "bright.safetensors"
    save_weights(site[0] / "again.safetensors", bright_weights())
    assert original.read_bytes() == (site[0] / "again.safetensors").read_bytes()
    assert "recalibration" not in load_weights(original).record
    assert load_weights(learned).record["note"] == "made by hand"
    assert load_weights(learned).record["recalibration"]["weights"] == "bright"


def test_figures_are_those_of_the_masks_themselves(calibrate, before, run, site, tmp_path):
    _, names, labels = site
    out = tmp_path / "new.safetensors"
    result = calibrate(out, "--f-beta", "2")
    record = load_weights(out).record["recalibration"]
    told = record["targets"]["cloud"]
    known = labels != UNKNOWN
    after = masked(run, out, tmp_path / "after.tif", "cloud")
    for key, mask in (("before", before["cloud"]), ("after", after)):
        used = known & ~np.isnan(mask)
        flagged, truth = mask[used] >= 0.5, labels[used] == THICK
        hit = (flagged & truth).sum()
        assert told[key]["precision"] == pytest.approx(hit / flagged.sum())
        assert told[key]["omission"] == pytest.approx(1 - hit / truth.sum())
        assert told[key]["f1"] == pytest.approx(2 * hit / (flagged.sum() + truth.sum()))
        assert f"{told[key]['f_beta']:.4f}" in result.stdout
    assert (told["dates"], told["clear"] + told["target"]) == (len(names), used.sum())
    assert told["after"]["f_beta"] >= told["before"]["f_beta"]
    assert record["reference"] == "truth.tif"
    assert record["stack"] == "images"
    assert record["fit"] == "threshold of the highest F2"
    assert json.dumps(record, allow_nan=False)


def test_an_omission_holds_for_both_targets(calibrate, run, site, tmp_path):
    _, names, labels = site
    with_shadow = labels.copy()
    with_shadow[2::3, :6] = SHADOW
    write_image(tmp_path / "both.tif", with_shadow, names=names)
    out = tmp_path / "new.safetensors"
    result = calibrate(out, "--omission", "0.08", reference=tmp_path / "both.tif")
    assert result.exit_code == 0, result.output
    told = load_weights(out).record["recalibration"]["targets"]
    assert list(told) == ["cloud", "unusable"]
    for target, kinds in (("cloud", (THICK,)), ("unusable", (THICK, SHADOW))):
        mask = masked(run, out, tmp_path / f"{target}.tif", target)
        wanted = np.isin(with_shadow, kinds) & ~np.isnan(mask)
        missed = (mask[wanted] < 0.5).mean()
        assert missed <= 0.08
        assert told[target]["after"]["omission"] == pytest.approx(missed)


def test_the_same_bytes_twice_whatever_the_windows(learned, calibrate, monkeypatch, tmp_path):
    again = tmp_path / "again.safetensors"
    monkeypatch.setattr("am4cm_cli.validation.judging.LARGEST_TILE", 16)
    assert calibrate(again).exit_code == 0
    assert again.read_bytes() == learned.read_bytes()


def test_an_earlier_fit_is_replaced(learned, run, tmp_path):
    after = tmp_path / "after.safetensors"
    result = run("calibrate", "images", "truth.tif", after, "--weights", learned)
    assert result.exit_code == 0, result.output
    assert load_weights(after).calibration == load_weights(learned).calibration


def test_a_reference_that_agrees_leaves_everything_as_it_is(calibrate, before, site, tmp_path):
    agreed = np.where(before["cloud"] >= 0.5, THICK, 0).astype(np.uint8)
    write_image(tmp_path / "agreed.tif", agreed, names=site[1])
    out = tmp_path / "new.safetensors"
    calibrate(out, "--f-beta", "1", reference=tmp_path / "agreed.tif")
    found = load_weights(out)
    assert found.record["recalibration"]["targets"]["cloud"]["before"]["f1"] == 1
    assert found.calibration.cloud == found.calibration.unusable == AS_IT_IS


def test_numbers_mean_what_the_map_says(calibrate, site, tmp_path):
    _, names, labels = site
    numbers = np.where(labels == THICK, 7, 20).astype(np.uint8)
    odd = write_image(tmp_path / "odd.tif", numbers, names=names)
    words = ("--map", "7=cloud,20=clear", "--target", "unusable")
    result = calibrate(tmp_path / "a.safetensors", *words, reference=odd)
    assert result.exit_code == 0, result.output
    assert "tells no shadow" in result.stderr
    assert all(len(line) <= 80 for line in result.stdout.replace(str(odd), "").splitlines())
    told = load_weights(tmp_path / "a.safetensors").record["recalibration"]["targets"]["unusable"]
    assert told["clear"] + told["target"] == labels.size


def test_few_dates_are_fitted_but_nothing_is_held_out(calibrate, site, tmp_path):
    _, names, labels = site
    write_image(tmp_path / "one.tif", labels[2:3], names=names[2:3])
    out = tmp_path / "new.safetensors"
    result = calibrate(out, reference=tmp_path / "one.tif")
    assert result.exit_code == 0, result.output
    assert "Too few dates to hold some out" in result.stderr
    assert "Not in the reference" in result.stderr
    told = load_weights(out).record["recalibration"]["targets"]["cloud"]
    assert told["held_out"] is None
    assert told["dates"] == 1


def test_the_card_tells_of_it(learned, run):
    line = load_weights(learned).calibration.cloud
    table = " ".join(run("info", learned).stdout.split())
    assert f"cloud: log odds * {line.slope:.3f} {line.intercept:+.3f}" in table
    assert "truth.tif (classes, 14 dates), probability, by maximum likelihood" in table
    card = json.loads(run("info", learned, "--json").stdout)
    assert card["calibration"]["cloud"] == {"slope": line.slope, "intercept": line.intercept}
    assert card["recalibration"]["targets"]["cloud"]["held_out"]["ece"] > 0
    assert "log odds" not in run("info", "bright.safetensors").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("x.safetensors", "--f-beta", "1", "--omission", "0.1"), "choose one"),
        (("x.safetensors", "--f-beta", "0"), "a number above 0"),
        (("x.safetensors", "--omission", "1.5"), "--omission"),
        (("x.tif",), "ends in .safetensors"),
        (("x.safetensors", "--target", "snow"), "snow"),
    ],
)
def test_a_call_that_means_nothing_is_refused(calibrate, words, message):
    result = calibrate(*words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_errors_name_what_was_found(calibrate, run, site, tmp_path):
    folder, names, labels = site
    write_image(tmp_path / "clear.tif", np.zeros_like(labels), names=names)
    years = [f"2015{name[4:]}" for name in names]
    write_image(tmp_path / "old.tif", labels, names=years)
    (tmp_path / "there.safetensors").write_bytes(b"mine")
    out = tmp_path / "new.safetensors"
    itself = folder / "bright.safetensors"
    for result, words in (
        (calibrate(out, reference=tmp_path / "clear.tif"), ("clear.tif", "0 cloud pixels")),
        (calibrate(out, reference=tmp_path / "old.tif"), ("none of its 14 dates", "2015-")),
        (calibrate(out, reference=tmp_path / "none.tif"), ("no such reference",)),
        (calibrate(tmp_path / "there.safetensors"), ("exists already",)),
        (calibrate(itself, "--overwrite"), ("is the weights to start from",)),
    ):
        assert isinstance(result.exception, Am4cmError)
        for word in words:
            assert word in str(result.exception)
    assert (tmp_path / "there.safetensors").read_bytes() == b"mine"
    assert not out.exists()
    assert load_weights(itself).calibration.cloud == AS_IT_IS
