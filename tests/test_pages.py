"""README.md and docs/: every block of code runs or says why not, and prints what its page shows."""

import shutil

import numpy as np
import pytest
import rasterio

from pages import (
    CODE,
    OWN,
    ROOT,
    Block,
    alike,
    at_hand,
    blocks,
    cook,
    execute,
    indented,
    lacking,
    linked,
    pages,
)

RUN = [page for page in pages() if any(block.runs for block in blocks(page))]
REASONS = {
    "a cluster",
    "a download",
    "a GPU",
    "data of your own",
    "hours",
    "an installation",
    "a repository's checkout",
    "another library",
}
"""Why a block may be left out: what it takes that a test has not, and should not take."""


def read(path, band=1):
    with rasterio.open(path) as raster:
        return raster.read(band)


def rasters_are_what_the_recipes_say(folder):
    cut = np.array([read(path) for path in sorted((folder / "cloudy").iterdir())])
    images = sorted((folder / "site" / "images").iterdir())
    red = np.array([read(path, 3) for path in images], float)
    clear = cut == 0
    expected = np.nanmedian(np.where(clear, red, np.nan), axis=0)
    np.testing.assert_allclose(read(folder / "red.tif"), expected)
    assert (read(folder / "clear_count.tif") == clear.sum(axis=0)).all()
    (chosen,) = (place for place, path in enumerate(images) if "20180923" in path.name)
    kept = np.where(clear[chosen], red[chosen], 0)
    assert 0 < clear[chosen].mean() < 1
    assert (read(folder / "clear_20180923.tif", 3) == kept).all()
    with rasterio.open(folder / "rgb.vrt") as raster:
        assert ((raster.dataset_mask() > 0) == clear[chosen]).all()
        assert (raster.read(1) == red[chosen]).all()
    assert (read(folder / "third.tif") == read(folder / "clouds.tif", 3)).all()


def pictures_are_those_of_the_tutorial(folder):
    image = pytest.importorskip("matplotlib.image")
    shown = sorted((ROOT / "docs" / "tutorial").iterdir())
    assert len(shown) == 3
    picture = folder / "composite.png"
    if picture.exists():
        with rasterio.open(picture) as raster:
            assert raster.nodata is None, "what is black is transparent"
    for path in shown:
        if not (folder / path.name).exists():
            assert lacking(ROOT / "docs" / "tutorial.md"), f"{path.name} was not drawn"
            continue
        found, expected = (image.imread(where)[..., :3] for where in (folder / path.name, path))
        assert found.shape == expected.shape, path.name
        # The page's have fewer colours; another release of Matplotlib may move letters.
        assert np.abs(found - expected).mean() < 0.02, path.name


def composites_are_those_of_gdal(folder):
    """Counts by gdal_calc, and summer's median of a band, halves rounded up."""
    code = (
        "am4cm export unusable.tif --binary b.tif && am4cm export b.tif --split b && "
        'gdal_calc.py --quiet -A b/*.tif --calc="sum(A==0, axis=0)" --type=UInt16 --hideNoData '
        "--outfile=clear.tif && gdal_calc.py --quiet -A site/images/*_20180[678]*.tif --A_band=8 "
        '-B b/2018-0[678]*.tif --calc="nanmedian(where(B==0, A, nan), axis=0)" --type=Float32 '
        "--NoDataValue=nan --hideNoData --outfile=median_8.tif"
    )
    execute(Block(page="", line=1, language="sh", mark="run", code=code), folder)
    assert (read(folder / "count.tif") == read(folder / "clear.tif")).all()
    median = read(folder / "median_8.tif")
    expected = np.where(np.isnan(median), -32768, np.floor(median + 0.5))
    assert (read(folder / "summer.tif", 8) == expected).all()


RESULTS = {
    "composite.md": composites_are_those_of_gdal,
    "recipes.md": rasters_are_what_the_recipes_say,
    "tutorial.md": pictures_are_those_of_the_tutorial,
}
"""What else must hold of the files that a page's blocks leave."""


@pytest.mark.long
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_blocks_print_what_the_page_shows(page, tmp_path):
    if not shutil.which("am4cm", path=OWN):
        pytest.skip("am4cm is not installed")
    code = "".join(block.code for block in blocks(page) if block.runs)
    if ("gdal_" in code or page.name == "composite.md") and not at_hand("gdal_calc.py"):
        pytest.skip("no GDAL tools")
    for found, shown in cook(page, tmp_path):
        assert alike(found, shown), "\n".join(["printed", *found, "shown", *shown])
    RESULTS.get(page.name, lambda _: None)(tmp_path)
    if lacking(page):
        pytest.skip(f"all but what needs {', '.join(lacking(page))}")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_every_block_of_code_is_run_or_says_why_not(page):
    assert not indented(page), "code without a fence"
    for block in blocks(page):
        if block.language in CODE:
            assert block.marked, f"line {block.line}: runs, or not? see tests/pages.py"
            assert block.runs or block.marked["reason"] in REASONS, f"line {block.line}"
    unknown = [b.line for b in blocks(page) if b.mark and b.language not in CODE | {"text"}]
    assert not unknown


def test_most_blocks_are_run():
    code = [block for page in pages() for block in blocks(page) if block.language in CODE]
    assert len(code) >= 40
    assert sum(block.runs for block in code) > len(code) / 2


def test_marks():
    def marked(mark):
        return Block(page="", line=1, language="sh", mark=mark, code="")

    assert marked("run").runs
    assert marked("run needs odc.stac").needs == "odc.stac"
    assert not marked("not run: a GPU").runs
    assert marked("not run: a GPU").marked["reason"] == "a GPU"
    for unclear in ("", "runs", "not run", "run needs"):
        assert marked(unclear).marked is None


def test_only_last_digits_may_differ():
    shown = ["mask 0.9909 0.987", "12 dates"]
    assert alike(shown, shown)
    assert alike(["mask 0.9910 0.986", "12 dates"], shown)
    for found in (["mask 0.9911 0.987", "12 dates"], ["mask 0.9909 0.987", "13 dates"], shown[:1]):
        assert not alike(found, shown)


def test_blocks_are_found_shown_or_not(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\n<!-- sh run\nmkdir images\n-->\n\n```sh run\nls\n```\n\n"
        "```text output\nimages\n```\n\n- a list\n\n    ```sh\n    rm\n    ```\n\nWords\n\n    ls\n"
    )
    found = [(b.language, b.mark, b.code) for b in blocks(page)]
    shown = [("sh", "run", "ls\n"), ("text", "output", "images\n"), ("sh", "", "rm\n")]
    assert found == [("sh", "run", "mkdir images\n"), *shown]
    assert indented(page) == [23]
    assert cook(page, tmp_path) == [(["images", "page.md"], ["images"])]


def test_what_a_page_lacks_is_named(tmp_path):
    page = tmp_path / "page.md"
    needs = ("bash", "no_such.module", "no-such-program")
    page.write_text("".join(f"```sh run needs {name}\ntouch {name}\n```\n\n" for name in needs))
    assert cook(page, tmp_path) == []
    assert lacking(page) == ["no-such-program", "no_such.module"]
    assert {path.name for path in tmp_path.iterdir()} == {"page.md", "bash"}


def test_a_tutorial_that_draws_nothing_fails(tmp_path):
    if missing := lacking(ROOT / "docs" / "tutorial.md"):
        pytest.skip(f"no {', '.join(missing)}")
    with pytest.raises(AssertionError, match="was not drawn"):
        pictures_are_those_of_the_tutorial(tmp_path)


@pytest.mark.parametrize("page", [*pages(), ROOT / "weights" / "README.md"], ids=lambda p: p.stem)
def test_links_lead_to_files_where_pages_are_read_as_files(page):
    assert not [link for link in linked(page) if not (page.parent / link).exists()]


def test_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\nTo [it](a.md#b), ![it](c.png) and [out](https://d.org), [up](#a).\n"
    )
    assert linked(page) == {"a.md", "c.png"}


def test_the_pages_that_others_rely_on_are_linked():
    readme = (ROOT / "README.md").read_text()
    for name in ("recipes.md", "tutorial.md", "quality.md", "limits.md"):
        assert f"docs/{name}" in readme
