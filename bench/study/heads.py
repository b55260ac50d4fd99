"""What each head responds to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from indices import network, of_heads
from numpy.typing import NDArray
from series import Library, Series
from sklearn.metrics import roc_auc_score
from variants import Variant, ask, folded

from am4cm_cli.attention import fold
from am4cm_cli.classes import CLEAR, SHADOW, THICK, THIN
from am4cm_cli.days import day_of_year
from am4cm_cli.weights import Weights

KINDS = {"thick cloud": THICK, "thin cloud": THIN, "shadow": SHADOW}
HARMONICS = (1, 2)


@dataclass(frozen=True, kw_only=True)
class Heads:
    """By head; areas are of the head's own drop against clear, 0.5 is blind."""

    bands: tuple[str, ...]
    weights: NDArray[np.float64]
    """(H, B) of the heads' logits, per standard deviation of each band over the training series."""
    flanders: NDArray[np.float64]
    """(H + 1, 3) areas by KINDS, by eye; the last is of all heads together."""
    simulated: NDArray[np.float64]
    """(H + 1, 3) areas by KINDS, mean of the two simulated stacks."""
    season: NDArray[np.float64]
    """(H,) share of the variance of a clear pixel's reflectance term, over flanders-2018, that two
    harmonics of the day of the year explain."""
    date: NDArray[np.float64]
    """(H,) standard deviation over the year of the date's own term, in the logit's spread over the
    training series."""


def study_heads(library: Library, weights: Weights) -> Heads:
    """Measure every head."""
    attention = fold(weights.model)
    logit_sd = np.array(weights.calibration.logit_sd)
    spread = np.sqrt(np.diag(np.array(weights.calibration.band_covariance)))
    year = attention.day_term(torch.arange(1, 366, dtype=torch.float64)).numpy()
    exact = [areas(series, weights) for series in library.simulated]
    return Heads(
        bands=attention.bands,
        weights=attention.weight.numpy() / logit_sd[:, None] * spread,
        flanders=areas(library.flanders, weights),
        simulated=np.mean(exact, axis=0),
        season=seasonality(library.flanders, weights),
        date=year.std(axis=1) / logit_sd,
    )


def areas(series: Series, weights: Weights) -> NDArray[np.float64]:
    """(H + 1, 3) areas of each head's drop, then all heads', of kinds against clear."""
    found = []
    for index in [*of_heads(weights), network(weights)]:
        drop = ask(Variant(method="drop", index=index), series, weights).evidence[0]
        known = ~np.isnan(drop)
        clear = drop[known & (series.labels == CLEAR)]
        kinds = [drop[known & (series.labels == kind)] for kind in KINDS.values()]
        found.append([area(clear, flagged) for flagged in kinds])
    return np.array(found)


def area(clear: NDArray[np.floating], flagged: NDArray[np.floating]) -> float:
    """How often a flagged pixel outscores a clear one."""
    truth = np.repeat([0, 1], [len(clear), len(flagged)])
    return float(roc_auc_score(truth, np.concatenate([clear, flagged])))


def seasonality(series: Series, weights: Weights) -> NDArray[np.float64]:
    """(H,) share of the variance over time of clear pixels' own term that the season explains."""
    clear = (series.labels == CLEAR) & series.valid
    attention = folded(weights, series.bands)
    terms = np.einsum("hb,tbyx->htyx", attention.weight.numpy(), series.reflectance)
    count = clear.sum(axis=0)
    centred = terms - (terms * clear).sum(axis=1, keepdims=True) / count
    angle = 2 * np.pi * day_of_year(series.days) / 365.25
    waves = [np.ones_like(angle)]
    waves += [wave(n * angle) for n in HARMONICS for wave in (np.sin, np.cos)]
    dates, _, _ = np.nonzero(clear)
    design = np.stack(waves, axis=1)[dates]
    return np.array([_explained(design, head[clear]) for head in centred])


def _explained(design: NDArray[np.floating], values: NDArray[np.floating]) -> float:
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(fitted.var() / values.var())
