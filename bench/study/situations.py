"""What the mask does in particular situations, as shares of pixels flagged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from measuring import ALL, asking, chosen, count, flagged_share
from numpy.typing import NDArray
from series import Library, Series
from variants import Variant, ask, ask_parts

from am4cm_cli.classes import CLEAR, SHADOW, SNOW, THICK, THIN
from am4cm_cli.validation.bins import PROBABILITY
from am4cm_cli.validation.choices import choices
from am4cm_cli.validation.measures import measure
from am4cm_cli.validation.tallies import tally
from am4cm_cli.weights import Weights

SNOW_DATE, BARE_DATE, CUT_DATE = "2017-12-12", "2018-05-26", "2019-03-19"
FAINT_DATE = "2018-02-05"
LIFT = 0.1
"""A forgotten offset of -0.1, in reflectance."""
OVERCAST = ("11", "12", "01")
"""Months."""


@dataclass(frozen=True, kw_only=True)
class Situations:
    """Shares of pixels flagged as cloud or shadow, if nothing else is said."""

    thick: float
    thin: float
    shadow: float
    simulated_thin: float
    simulated_shadow: float
    haze: NDArray[np.float64]
    """By date of flanders-2018 that is thin cloud throughout."""
    edges: float
    """F1 for cloud or shadow near borders."""
    snow: float
    bare: float
    faint: float
    """Of the shadow of FAINT_DATE."""
    cut: tuple[float, float]
    """As cloud, as cloud or shadow."""
    overcast: float
    """F1 for cloud or shadow in the OVERCAST months."""
    all_clear: tuple[int, float]
    """Dates of a stack of nothing but clear dates, and the share flagged as cloud."""
    all_cloud: tuple[int, float]
    """The same of nothing but thick cloud."""
    lifted: tuple[float, float]
    """Flagged as cloud on clear dates: as they are, and when one at a time is lifted by LIFT."""


@dataclass(frozen=True, kw_only=True)
class Year:
    """One year as a stack of its own, and as part of the whole series, on the same dates."""

    name: str
    dates: int
    alone: tuple[float, float]
    """flanders-2018: F1 for cloud and for cloud or shadow; vosges-theia: shares of clear dates
    flagged as these."""
    within: tuple[float, float]


def see(library: Library, weights: Weights) -> Situations:
    """Measure every situation."""
    flanders, vosges = library.flanders, library.vosges
    answer, cut = ask(Variant(), flanders, weights), ask(Variant(), vosges, weights)
    lost = answer.unusable
    uniform = [t for t, labels in enumerate(flanders.labels) if (labels == THIN).all()]
    bare, day = flanders.date(BARE_DATE), vosges.date(CUT_DATE)
    return Situations(
        thick=flagged_share(flanders, lost, THICK),
        thin=flagged_share(flanders, lost, THIN),
        shadow=flagged_share(flanders, lost, SHADOW),
        simulated_thin=_simulated(library, weights, THIN),
        simulated_shadow=_simulated(library, weights, SHADOW),
        haze=np.array([(lost[t] >= 0.5).mean() for t in uniform]),
        edges=_edges(flanders, lost),
        snow=_on(flanders, lost, SNOW_DATE, SNOW),
        faint=_on(flanders, lost, FAINT_DATE, SHADOW),
        bare=float((lost[bare] >= 0.5).mean()),
        cut=(float((cut.cloud[day] >= 0.5).mean()), float((cut.unusable[day] >= 0.5).mean())),
        overcast=_f1(flanders, lost, "unusable", _months(flanders)),
        all_clear=_only(flanders, weights, CLEAR),
        all_cloud=_only(flanders, weights, THICK),
        lifted=_lifted(flanders, weights),
    )


def by_year(library: Library, weights: Weights) -> list[Year]:
    """Every year of the two series that have several."""
    return [*_flanders_years(library.flanders, weights), *_vosges_years(library.vosges, weights)]


def _flanders_years(series: Series, weights: Weights) -> list[Year]:
    years = [series.year(year) for year in (2017, 2018)]
    alone = ask_parts(Variant(), series, weights, years)
    whole = asking(Variant(), weights)(series)
    return [
        Year(
            name=f"flanders-2018, {series.names[dates[0]][:4]}",
            dates=len(dates),
            alone=_both_f1(series, alone, dates),
            within=_both_f1(series, whole, dates),
        )
        for dates in years
    ]


def _vosges_years(series: Series, weights: Weights) -> list[Year]:
    years = [dates for year in range(2016, 2021) if len(dates := series.year(year)) > 1]
    alone = ask_parts(Variant(), series, weights, years)
    whole = asking(Variant(), weights)(series)
    return [
        Year(
            name=f"vosges-theia, {series.names[dates[0]][:4]}",
            dates=len(dates),
            alone=_both_flagged(series, alone, dates),
            within=_both_flagged(series, whole, dates),
        )
        for dates in years
    ]


def _both_f1(
    series: Series, found: dict[str, NDArray[np.float64]], dates: NDArray[np.int64]
) -> tuple[float, float]:
    cloud, lost = (_f1(series, found[name], name, dates) for name in ("cloud", "unusable"))
    return cloud, lost


def _both_flagged(
    series: Series, found: dict[str, NDArray[np.float64]], dates: NDArray[np.int64]
) -> tuple[float, float]:
    part = series.at(dates)
    cloud, lost = (flagged_share(part, found[name][dates]) for name in ("cloud", "unusable"))
    return cloud, lost


def _f1(
    series: Series, scores: NDArray[np.float64], target: str, dates: NDArray[np.int64]
) -> float:
    return measure(chosen(count(series.at(dates), scores[dates]), target, ALL))["f1"]


def _months(series: Series) -> NDArray[np.int64]:
    return np.flatnonzero([name[5:7] in OVERCAST for name in series.names])


def _on(series: Series, scores: NDArray[np.float64], date: str, kind: int) -> float:
    place = [series.date(date)]
    return flagged_share(series.at(place), scores[place], kind)


def _edges(series: Series, scores: NDArray[np.float64]) -> float:
    found = tally(scores, series.labels, bins=PROBABILITY)
    edges = next(one for one in choices(found.labels) if one.only_edges)
    return measure(found.counts_for("unusable", edges))["f1"]


def _simulated(library: Library, weights: Weights, kind: int) -> float:
    shares = [
        flagged_share(series, ask(Variant(), series, weights).unusable, kind)
        for series in library.simulated
    ]
    return float(np.mean(shares))


def _only(series: Series, weights: Weights, kind: int) -> tuple[int, float]:
    uniform = np.flatnonzero([(labels == kind).all() for labels in series.labels])
    answer = ask(Variant(), series.at(uniform), weights)
    return len(uniform), float((answer.cloud >= 0.5).mean())


def _lifted(series: Series, weights: Weights) -> tuple[float, float]:
    uniform = np.flatnonzero([(labels == CLEAR).all() for labels in series.labels])[::8]
    asis = ask(Variant(), series, weights).cloud[uniform]
    shares = [
        (ask(Variant(), series.lifted(t, LIFT), weights).cloud[t] >= 0.5).mean() for t in uniform
    ]
    return float((asis >= 0.5).mean()), float(np.mean(shares))
