"""Measures of a mask against a reference, each from (..., 2, K) counts by ascending bin of score.

Leading axes are carried along, so that a thousand resamplings are one call.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.validation.counts import DateCounts

Floats = NDArray[np.float64]

MEASURES = (
    "auc",
    "average_precision",
    "f1",
    "precision",
    "recall",
    "balanced_accuracy",
    "iou",
    "ece",
)
AT_THRESHOLD = ("f1", "precision", "recall", "balanced_accuracy", "iou")
PARTS = 10
"""Equal bins of probability for the calibration error."""
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def measure(counts: DateCounts) -> dict[str, float]:
    """Every measure over all dates together, by its name in MEASURES; NaN where undefined."""
    found = measure_all(counts.total[None], counts)
    return {name: float(values[0]) for name, values in found.items()}


def measure_all(total: NDArray[np.number], like: DateCounts) -> dict[str, Floats]:
    """Every measure of (..., 2, K) counts with the bins, threshold and kind of others."""
    pixels = total.astype(np.float64)
    found = {"auc": area(pixels), "average_precision": average_precision(pixels)}
    found |= at_threshold(pixels, reaches(like.values, like.threshold))
    nothing = np.full(pixels.shape[:-2], np.nan)
    found["ece"] = calibration_error(pixels, like.values) if like.is_probability else nothing
    return found


def area(total: Floats) -> Floats:
    """Area under the ROC curve, ties halved: how often a flagged pixel outscores a clear one."""
    clear, flagged = total[..., 0, :], total[..., 1, :]
    below = np.cumsum(clear, axis=-1) - clear / 2
    return ratio((flagged * below).sum(-1), flagged.sum(-1) * clear.sum(-1))


def average_precision(total: Floats) -> Floats:
    """Sum over falling thresholds of the gain in recall times the precision there."""
    falling = np.cumsum(total[..., ::-1], axis=-1)
    flagged = falling[..., 1, :]
    precision = flagged / np.maximum(falling.sum(-2), 1)
    gained = np.diff(flagged, axis=-1, prepend=0)
    return ratio((gained * precision).sum(-1), flagged[..., -1])


def at_threshold(total: Floats, above: NDArray[np.bool_]) -> dict[str, Floats]:
    """Measures of a yes or no.

    Args:
        total: (..., 2, K).
        above: (K,) bins that the method flags.
    """
    hit, alarm = total[..., 1, above].sum(-1), total[..., 0, above].sum(-1)
    flagged, clear = total[..., 1, :].sum(-1), total[..., 0, :].sum(-1)
    recall = ratio(hit, flagged)
    some = flagged > 0  # without anything to find, nothing can be said, as for the recall
    return {
        "f1": ratio(2 * hit, np.where(some, hit + alarm + flagged, 0)),
        "precision": ratio(hit, np.where(some, hit + alarm, 0)),
        "recall": recall,
        "balanced_accuracy": (recall + ratio(clear - alarm, clear)) / 2,
        "iou": ratio(hit, np.where(some, alarm + flagged, 0)),
    }


def calibration_error(total: Floats, values: Floats) -> Floats:
    """Expected calibration error: mean distance of the promised from the found share of cloud.

    Ten equal bins of probability, each weighted by its pixels (Naeini et al. 2015, AAAI 29).
    """
    promised, hit, pixels = _parts(total, values)
    return ratio(np.abs(promised - hit).sum(-1), pixels.sum(-1))


def reliability(counts: DateCounts) -> dict[str, list[float]]:
    """The reliability curve over PARTS bins of probability.

    Returns:
        `promised` mean probability, `found` share flagged in the reference, and `pixels`, one item
        per bin that has pixels.
    """
    promised, hit, pixels = _parts(counts.total.astype(np.float64), counts.values)
    some = pixels > 0
    return {
        "promised": (promised[some] / pixels[some]).tolist(),
        "found": (hit[some] / pixels[some]).tolist(),
        "pixels": pixels[some].tolist(),
    }


def threshold_table(counts: DateCounts) -> list[dict[str, float]]:
    """The measures of a yes or no at each of THRESHOLDS, with what is missed."""
    total = counts.total.astype(np.float64)
    return [
        {"threshold": threshold, **_row(at_threshold(total, reaches(counts.values, threshold)))}
        for threshold in THRESHOLDS
    ]


def best_threshold(counts: DateCounts) -> float:
    """The score with the highest F1 against this very reference: flattering, so say so."""
    falling = np.cumsum(counts.total[:, ::-1], axis=-1).astype(np.float64)
    flagged = falling[1, -1]
    f1 = 2 * falling[1] / np.maximum(falling.sum(0) + flagged, 1)
    return float(counts.values[::-1][np.argmax(f1)])


def ratio(part: Floats, whole: Floats) -> Floats:
    """Part / whole, NaN for nothing of nothing."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def _row(found: Mapping[str, Floats]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items()}


def reaches(values: Floats, threshold: float) -> NDArray[np.bool_]:
    """(K,) bins that a method flags, however its threshold was rounded."""
    above: NDArray[np.bool_] = values >= threshold - 1e-9
    return above


def _parts(total: Floats, values: Floats) -> tuple[Floats, Floats, Floats]:
    """(..., PARTS) sums of probability, flagged pixels and all pixels."""
    # 0.3 is 0.299... in binary, and belongs to the fourth part.
    part = np.minimum((values * PARTS + 1e-9).astype(int), PARTS - 1)
    member = (part == np.arange(PARTS)[:, None]).astype(np.float64)
    pixels = total.sum(-2)
    return (pixels * values) @ member.T, total[..., 1, :] @ member.T, pixels @ member.T
