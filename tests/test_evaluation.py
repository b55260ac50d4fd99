"""Scores of a model against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score, log_loss

from am4cm_cli.datasets.batches import ResidentSeries
from am4cm_cli.evaluation import evaluate, scores
from am4cm_cli.memory import free_bytes
from am4cm_cli.metrics import Confusion
from am4cm_cli.models import build
from am4cm_cli.ranks import Ranks
from prepared_folds import BANDS, CLASSES, parts_of, write_folds

CPU = torch.device("cpu")


def test_an_evaluation_is_scikit_learns(tmp_path):
    write_folds(tmp_path, series=53)
    data = ResidentSeries(parts_of(tmp_path, 2, 5), CPU)
    torch.manual_seed(0)
    model = build("9k", bands=BANDS, mean=(0.2,) * 4, std=(0.1,) * 4, classes=CLASSES).eval()
    batch = data.batch(torch.arange(len(data)))
    with torch.no_grad():
        logits = model(batch.reflectance, batch.day_of_year, batch.valid).logits
    truth, predicted = batch.target.numpy(), logits.argmax(1).numpy()
    found = evaluate(model, data, classes=3, ranks=Ranks(device=CPU))
    assert (found.confusion.counts == confusion_matrix(truth, predicted, labels=range(3))).all()
    expected = log_loss(truth, logits.double().softmax(1).numpy(), labels=range(3))
    assert found.loss == pytest.approx(expected, rel=1e-5)
    told = scores(found.confusion, CLASSES, folds=(2, 5)).to_dict()
    each = {"labels": range(3), "average": None}
    for name, function in (("f1", f1_score), ("iou", jaccard_score)):
        np.testing.assert_allclose(list(told[name].values()), function(truth, predicted, **each))
    assert told["folds"] == [2, 5]


def test_a_class_that_never_occurs_has_no_score():
    found = scores(Confusion(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]])), CLASSES, folds=(1,))
    assert found.iou == {"maize": 0.75, "meadow": pytest.approx(2 / 3), "wheat": None}
    assert found.mean_iou == pytest.approx((0.75 + 2 / 3) / 2)


def test_some_memory_is_free():
    assert 2**20 < free_bytes(CPU) < 2**50
