"""`am4cm report` as a user meets it."""

import os
import re
from html import unescape

import numpy as np
import pytest
from typer.testing import CliRunner

from am4cm_cli.app import app
from am4cm_cli.errors import Am4cmError, OutputError
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.viewer.writing import ReportOrder, write_report
from finished import percents, write_finished
from reported import facts_of, numbers_of, write_site
from stacks import every_days, random_dn, write_mask, write_stack


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    return folder, *write_site(folder)


@pytest.fixture
def run(site, monkeypatch):
    # A command hands Ctrl-C and a polite kill to itself; the tests keep theirs.
    monkeypatch.setattr("am4cm_cli.commands.report.unwind", lambda: None)
    monkeypatch.chdir(site[0])

    def invoke(*words):
        return CliRunner().invoke(app, ["report", *map(str, words)])

    return invoke


def test_a_page_of_everything(run, site, tmp_path):
    _, percent, classes = site
    out = tmp_path / "all.html"
    result = run(
        *("mask.tif", out, "--images", "images", "--classes", "classes.tif"),
        *("--reference", "truth.tif"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert re.fullmatch(r"Wrote .*all\.html: 0\.\d MB\.", result.stderr.strip().splitlines()[-1])
    facts = facts_of(out)
    shape = percent.shape[1:]
    for place in range(len(percent)):
        own = numbers_of(facts["probability"][place], "u1").reshape(shape)
        assert (own == percent[place]).all()
        own = numbers_of(facts["classes"][place], "u1").reshape(shape)
        assert (own == classes[place]).all()
    series = numbers_of(facts["series"]["probability"], "u1").reshape(*shape, len(percent))
    assert (series == percent.transpose(1, 2, 0)).all()
    assert [look["key"] for look in facts["looks"]] == ["true", "false"]
    page = out.read_text()
    for words in ("Against the reference", "counterfactual", "truth.tif", "always flag"):
        assert words in page


def test_the_mask_alone(run, site, tmp_path):
    result = run("mask.tif", tmp_path / "alone.html")
    assert result.exit_code == 0, result.output
    facts = facts_of(tmp_path / "alone.html")
    assert facts["looks"] == facts["series"]["bands"] == []
    assert facts["classes"] is None
    _, percent, _ = site
    seen = (percent != 255).sum((1, 2))
    masked = ((percent >= 50) & (percent != 255)).sum((1, 2))
    for share, own, all_own in zip(facts["cloud"], masked, seen, strict=True):
        assert share == (None if not all_own else pytest.approx(own / all_own, abs=1e-6))


def test_the_same_page_every_time(run, tmp_path):
    pages = [tmp_path / name for name in ("a.html", "b.html")]
    for page in pages:
        assert run("mask.tif", page, "--images", "images").exit_code == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_wrong_usage(run, tmp_path):
    out = tmp_path / "out.html"
    for words, said in (
        (("mask.tif", tmp_path / "out.tif"), "ends in .html"),
        (("mask.tif", out, "--weights", "mask.tif"), "no --images"),
        (("mask.tif", out, "--bands", "B02"), "no --images"),
        (("mask.tif", out, "--kind", "scl"), "no --reference"),
        (("nothing.tif", out), "does not exist"),
    ):
        result = run(*words)
        assert result.exit_code == 2, words
        assert said in " ".join(result.stderr.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_what_does_not_belong_together_is_told(run, site, tmp_path):
    out = tmp_path / "out.html"
    other = write_finished(tmp_path / "other.tif", percents(), content="classes")
    write_stack(tmp_path / "images", days=every_days(6))
    for words, said in (
        (("classes.tif", out), "holds classes, not probabilities"),
        (("mask.tif", out, "--classes", "mask.tif"), "not classes"),
        (("mask.tif", out, "--classes", other), "other dates"),
        (("mask.tif", out, "--images", tmp_path / "images"), "no such scene"),
        (("mask.tif", out, "--reference", other), "lies on another grid"),
    ):
        result = run(*words)
        assert isinstance(result.exception, Am4cmError), words
        assert said in str(result.exception)
    assert not out.exists()


def test_what_is_there_is_kept(run, tmp_path):
    out = tmp_path / "out.html"
    out.write_text("mine")
    result = run("mask.tif", out)
    assert isinstance(result.exception, OutputError)
    assert out.read_text() == "mine"
    assert run("mask.tif", out, "--overwrite").exit_code == 0
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_a_page_shrinks_until_it_fits(tmp_path):
    """Noise, which no picture format makes small."""
    shape, days = (150, 170), every_days(8)
    write_stack(
        tmp_path / "in",
        days=days,
        shape=shape,
        bands=("B02", "B03", "B04", "B08", "B11"),
        dn=random_dn((8, 5, *shape)),
    )
    stack = find_stack(str(tmp_path / "in"))
    percent = np.random.default_rng(0).integers(0, 101, (8, *shape)).astype(np.uint8)
    path = write_mask(tmp_path / "mask.tif", stack, percent)
    order = ReportOrder(mask=path, stack=stack)
    whole = write_report(order, tmp_path / "whole.html")
    assert (tmp_path / "whole.html").stat().st_size == whole > 1_000_000
    for limit in (700_000, 200_000):
        out = tmp_path / f"{limit}.html"
        assert write_report(order, out, limit=limit) == out.stat().st_size <= limit
        facts = facts_of(out)
        assert 0 < facts["width"] < shape[1]
        assert f"{facts['width']} × {facts['height']} pixels for the mask's 170 × 150" in (
            unescape(out.read_text())
        )
        # What is counted is counted from every pixel.
        assert facts["cloud"][0] == pytest.approx((percent[0] >= 50).mean(), abs=1e-6)
    with pytest.raises(OutputError, match="however small"):
        write_report(order, tmp_path / "none.html", limit=30_000)
    assert not (tmp_path / "none.html").exists()


def test_bands_out_of_order_are_refused(tmp_path):
    names = ("2018-03-07", "2018-01-06", "2018-01-21", "2018-01-22")
    path = write_finished(tmp_path / "mask.tif", percents(), names=names)
    with pytest.raises(Am4cmError, match="time order"):
        write_report(ReportOrder(mask=path), tmp_path / "out.html")


def test_floats_are_shown_in_percent(tmp_path):
    share = np.random.default_rng(0).random((4, 7, 5)).astype(np.float32)
    share[1, 2, 3] = np.nan
    write_finished(tmp_path / "mask.tif", share)
    write_report(ReportOrder(mask=tmp_path / "mask.tif"), tmp_path / "out.html")
    facts = facts_of(tmp_path / "out.html")
    own = np.stack([numbers_of(text, "u1").reshape(7, 5) for text in facts["probability"]])
    known = ~np.isnan(share)
    assert (own[~known] == 255).all()
    np.testing.assert_allclose(own[known] / 100, share[known], atol=0.0051)
    assert facts["cloud"][0] == pytest.approx((share[0] >= 0.5).mean(), abs=1e-6)


def test_a_name_that_is_no_text(site, tmp_path):
    folder, _, classes = site
    mask = open_mask(folder / "mask.tif")
    truth = tmp_path / os.fsdecode(b"tr\xffuth.npz")
    np.savez(truth, dates=np.array(mask.names), labels=classes)
    order = ReportOrder(mask=mask.path, reference=truth)
    write_report(order, tmp_path / "out.html")
    assert "tr?uth.npz" in (tmp_path / "out.html").read_text()


def test_a_tag_stays_a_text(tmp_path):
    evil = "</script><script>window.caught = 1</script>"
    path = write_finished(
        tmp_path / "a<b>&mask.tif", percents(), tags={"AM4CM_WEIGHTS": evil, "AM4CM_TARGET": evil}
    )
    write_report(ReportOrder(mask=path), tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()
    assert facts_of(tmp_path / "out.html")["title"] == f"Probability of {evil}"
    assert page.count("<script") == page.count("</script>") == 2
    assert "<b>" not in page.partition("<main>")[0]
