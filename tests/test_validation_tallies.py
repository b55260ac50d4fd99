"""Counts by class, edge and date; choices; windows that add up to the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.classes import CLEAR, SHADOW, SNOW, THICK, THIN, UNKNOWN
from am4cm_cli.validation.bins import PERCENT
from am4cm_cli.validation.choices import choices
from am4cm_cli.validation.tallies import near_edge, tally

KINDS = np.array([CLEAR, THICK, THIN, SHADOW, SNOW, UNKNOWN], np.uint8)


def scene(seed=0, shape=(4, 9, 7)):
    rng = np.random.default_rng(seed)
    labels = rng.choice(KINDS, shape)
    scores = rng.integers(0, 101, shape) / 100
    return np.where(rng.random(shape) < 0.1, np.nan, scores), labels


def by_name(found):
    return {choice.name: choice for choice in found}


@given(seed=st.integers(0, 1000))
def test_counts_are_the_pixels_of_each_choice(seed):
    scores, labels = scene(seed)
    labels[1] = THIN
    found = tally(scores, labels, bins=PERCENT)
    near = np.stack([near_edge(date) for date in labels])
    told = by_name(choices(found.labels, names=list("abcd"), without=["c"]))
    known = ~np.isnan(scores)
    expected = {
        ("cloud", "all dates"): np.isin(labels, (THICK, THIN)),
        ("unusable", "all dates"): np.isin(labels, (THICK, THIN, SHADOW)),
        ("unusable", "shadow"): labels == SHADOW,
        ("unusable", "thin cloud"): labels == THIN,
        ("cloud", "edges"): np.isin(labels, (THICK, THIN)) & near,
        ("cloud", "uniform dates"): np.arange(4)[:, None, None] == 1,
    }
    for (target, name), flagged in expected.items():
        total = found.counts_for(target, told[name]).total
        histogram = np.bincount((scores[flagged & known] * 100).round().astype(int), minlength=101)
        np.testing.assert_array_equal(total[1], histogram)
    edges = found.counts_for("cloud", told["edges"]).total
    assert edges[0].sum() == ((labels == CLEAR) & near & known).sum()
    assert len(found.counts_for("cloud", told["all dates without 1"]).counts) == 3


def test_windows_add_up():
    scores, labels = scene(1)
    near = np.stack([near_edge(date) for date in labels])
    whole = tally(scores, labels, bins=PERCENT, edges=near)
    parts = [
        tally(scores[:, :, cut], labels[:, :, cut], bins=PERCENT, edges=near[:, :, cut])
        for cut in (slice(0, 3), slice(3, 7))
    ]
    both = parts[0] + parts[1]
    np.testing.assert_array_equal(both.counts, whole.counts)
    np.testing.assert_array_equal(both.labels, whole.labels)
    assert both.pixels == whole.pixels == 63


def test_an_edge_is_two_pixels_to_either_side_of_a_border():
    labels = np.full((3, 12), CLEAR, np.uint8)
    labels[:, 6:] = THICK
    expected = np.isin(np.arange(12), (4, 5, 6, 7))
    np.testing.assert_array_equal(near_edge(labels), np.tile(expected, (3, 1)))


def test_a_border_to_what_is_unknown_is_no_edge():
    labels = np.full((3, 12), CLEAR, np.uint8)
    labels[:, 3:9], labels[:, 9:] = UNKNOWN, THICK
    assert not near_edge(labels).any()


def test_snow_makes_a_date_mixed_but_is_not_scored():
    labels = np.full((2, 5, 4), CLEAR, np.uint8)
    labels[1, :2] = SNOW
    found = tally(np.full(labels.shape, 0.3), labels, bins=PERCENT)
    told = by_name(choices(found.labels))
    assert told["mixed dates"].dates.tolist() == [False, True]
    assert found.counts.sum() == 20 + 12
    assert found.labels.tolist() == [[20, 0, 0, 0, 0], [12, 0, 0, 0, 8]]


@pytest.mark.parametrize(
    ("kinds", "rows"), [((CLEAR, THICK), 0), ((CLEAR, THICK, SHADOW), 2), ((CLEAR,), 0)]
)
def test_kinds_have_rows_of_their_own_where_a_reference_tells_several(kinds, rows):
    labels = np.resize(np.array(kinds, np.uint8), (1, 3, 4))
    found = choices(tally(np.zeros((1, 3, 4)), labels, bins=PERCENT).labels)
    assert sum(choice.kinds is not None for choice in found) == rows
