"""`am4cm report` as a user meets it."""

import os
import re
import shutil
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

from am4cm_cli.app import app
from am4cm_cli.errors import Am4cmError, OutputError
from am4cm_cli.marks import mark_scenes, write_marks
from am4cm_cli.published import PUBLISHED
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.viewer.writing import ReportOrder, write_report
from am4cm_cli.weights_header import default_weights
from finished import percents, write_finished
from reported import facts_of, numbers_of, write_site
from stacks import every_days, random_dn, write_image, write_mask, write_stack


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


@pytest.mark.parametrize(
    "words",
    [
        "m.html m.html",
        "mask.tif c.html --classes c.html",
        "mask.tif t.html --reference t.html --kind classes",
        "mask.tif l.html --images images --dates l.html",
        "mask.tif w.html --images images --weights w.html",
    ],
)
def test_nothing_that_is_read_is_replaced(run, site, words):
    folder = site[0]
    names = {"m": "mask.tif", "c": "classes.tif", "t": "truth.tif"}
    for name, kept in names.items():
        shutil.copy(folder / kept, folder / f"{name}.html")
    shutil.copy(default_weights(), folder / "w.html")
    first = min((folder / "images").iterdir()).name
    (folder / "l.html").write_text(f"{first},2018-01-01\n")
    before = {path: path.read_bytes() for path in folder.glob("*.html")}
    result = run(*words.split(), "--overwrite")
    assert isinstance(result.exception, OutputError), result.output
    assert "is named for two files of this run" in str(result.exception)
    assert {path: path.read_bytes() for path in folder.glob("*.html")} == before


def test_the_same_page_every_time(run, tmp_path):
    pages = [tmp_path / name for name in ("a.html", "b.html")]
    for page in pages:
        assert run("mask.tif", page, "--images", "images").exit_code == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_wrong_usage(run, tmp_path):
    out = tmp_path / "out.html"
    for words, said in (
        (("mask.tif", tmp_path / "out.tif"), "ends in .html"),
        (("mask.tif", out, "--weights", "mask.tif"), "no use without --images"),
        (("mask.tif", out, "--skip-bad"), "no use without --images"),
        (("mask.tif", out, "--bands", "B02"), "no use without --images"),
        (("mask.tif", out, "--kind", "scl"), "no use without --reference"),
        (("nothing.tif", out), "does not exist"),
        ((tmp_path.parent, out), "is a directory"),
        ((), "Missing argument 'MASK'"),
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


def marked(folder, path, **tags):
    """The site's mask with marks of its images."""
    stack = find_stack(str(folder / "images"))
    marks = write_marks(mark_scenes(stack, stack.bands))
    own = {"AM4CM_SCENES": marks, "AM4CM_BANDS": " ".join(stack.bands), **tags}
    with rasterio.open(folder / "mask.tif") as raster:
        return write_mask(path, stack, raster.read(), tags=own)


def said(out):
    """The notes at the end of a page."""
    return unescape(out.read_text().partition('id="notes-head"')[2].partition("</ul>")[0])


def test_other_images_are_told_and_shown(run, site, tmp_path):
    mask, out = marked(site[0], tmp_path / "mask.tif"), tmp_path / "out.html"
    result = run(mask, out, "--images", "images")
    assert result.exit_code == 0, result.output
    assert "was made of" not in result.stderr + said(out)
    for path in (site[0] / "images").iterdir():
        with rasterio.open(path) as raster:
            turned, names = raster.read()[:, ::-1, ::-1], raster.descriptions
        write_image(tmp_path / "turned" / path.name, turned, names=names, compress="deflate")
    result = run(mask, out, "--images", tmp_path / "turned", "--overwrite")
    assert result.exit_code == 0, result.output
    words = f"14 dates, such as 2018-01-01, are not the images that {mask} was made of"
    assert words in " ".join(result.stderr.split())
    assert words in said(out)


def test_images_that_cannot_be_read_are_left_out(run, site, tmp_path):
    """One within, one that cannot be opened: as am4cm mask --skip-bad treats them."""
    images, out = tmp_path / "images", tmp_path / "out.html"
    for path in sorted((site[0] / "images").iterdir()):
        with rasterio.open(path) as raster:
            tiles = {"tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": "band"}
            write_image(
                images / path.name, raster.read(), names=raster.descriptions, nodata=0, **tiles
            )
    paths = sorted(images.iterdir())
    stack = find_stack(str(images))
    seen = np.zeros((len(paths), *stack.grid.shape), np.uint8)
    whole = replace(stack, scenes=stack.scenes[:5] + stack.scenes[6:])
    mask = write_mask(tmp_path / "mask.tif", whole, seen[1:])
    paths[5].write_text("nothing")
    with paths[3].open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - 900)
    result = run(mask, out, "--images", images)
    assert isinstance(result.exception, Am4cmError)
    assert "Or give --skip-bad" in str(result.exception)
    assert not out.exists()
    result = run(mask, out, "--images", images, "--skip-bad")
    assert result.exit_code == 0, result.output
    told = " ".join(result.stderr.split())
    assert paths[5].name in told
    assert f"{stack.scenes[3].name}: written as nodata, since {paths[3]}" in told
    assert f"{stack.scenes[3].name}: written as nodata" in said(out)
    bands = facts_of(out)["series"]["bands"]
    numbers = numbers_of(bands[0]["seen"], "i2").reshape(-1, len(whole.scenes))
    assert ((numbers == -32768).all(axis=0) == (np.arange(13) == 3)).all()


def test_the_clear_sky_is_that_of_the_masks_weights(run, site, tmp_path):
    out, name = tmp_path / "out.html", "sim-10band"
    tags = {"AM4CM_WEIGHTS": name, "AM4CM_WEIGHTS_SHA256": PUBLISHED[name]}
    mask = marked(site[0], tmp_path / "mask.tif", **tags)
    result = run(mask, out, "--images", "images")
    assert result.exit_code == 0, result.output
    own = facts_of(out)["series"]["bands"]
    assert "made with" not in result.stderr + said(out)
    result = run(mask, out, "--images", "images", "--weights", "sim-10band-2", "--overwrite")
    assert result.exit_code == 0, result.output
    words = f"made with {name}; the clear sky shown is that of sim-10band-2"
    assert words in " ".join(result.stderr.split())
    assert words in said(out)
    assert facts_of(out)["series"]["bands"] != own


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
