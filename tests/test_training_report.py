"""The report of a training: its figures by hand, its pictures and its page."""

import math
import re
import sys
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from am4cm_cli.datasets.batches import Batch, ResidentSeries
from am4cm_cli.datasets.pixels import NODATA, PixelSeries, open_fold
from am4cm_cli.datasets.stacks import PrepareConfig, label_stack, prepare_stacks
from am4cm_cli.days import day_of_year
from am4cm_cli.errors import MissingExtraError, OutputError
from am4cm_cli.metrics import Confusion
from am4cm_cli.models import Prediction
from am4cm_cli.pictures.matrices import count_text, percent_text
from am4cm_cli.pictures.training import NAMES, check_report, picture_path, write_report
from am4cm_cli.ranks import Ranks
from am4cm_cli.reports.pages import class_rows, training_page
from am4cm_cli.reports.seasons import attention_over_year, part_of_year
from am4cm_cli.reports.trained import report_weights
from am4cm_cli.reports.training import TrainingReport, by_prediction, by_truth, mean_of_known
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.training import Epoch, Place, Run, TrainConfig, train_file
from cloudy import write_cloudy
from networks import tiny_model

COUNTS = np.array([[6, 2, 0], [3, 9, 0], [0, 0, 0]])
CLASSES = "maize", "<b>hop</b> & $x$", "Fruits,\nvegetables, flowers and all that is grown there"


def a_report(**changes):
    attention = np.exp(np.random.default_rng(0).normal(0, 0.5, (3, 4, 24)))
    attention[1, :, 5:9] = np.nan
    attention[2] = np.nan
    attention[0, 2, 3] = 0
    values = {
        "title": "A <training>",
        "classes": CLASSES,
        "epochs": tuple(an_epoch(number) for number in (1, 2)),
        "test": Confusion(COUNTS),
        "attention": attention,
        "facts": {"Data": "<prepared>"},
    }
    return TrainingReport(**(values | changes))


def an_epoch(number):
    return Epoch(
        epoch=number,
        train_loss=2 / number,
        validation_loss=math.nan,
        validation_accuracy=0.25 * number,
        validation_mean_iou=0.125 * number,
        learning_rate=4e-3 / number,
        series_per_second=12345.0,
    )


def test_scores_of_classes_by_hand():
    maize, hop, nothing = a_report().class_scores
    assert (maize.count, hop.count, nothing.count) == (8, 12, 0)
    np.testing.assert_allclose(maize.ratios, [6 / 9, 6 / 8, 12 / 17, 6 / 11])
    np.testing.assert_allclose(hop.ratios, [9 / 11, 9 / 12, 18 / 23, 9 / 14])
    assert np.isnan(nothing.ratios).all()
    assert class_rows(a_report())[0] == ("maize", "8", "0.667", "0.750", "0.706", "0.545")
    assert class_rows(a_report())[2][1:] == ("0", "–", "–", "–", "–")


def test_a_class_that_is_there_but_never_told():
    score = a_report(test=Confusion(np.array([[2, 1, 0], [5, 0, 0], [0, 0, 0]]))).class_scores[1]
    assert (score.precision, score.recall, score.f1, score.iou) == (0, 0, 0, 0)
    score = a_report(test=Confusion(np.array([[2, 0, 0], [5, 0, 0], [0, 0, 0]]))).class_scores[1]
    assert math.isnan(score.precision)
    assert (score.recall, score.f1, score.iou) == (0, 0, 0)


def test_shares_by_hand():
    expected = [[6 / 8, 2 / 8, 0], [3 / 12, 9 / 12, 0], [np.nan] * 3]
    np.testing.assert_allclose(by_truth(Confusion(COUNTS)), expected)
    expected = [[6 / 9, 2 / 11, np.nan], [3 / 9, 9 / 11, np.nan], [0, 0, np.nan]]
    np.testing.assert_allclose(by_prediction(Confusion(COUNTS)), expected)


@given(seed=st.integers(0, 10**6), classes=st.integers(1, 9))
def test_shares_sum_to_one_or_are_not_known(seed, classes):
    counts = np.random.default_rng(seed).poisson(0.4, (classes, classes))
    confusion = Confusion(counts)
    for shares, axis in ((by_truth(confusion), 1), (by_prediction(confusion), 0)):
        there = counts.sum(axis) > 0
        np.testing.assert_allclose(shares.sum(axis)[there], 1)
        assert np.isnan(shares).all(axis).tolist() == (~there).tolist()


def test_means_pass_over_what_is_not_known():
    array = np.array([[1, np.nan, 4], [3, np.nan, np.nan]])
    np.testing.assert_array_equal(mean_of_known(array, axis=0), [2, np.nan, 4])
    report = a_report()
    assert report.attention_by_class.shape == (3, 24)
    assert report.attention_by_head.shape == (4, 24)
    np.testing.assert_allclose(report.attention_by_head[:, 6], report.attention[0, :, 6])
    np.testing.assert_allclose(
        report.attention_by_head[:, 0], report.attention[:2, :, 0].mean(axis=0)
    )


def some_series():
    """Seven series on two calendars of 6 and 9 dates, with gaps; class 2 has none."""
    rng = np.random.default_rng(3)
    lengths, calendar = np.array([6, 9]), np.array([0, 1, 1, 0, 1, 0, 0])
    stored = rng.integers(100, 5000, (lengths[calendar].sum(), 4)).astype(np.int16)
    stored[rng.random(len(stored)) < 0.3] = NODATA
    days = np.concatenate([17_530 + 13 * np.arange(6), 17_900 + 41 * np.arange(9)])
    return PixelSeries(
        reflectance=stored,
        calendar=calendar.astype(np.int32),
        target=np.array([0, 1, 1, 0, 0, 3, 1], np.int16),
        group=np.arange(7),
        pixel=np.arange(7, dtype=np.int32),
        days=days.astype(np.int32),
        calendar_start=np.array([0, 6, 15]),
    )


def test_attention_over_the_year_is_that_of_each_series_alone():
    data = ResidentSeries(some_series(), torch.device("cpu"))
    model = tiny_model(classes=("a", "b", "c", "d"))
    batches = data.batches(torch.randperm(7), size=3)
    found = attention_over_year(model, batches, classes=4, parts=5)
    cells = [[[[] for _ in range(5)] for _ in range(2)] for _ in range(4)]
    for one in range(7):
        batch = data.batch(torch.tensor([one]))
        with torch.no_grad():
            attention = model(batch.reflectance, batch.day_of_year, batch.valid).attention
        observed = int(batch.valid.sum())
        for date in np.flatnonzero(batch.valid[0]):
            part = math.floor((float(batch.day_of_year[0, date]) - 1) / (366 / 5))
            for head in range(2):
                share = float(attention[head, 0, date]) * observed
                cells[int(batch.target[0])][head][part].append(share)
    expected = [[[np.mean(c) if c else np.nan for c in h] for h in k] for k in cells]
    assert np.isnan(found[2]).all()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


class Even(torch.nn.Module):
    """Gives every observed date the same attention."""

    def forward(self, reflectance, day_of_year, valid):
        share = valid / valid.sum(1, keepdim=True)
        return Prediction(torch.zeros(len(valid), 2), share.expand(3, *share.shape))


@given(seed=st.integers(0, 10**6), pixels=st.integers(1, 9), dates=st.integers(1, 12))
def test_even_attention_is_one_wherever_anything_is_observed(seed, pixels, dates):
    generator = torch.Generator().manual_seed(seed)
    valid = torch.rand(pixels, dates, generator=generator) < 0.6
    valid[:, 0] = True
    batch = Batch(
        reflectance=torch.zeros(pixels, dates, 2),
        day_of_year=torch.randint(1, 367, (pixels, dates), generator=generator).float(),
        valid=valid,
        target=torch.randint(0, 2, (pixels,), generator=generator),
        series=torch.arange(pixels),
    )
    found = attention_over_year(Even(), [batch, batch], classes=2, parts=7)
    assert found.shape == (2, 3, 7)
    np.testing.assert_allclose(found[~np.isnan(found)], 1, rtol=1e-6)
    seen = {
        (int(batch.target[p]), int(part_of_year(batch.day_of_year[p, t], 7)))
        for p, t in valid.nonzero()
    }
    assert {(k, m) for k, _, m in np.argwhere(~np.isnan(found))} == seen


def test_parts_of_the_year_have_both_ends():
    days = torch.tensor([1.0, 15.0, 16.25, 17.0, 366.0])
    assert part_of_year(days, 24).tolist() == [0, 0, 1, 1, 23]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (7, "7"), (999, "999"), (1000, "1.0k"), (1249, "1.2k"), (9960, "10k")],
)
def test_counts_fit_their_cells(count, text):
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(34_400, "34k"), (999_400, "999k"), (999_600, "1.0M"), (39_000_000, "39M")],
)
def test_large_counts_fit_their_cells(count, text):
    assert count_text(count) == text


@given(st.integers(0, 10**15))
def test_any_count_takes_four_characters_at_most(count):
    assert len(count_text(count)) <= 4


def test_percent_in_cells():
    shares = [0, np.nan, 0.0049, 0.0051, 0.126, 1]
    assert [percent_text(share) for share in shares] == ["", "", "·", "1", "13", "100"]


class Page(HTMLParser):
    """What stands in a page: cells by row, pictures, and all attributes that could fetch."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.sources, self.tags, self.open = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open = tag
        self.sources += [value for name, value in attributes if name in {"src", "href"}]
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, text):
        if self.open in {"td", "th"}:
            self.rows[-1].append(text)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    page = tmp_path_factory.mktemp("report") / "mine.html"
    write_report(a_report(), page)
    return page


def test_the_page_and_its_pictures_and_nothing_else(written):
    expected = {"mine.html", *(f"mine-{name}.png" for name in NAMES)}
    assert {path.name for path in written.parent.iterdir()} == expected


def test_pictures_show_something(written):
    for name in NAMES:
        image = imread(picture_path(written, name))
        assert min(image.shape[:2]) > 100, name
        assert image[..., :3].std() > 0.02, name


def test_the_page_holds_the_table_and_the_pictures(written):
    page = Page(written.read_text(encoding="utf-8"))
    assert page.rows[0][0] == "Class"
    assert page.rows[1:4] == [list(row) for row in class_rows(a_report())]
    assert page.rows[2][0] == CLASSES[1]
    assert page.rows[-1] == ["2", "1.000", "–", "0.500", "0.250", "0.002", "12,345"]
    assert "b" not in page.tags
    assert len(page.sources) == len(NAMES) - 1
    for name, source in zip(NAMES, page.sources, strict=False):
        kind, _, content = source.partition(",")
        assert kind == "data:image/png;base64"
        assert b64decode(content) == picture_path(written, name).read_bytes()


def test_the_page_needs_nothing_from_elsewhere(written):
    text = re.sub(r"base64,[\w+/=]+", "", written.read_text(encoding="utf-8"))
    assert not re.search(r"https?:|//|url\(|@import|<script|<link|<prepared|<training", text)
    assert "prefers-color-scheme: dark" in text
    assert "A &lt;training&gt;" in text


def test_a_page_without_pictures_has_the_scores():
    text = training_page(a_report(), [])
    assert "<dt>Overall accuracy</dt><dd>0.7500</dd>" in text
    assert f"<dd>{(6 / 11 + 9 / 14) / 2:.4f}, over" in text


def test_the_same_report_gives_the_same_bytes(written, tmp_path):
    write_report(a_report(), tmp_path / "mine.html")
    for path in written.parent.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_one_class_one_head_one_epoch_and_nothing_observed(tmp_path):
    report = a_report(
        classes=("作物",),
        test=Confusion(np.array([[0]])),
        attention=np.full((1, 1, 24), np.nan),
        epochs=(replace(an_epoch(1), validation_accuracy=math.nan, validation_mean_iou=math.nan),),
    )
    write_report(report, tmp_path / "one.html")
    assert "作物" in (tmp_path / "one.html").read_text(encoding="utf-8")


def test_places_are_checked_first(tmp_path):
    check_report(tmp_path / "a.html", overwrite=False)
    assert not any(tmp_path.iterdir())
    with pytest.raises(OutputError, match=r"a\.pdf: expected a name that ends in \.html"):
        check_report(tmp_path / "a.pdf", overwrite=False)
    picture_path(tmp_path / "a.html", "attention-by-head").touch()
    with pytest.raises(OutputError, match=r"a-attention-by-head\.png: exists already"):
        check_report(tmp_path / "a.html", overwrite=False)
    check_report(tmp_path / "a.html", overwrite=True)


def test_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    with pytest.raises(MissingExtraError, match=r'pip install "am4cm\[plots\]"'):
        check_report(tmp_path / "a.html", overwrite=False)


def test_report_of_trained_weights(tmp_path):
    write_cloudy(tmp_path / "site")
    config = PrepareConfig(folds=3, grouping="block", block=3)
    source = label_stack(find_stack(tmp_path / "site"), tmp_path / "site/labels.tif", config=config)
    data, place = tmp_path / "data", Place(out=tmp_path / "mine.safetensors")
    data.mkdir()
    prepare_stacks([source], data, config)
    ranks = Ranks(device=torch.device("cpu"))
    trained = train_file(data, 2, TrainConfig(epochs=2, batch=32), Run(ranks=ranks), place)
    report = report_weights(place.out, place.log, data, ranks=ranks)
    assert report.title == "Training of mine, test fold 1"
    assert report.epochs == trained.history
    assert (report.test.counts == trained.confusion.counts).all()
    assert report.classes == ("maize", "meadow")
    assert report.facts["Trained on folds"] == "2"
    assert report.attention.shape == (2, 16, 24)
    # Of a series with T observed dates, the shares sum to T: so does their mean, weighted.
    series = open_fold(data, 1)
    part = ((day_of_year(series.days) - 1) * 24 // 366).astype(int)
    dates = np.bincount(part, minlength=24)
    found = np.nansum(report.attention * dates, axis=2) / dates.sum()
    np.testing.assert_allclose(found, 1, rtol=1e-4)
