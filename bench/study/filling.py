"""Figures for the text of the page, by the name that the text gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from ablations import Found
from claims import CONTROL, DROP, NO_NETWORK, RAW
from controls import TOGETHER, Group
from heads import Heads
from indices import RANDOM
from measuring import ALL, chosen, flagged_share
from methods import MASK, PLAIN, Compared
from pictures import WHITE
from series import SIMULATED, SIMULATED_DATES, SIMULATED_SIDE, clear_by_eye
from situations import LIFT, Situations, Year
from tables import ablation, elsewhere, indices, markdown, pair, percent, quality

from am4cm_cli import __version__
from am4cm_cli.judgement import NARROW, THICK_BLUE
from am4cm_cli.scores import CounterfactualConfig
from am4cm_cli.scores.snow import MOST_CHANGE
from am4cm_cli.validation.measures import measure
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights

CLOUD_HEAD = 0.85
"""Area for thin cloud from which a head is called a cloud head."""
ANSWERED = ("length", "hidden", "neighbours")
"""Tables of ablations in which some observations have no answer."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything that was measured."""

    compared: Mapping[str, Compared]
    ablations: Mapping[str, Found]
    groups: Mapping[str, Group]
    heads: Heads
    situations: Situations
    years: Sequence[Year]
    distance: float
    """See `proof.furthest`."""


def fill(text: str, found: Results) -> str:
    """Fill the text."""
    figures = {
        **_constants(found),
        **_answers(found),
        **_tables(found),
        **_heads(found.heads),
        **_situations(found.situations),
        **_lengths(found.ablations),
    }
    return text.format(**figures)


def _constants(found: Results) -> dict[str, Any]:
    weights = load_weights(default_weights())
    config = CounterfactualConfig()
    series = {name: len(one.series.names) for name, one in found.compared.items()}
    return {
        "made": f"{datetime.now(tz=UTC):%Y-%m-%d}, am4cm {__version__} with {weights.name}",
        "flanders_dates": series["flanders-2018"],
        "lazio_dates": series["lazio-l1c"],
        "vosges_dates": series["vosges-theia"],
        "vosges_clear": len(clear_by_eye()),
        "iberia_dates": f"{series['iberia-4band/0']}, {series['iberia-4band/1']}",
        "simulated_dates": SIMULATED_DATES,
        "seeds": " and ".join(map(str, SIMULATED.values())),
        "side": SIMULATED_SIDE,
        "difference": f"{found.distance:.1g}",
        "threshold": f"{found.compared['flanders-2018'].threshold:.3f}",
        "width": config.width,
        "sharpness": config.sharpness,
        "rounds": config.rounds,
        "thick_blue": THICK_BLUE,
        "narrow": NARROW,
        "cloud_head": CLOUD_HEAD,
        "snow_change": MOST_CHANGE,
        "white": WHITE["ordinary"],
        "dark": WHITE["dark"],
        "bright": WHITE["bright"],
        "random": RANDOM,
        "lift": LIFT,
    }


def _answers(found: Results) -> dict[str, str]:
    names = {"raw": RAW, "drop": DROP, "mask": MASK, "control": CONTROL, "plain": PLAIN}
    figures, bare = {}, found.groups[NO_NETWORK].joined[0]
    for target in ("cloud", "unusable"):
        tallies = found.compared["flanders-2018"].tallies(target)
        values = {key: measure(chosen(tallies[name], target, ALL)) for key, name in names.items()}
        figures |= {f"{key}_{target}": f"{one['f1']:.3f}" for key, one in values.items()}
        without = getattr(bare, target)[1]
        figures[f"bare_{target}"] = f"{without:.3f}"
        figures[f"gain_{target}"] = f"{values['mask']['f1'] - without:.3f}"
        figures[f"ece_{target}"] = f"{values['mask']['ece']:.3f}"
    flanders = found.compared["flanders-2018"]
    for key in ("drop", "mask"):
        cloud = flanders.answers[names[key]].cloud
        figures[f"{key}_alarm"] = percent(flagged_share(flanders.series, cloud))
    areas = {"control": found.groups[NO_NETWORK].alone[0], "bare": bare}
    areas["mask"] = found.groups[TOGETHER].joined[0]
    return figures | {f"{key}_area": f"{one.unusable[0]:.3f}" for key, one in areas.items()}


def _tables(found: Results) -> dict[str, str]:
    flanders = found.compared["flanders-2018"]
    years = [
        [one.name, str(one.dates), *_year(one.alone, one.name), *_year(one.within, one.name)]
        for one in found.years
    ]
    return {
        "quality_cloud": quality(flanders, "cloud"),
        "quality_unusable": quality(flanders, "unusable"),
        "elsewhere": elsewhere(found.compared),
        "indices_alone": indices(found.groups, joined=False),
        "indices_joined": indices(found.groups, joined=True),
        "years": markdown(["", "dates", "alone", "within the whole series"], years),
        **{
            name: ablation(table, answered=name in ANSWERED)
            for name, table in found.ablations.items()
        },
    }


def _year(values: tuple[float, float], name: str) -> list[str]:
    return [pair(values) if name.startswith("flanders") else " / ".join(map(percent, values))]


def _heads(heads: Heads) -> dict[str, str]:
    thin, shadow = heads.flanders[:-1, 1], heads.flanders[:-1, 2]
    best, worst = int(shadow.argmax()), int(shadow.argmin())
    return {
        "cloud_heads": "heads " + ", ".join(str(h + 1) for h in np.flatnonzero(thin > CLOUD_HEAD)),
        "shadow_head": str(best + 1),
        "shadow_best": f"{shadow[best]:.2f}",
        "shadow_worst_head": str(worst + 1),
        "shadow_worst": f"{shadow[worst]:.2f}",
        "shadow_together": f"{heads.flanders[-1, 2]:.2f}",
        "season": percent(float(heads.season.max()), 0),
        "date": f"{heads.date.max():.2f}",
    }


def _situations(found: Situations) -> dict[str, str]:
    shares = (
        "thick",
        "thin",
        "shadow",
        "simulated_thin",
        "simulated_shadow",
        "snow",
        "bare",
        "faint",
    )
    return {
        **{name: percent(getattr(found, name)) for name in shares},
        "haze_mean": percent(float(found.haze.mean())),
        "haze_worst": percent(float(found.haze.min())),
        "haze_dates": str(len(found.haze)),
        "edges": f"{found.edges:.3f}",
        "overcast": f"{found.overcast:.3f}",
        "cut_cloud": percent(found.cut[0]),
        "cut": percent(found.cut[1]),
        "clear_dates": str(found.all_clear[0]),
        "all_clear": percent(found.all_clear[1]),
        "cloud_dates": str(found.all_cloud[0]),
        "all_cloud": percent(found.all_cloud[1]),
        "unlifted": percent(found.lifted[0]),
        "lifted": percent(found.lifted[1]),
    }


def _lengths(found: Mapping[str, Found]) -> dict[str, str]:
    mask = next(iter(found["evidence"].values()))
    five, spread = (found["length"][f"5 dates {how}"] for how in ("in a row", "spread out"))
    past = found["neighbours"]["past dates only"]
    return {
        "five_cloud": f"{five.cloud[1]:.3f}",
        "five_unusable": f"{five.unusable[1]:.3f}",
        "five_loss": f"{mask.unusable[1] - five.unusable[1]:.3f}",
        "spread_cloud": f"{spread.cloud[1]:.3f}",
        "spread_answered": percent(spread.answered, 0),
        "past_cloud": f"{past.cloud[1]:.3f}",
        "past_unusable": f"{past.unusable[1]:.3f}",
        "past_simulated": f"{past.simulated_cloud[1]:.3f}",
    }
