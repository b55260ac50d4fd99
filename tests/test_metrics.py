"""Confusion counts against scikit-learn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score

from am4cm_cli.metrics import Confusion

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(pairs)
def test_ratios_are_scikit_learns(rows):
    truth, predicted = np.array(rows).T
    found = Confusion.of(truth, predicted, classes=5)
    assert (found.counts == confusion_matrix(truth, predicted, labels=range(5))).all()
    assert_allclose(found.accuracy, accuracy_score(truth, predicted))
    known = np.union1d(truth, predicted)
    assert_allclose(
        found.f1[known], f1_score(truth, predicted, labels=known, average=None, zero_division=0)
    )
    iou = jaccard_score(truth, predicted, labels=known, average=None, zero_division=0)
    assert_allclose(found.iou[known], iou)
    assert_allclose(found.mean_iou, iou.mean())
    assert np.isnan(np.delete(found.iou, known)).all()


@given(pairs, st.integers(0, 60))
def test_parts_add_up(rows, cut):
    truth, predicted = np.array(rows).T
    whole = Confusion.of(truth, predicted, classes=5)
    parts = [Confusion.of(t, p, classes=5) for t, p in _halves(truth, predicted, cut)]
    assert ((parts[0] + parts[1]).counts == whole.counts).all()


def _halves(truth, predicted, cut):
    return [(truth[:cut], predicted[:cut]), (truth[cut:], predicted[cut:])]


def test_nothing_counted_is_nan():
    empty = Confusion(np.zeros((3, 3), np.int64))
    assert np.isnan(empty.accuracy)
    assert np.isnan(empty.mean_iou)
