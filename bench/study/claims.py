"""What the page concludes, and what must be measured for it to hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ablations import Found
from controls import EACH, RANDOM, TOGETHER, Group
from heads import Heads
from measuring import ALL, MIXED, chosen
from methods import MASK, Compared
from situations import Situations

from am4cm_cli.validation.intervals import paired
from am4cm_cli.validation.measures import measure

CONTROL, DROP, RAW = "the same smoothing on the blue, no network", "attention drop", "raw attention"
NO_NETWORK = "the blue band"
LEVEL = 0.01
"""Differences in F1 below this are called level."""


class ClaimError(Exception):
    """A sentence of the page no longer holds; write it again."""


def check(
    compared: Mapping[str, Compared],
    ablations: Mapping[str, Found],
    groups: Mapping[str, Group],
    heads: Heads,
    situations: Situations,
) -> None:
    """Raise ClaimError for the first sentence that no longer holds."""
    held = [
        *_by_eye(compared["flanders-2018"]),
        *_elsewhere(compared),
        *_indices(groups),
        *_ablations(ablations),
        *_heads(heads),
        ("a stack of nothing but clear dates stays clear", situations.all_clear[1] < 0.02),
        ("a lifted date is flagged", situations.lifted[1] > 0.9),
    ]
    for claim, holds in held:
        if not holds:
            raise ClaimError(f"bench/study/page.md says: {claim}. It was not measured this time.")


Claims = Iterator[tuple[str, bool]]


def _by_eye(compared: Compared) -> Claims:
    def ahead(target: str, other: str, choice: int) -> tuple[float, float, float]:
        tallies = compared.tallies(target)
        first, second = (chosen(tallies[name], target, choice) for name in (MASK, other))
        return paired(first, second)["f1"]

    for target in ("cloud", "unusable"):
        yield f"{target}: the mask is ahead of raw attention", ahead(target, RAW, ALL)[1] > 0
        yield f"{target}: the mask is ahead of the control", ahead(target, CONTROL, ALL)[1] > 0
    yield "cloud: joining does not help the drop", ahead("cloud", DROP, ALL)[1] < 0
    yield "cloud, mixed: joining does not help the drop", ahead("cloud", DROP, MIXED)[1] < 0
    yield "unusable: joining helps the drop", ahead("unusable", DROP, ALL)[1] > 0


def _elsewhere(compared: Mapping[str, Compared]) -> Claims:
    def f1(series: str, name: str, target: str) -> float:
        counts = chosen(compared[series].tallies(target)[name], target, ALL)
        return measure(counts)["f1"]

    def area(series: str, name: str, target: str) -> float:
        counts = chosen(compared[series].tallies(target)[name], target, ALL)
        return measure(counts)["auc"]

    for series in ("sen2cor", "theia"):
        for target in ("cloud", "unusable"):
            behind = f1(series, MASK, target) < f1(series, DROP, target)
            yield f"{series}, {target}: the drop alone is ahead of the mask", behind
        ahead = area(series, MASK, "unusable") > area(series, DROP, "unusable")
        yield f"{series}: the mask is ahead in area for cloud or shadow", ahead
    for cube in ("iberia-4band/0", "iberia-4band/1"):
        behind = f1(cube, MASK, "cloud") < f1(cube, CONTROL, "cloud")
        yield f"{cube}: the control is ahead of the mask", behind


def _indices(groups: Mapping[str, Group]) -> Claims:
    for measured, (_, middle, _) in groups[EACH].spread(joined=False).items():
        lower = groups[RANDOM].spread(joined=False)[measured][1]
        upper = groups[NO_NETWORK].spread(joined=False)[measured][1]
        yield f"{measured}: heads lie between random and blue", lower < middle < upper
    for measured in ("cloud", "unusable", "simulated_cloud", "simulated_unusable"):
        for joined in (False, True):
            best = groups[TOGETHER].spread(joined)[measured][1]
            for name in (EACH, RANDOM, NO_NETWORK):
                yield (
                    f"{measured}: all heads beat {name}",
                    best > groups[name].spread(joined)[measured][2],
                )


def _ablations(found: Mapping[str, Found]) -> Claims:
    length, mask = found["length"], next(iter(found["evidence"].values()))
    for count in (5, 8, 12, 20):
        near, far = (length[f"{count} dates {how}"] for how in ("in a row", "spread out"))
        yield f"{count} dates spread out are worse", far.cloud[1] < near.cloud[1]
    past = found["neighbours"]["past dates only"]
    yield "past dates only cost", past.unusable[1] < mask.unusable[1] - LEVEL
    yield "past dates only cost", past.simulated_cloud[1] < mask.simulated_cloud[1] - LEVEL
    alone = found["evidence"]["A; max(A, min(N, S))"]
    saved = 1 - mask.false_alarm[0] / alone.false_alarm[0]
    yield "blue saves two thirds of the false alarms", 0.6 < saved < 0.8
    yield "A alone is better on simulated stacks", alone.simulated_cloud > mask.simulated_cloud
    better = alone.unusable_mixed > mask.unusable_mixed
    yield "A alone is better for cloud or shadow on mixed dates", better
    wide = found["support"]["mean of 5 x 5"]
    yield "5 x 5 is a little better by eye", 0 < wide.cloud[1] - mask.cloud[1] < LEVEL
    four = found["bands"]["the mask, B02 B03 B04 B08"]
    yield "four bands cost most for shadows", four.unusable[1] < mask.unusable[1] - 2 * LEVEL
    drop = found["bands"]["the drop alone, B02 B03 B04 B08"]
    yield "four bands: residuals rank better", four.unusable[0] > drop.unusable[0]
    for row in ("1 round", "2 rounds", "5 rounds", "sharpness 8", "kernel of 15 days"):
        level = abs(found["clear_sky"][row].cloud[1] - mask.cloud[1]) < LEVEL
        yield f"{row}: little difference by eye", level


def _heads(heads: Heads) -> Claims:
    yield "no head follows the season", bool(heads.season.max() < 0.2)
    yield "a head with a large term of its own for the date", bool(heads.date.max() > 0.8)
    shadow = heads.flanders[:-1, 2]
    yield "heads that shadows please and that they don't", shadow.min() < 0.35 < 0.75 < shadow.max()
