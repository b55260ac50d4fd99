"""`am4cm explain` as a user meets it."""

import csv
import sys
from io import BytesIO, StringIO

import numpy as np
import pytest
from affine import Affine
from matplotlib.image import imread

from am4cm_cli.app import main
from am4cm_cli.weights import save_weights
from cloudy import bright_weights, write_cloudy
from stacks import every_days, random_dn, write_stack


@pytest.fixture
def run(capfd, monkeypatch):
    """Run am4cm by its entry point: exit code, standard output, standard error."""

    def run_main(*words):
        monkeypatch.setattr(sys, "argv", ["am4cm", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capfd.readouterr()
        return stop.value.code or 0, printed.out, printed.err

    return run_main


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    save_weights(folder / "bright.safetensors", bright_weights())
    return folder


@pytest.fixture
def explain(run, site):
    def run_explain(*words, images=None):
        weights = ("--weights", site / "bright.safetensors")
        return run("explain", images or site / "images", *words, *weights)

    return run_explain


def test_a_picture_and_two_sentences(explain, tmp_path):
    code, out, err = explain(4, 13, tmp_path / "pixel.png", "--pixel")
    assert (code, out) == (0, "")
    assert err == (
        "Column 4, row 13: 14 of 14 dates observed, 5 of them not clear.\n"
        "Thick cloud: 2018-01-17, 2018-02-10, 2018-02-26, 2018-03-06, 2018-03-30.\n"
    )
    picture = imread(BytesIO((tmp_path / "pixel.png").read_bytes()))
    assert min(picture.shape[:2]) > 1000
    # Title, dots and heat map: not a blank page.
    assert 0.02 < (picture[..., :3].mean(-1) < 0.9).mean() < 0.6
    assert explain(4, 13, tmp_path / "again.png", "--pixel")[0] == 0
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "pixel.png").read_bytes()


def test_a_table_to_standard_output_needs_no_picture(explain, tmp_path):
    # The stack's corner is (500000, 5000000), its pixels are 10 m.
    code, out, err = explain(500_045, 4_999_865, "--csv", "-")
    assert code == 0
    assert "Column 4, row 13:" in err
    rows = list(csv.DictReader(StringIO(out)))
    assert len(rows) == 14
    assert explain(4, 13, "--pixel", "--csv", tmp_path / "rows.csv")[0] == 0
    assert (tmp_path / "rows.csv").read_text() == out


def test_degrees_west_and_south(explain, tmp_path):
    dn = random_dn((6, 10, 7, 5), seed=1) // 3 + 500
    corner = Affine(0.001, 0, -70.5, 0, -0.001, -12.0)
    write_stack(tmp_path / "in", days=every_days(6), dn=dn, transform=corner, crs="EPSG:4326")
    for way in ([], ["--lonlat"]):
        words = (-70.4975, -12.0035, "--csv", "-", *way)
        code, out, err = explain(*words, images=tmp_path / "in")
        assert code == 0, err
        assert "Column 2, row 3:" in err
        seen = [float(row["B03"]) for row in csv.DictReader(StringIO(out))]
        assert seen == pytest.approx(list(dn[:, 1, 3, 2] * 1e-4), rel=1e-5)


def test_a_date_that_shows_nothing_and_one_far_away_are_drawn(explain, tmp_path):
    dn = np.random.default_rng(2).integers(900, 1000, (7, 10, 9, 8)).astype(np.uint16)
    dn[3] = 0
    write_stack(tmp_path / "in", days=[*every_days(6), "2019-07-01"], dn=dn)
    code, _, err = explain(2, 7, tmp_path / "out.png", "--pixel", images=tmp_path / "in")
    assert code == 0, err
    assert (tmp_path / "out.png").stat().st_size > 10_000


def test_a_place_outside_is_one_clear_line(explain, tmp_path):
    code, out, err = explain(-3, 13, tmp_path / "pixel.png", "--pixel")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert "(-3, 13)" in err
    assert "columns 0 to 18 and rows 0 to 21" in err
    assert not any(tmp_path.iterdir())


def test_an_output_that_exists_is_kept(explain, tmp_path):
    out = tmp_path / "pixel.png"
    out.write_text("mine")
    code, _, err = explain(4, 13, out, "--pixel")
    assert code == 1
    assert "--overwrite" in err
    assert out.read_text() == "mine"
    assert explain(4, 13, "--pixel", "--csv", out, "--overwrite")[0] == 0
    assert out.read_text().startswith("date,valid,class,")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((4, 13), "--csv"),
        ((4, 13, "--pixl"), "--pixl"),
        ((4, 13, "--pixel", "--lonlat", "--csv", "-"), "--lonlat"),
        (("four", 13, "--csv", "-"), "'X'"),
    ],
)
def test_wrong_usage(explain, words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = explain(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert not any(tmp_path.iterdir())
