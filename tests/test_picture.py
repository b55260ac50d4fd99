import os
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.image import imread
from typer.testing import CliRunner

from am4cm_cli.app import app
from am4cm_cli.errors import StackError
from am4cm_cli.pictures.choice import choose_dates
from am4cm_cli.pictures.panels import Panel, read_panels, survey
from am4cm_cli.pictures.picture import draw_sheet
from am4cm_cli.pictures.sheet import stretch
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.stacks.discovery import find_stack
from finished import percents, write_finished
from stacks import every_days, random_dn, write_mask, write_stack

shares = st.one_of(st.floats(0, 1), st.just(np.nan))


@given(share=arrays(float, st.integers(0, 40), elements=shares), count=st.integers(1, 15))
def test_choice_is_usable_and_in_order(share, count):
    chosen = choose_dates(share, count=count)
    assert len(chosen) == min(count, np.isfinite(share).sum())
    assert sorted(set(chosen)) == chosen
    assert np.isfinite(share[chosen]).all()


def test_choice_is_spread_and_mixed():
    share = np.tile([0, 0.4, 1, 0.9], 10)
    chosen = choose_dates(share, count=4)
    assert share[chosen].tolist() == [0.4, 0, 0.4, 1]
    assert [place // 10 for place in chosen] == [0, 1, 2, 3]


@pytest.fixture
def drawn(tmp_path):
    """A stack, its mask, and the true percentages."""
    write_stack(tmp_path / "in", days=every_days(9), shape=(30, 40), nodata=0)
    stack = find_stack(tmp_path / "in")
    percent = np.random.default_rng(0).integers(0, 101, (9, 30, 40)).astype(np.uint8)
    percent[2] = 255
    percent[4, :, 30:] = 255
    return stack, write_mask(tmp_path / "mask.tif", stack, percent), percent


def test_survey(drawn):
    _, path, percent = drawn
    share = survey(open_mask(path))
    assert np.isnan(share[2])
    np.testing.assert_allclose(share[4], (percent[4, :, :30] >= 50).mean())


def test_panels_hold_what_the_files_hold(drawn):
    stack, path, percent = drawn
    panel = read_panels(stack, stack.scenes, open_mask(path), [4])[0]
    assert panel.name == stack.scenes[4].name
    assert np.isnan(panel.probability[:, 30:]).all()
    np.testing.assert_allclose(panel.probability[:, :30], percent[4, :, :30] / 100, rtol=1e-6)
    assert panel.colour.shape == (30, 40, 3)
    assert panel.colour[..., 0].std() > 0
    assert (panel.colour[..., 0] != panel.colour[..., 2]).any()


def test_large_rasters_are_read_small(tmp_path):
    write_stack(tmp_path, days=["2018-01-06"], bands=["B08"], dn=random_dn((1, 1, 700, 1400)))
    stack = find_stack(tmp_path)
    path = write_mask(tmp_path / "mask.tif", stack, np.full((1, 700, 1400), 30, np.uint8))
    panel = read_panels(stack, stack.scenes, open_mask(path), [0])[0]
    assert panel.probability.shape == (160, 320)
    np.testing.assert_allclose(panel.probability, 0.3, rtol=1e-6)
    assert (panel.colour[..., 0] == panel.colour[..., 2]).all()


def test_cirrus_does_not_decide_what_is_drawn(tmp_path):
    dn = random_dn((3, 4, 7, 5))
    dn[:, 3] = 0
    write_stack(tmp_path / "in", bands=["B02", "B03", "B04", "B10"], dn=dn)
    stack = find_stack(tmp_path / "in")
    path = write_mask(tmp_path / "mask.tif", stack, np.zeros((3, 7, 5), np.uint8))
    panel = read_panels(stack, stack.scenes, open_mask(path), [1])[0]
    expected = dn[1, [2, 1, 0]].transpose(1, 2, 0) * 1e-4
    np.testing.assert_allclose(panel.colour, expected, rtol=1e-5)


def test_stretch_looks_at_the_clear_ground():
    colour = np.linspace(0.02, 0.3, 3 * 20 * 10, dtype=np.float32).reshape(20, 10, 3)
    probability = np.zeros((20, 10), np.float32)
    colour[:5], probability[:5] = 1.2, 1
    black, white = stretch([Panel(name="", colour=colour, probability=probability)])
    assert 0.02 < black < white < 0.3
    probability[:] = 1
    assert stretch([Panel(name="", colour=colour, probability=probability)]) == (0, 1)


def colour_at(image, x, y):
    """Colour at shares of the width from the left and of the height from the top."""
    height, width = image.shape[:2]
    return image[int(y * height), int(x * width), :3]


def test_sheet_shows_the_mask_in_its_colours(tmp_path):
    write_stack(tmp_path / "in", days=["2018-01-06"], shape=(20, 20))
    stack = find_stack(tmp_path / "in")
    for percent in (0, 100):
        mask = np.full((1, 20, 20), percent, np.uint8)
        path = write_mask(tmp_path / "mask.tif", stack, mask)
        draw_sheet(stack, path, tmp_path / "out.png", count=1)
        image = imread(tmp_path / "out.png")
        # One panel of 1.85 inches begins at 0.35 from the left; its lower half ends at 4.9.
        below = colour_at(image, 1.2 / 5.5, 4.2 / (image.shape[0] / 150))
        np.testing.assert_allclose(below, mpl.colormaps["cividis"](percent / 100)[:3], atol=0.01)


def test_sheet_is_the_same_every_time_and_leaves_nothing_else(drawn, tmp_path):
    stack, path, _ = drawn
    draw_sheet(stack, path, tmp_path / "a.png")
    draw_sheet(stack, path, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert {found.name for found in tmp_path.iterdir()} == {"in", "mask.tif", "a.png", "b.png"}


def test_mask_of_other_dates(drawn, tmp_path):
    _, path, _ = drawn
    write_stack(tmp_path / "other", days=every_days(9, start="2019-01-01"), shape=(30, 40))
    with pytest.raises(StackError, match=r"mask\.tif: has a band '2018-01-01', but .*other has no"):
        draw_sheet(find_stack(tmp_path / "other"), path, tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_mask_of_another_grid(drawn, tmp_path):
    _, path, _ = drawn
    write_stack(tmp_path / "other", days=every_days(9), shape=(40, 30))
    with pytest.raises(StackError, match=r"mask\.tif: lies on another grid than .*other"):
        draw_sheet(find_stack(tmp_path / "other"), path, tmp_path / "out.png")


def test_mask_without_any_answer(tmp_path):
    write_stack(tmp_path / "in", bands=["B02"])
    stack = find_stack(tmp_path / "in")
    path = write_mask(tmp_path / "mask.tif", stack, np.full((3, 7, 5), 255, np.uint8))
    with pytest.raises(StackError, match=r"mask\.tif: has no valid pixel"):
        draw_sheet(stack, path, tmp_path / "out.png")


def test_without_matplotlib(tmp_path):
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from am4cm_cli.pictures.picture import draw_sheet; draw_sheet(None, None, None)"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "MissingExtraError: Drawing needs matplotlib" in ended.stderr
    assert 'pip install "am4cm[plots]"' in ended.stderr


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_draw_command(drawn, tmp_path):
    _, path, _ = drawn
    out = tmp_path / "out.png"
    result = run("draw", path, out, "--images", tmp_path / "in", "--count", 3)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr == f"Wrote {out}: 3 of 9 dates.\n"
    assert out.read_bytes().startswith(b"\x89PNG")
    again = run("draw", path, out, "--images", tmp_path / "in")
    assert re.search(r"out\.png: exists already", str(again.exception))
    assert run("draw", path, out, "--images", tmp_path / "in", "--overwrite").exit_code == 0
    assert run("draw", path, out).exit_code == 2


def test_the_title_says_what_is_probable(tmp_path):
    for target, words in {"cloud": "cloud", "unusable": "cloud or shadow"}.items():
        path = write_finished(tmp_path / f"{target}.tif", percents(), tags={"AM4CM_TARGET": target})
        assert open_mask(path).title == f"Probability of {words}"
