"""am4cm and its peers side by side, on the same pixels in the same run: docs/peers.md.

    python bench/peers/page.py ../shared/data build docs/peers.md

`make peers` first lets the peers answer and measures speed; am4cm's masks are made here, by
`am4cm mask`, every time.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from measured import Speed, machine, speeds, versions
from quality import KINDS, Row, Trial, Value, always, date_shares, pixels, rows, shares
from trials import Places, disputed, flanders, iberia, lazio, vosges

from am4cm_cli.classes import CLEAR, TARGETS, THICK
from am4cm_cli.validation.choices import Choice, choices

TITLES = {"cloud": "Cloud against clear", "unusable": "Cloud or shadow against clear"}
TEXT = Path(__file__).with_suffix(".md")


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lay out a table."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def plain(value: Value | None) -> str:
    """Three digits; nothing where undefined."""
    return "" if value is None or math.isnan(value.value) else f"{value.value:.3f}"


def spread(value: Value | None) -> str:
    """Three digits and the interval."""
    limits = (
        "" if value is None or math.isnan(value.low) else f" ({value.low:.3f}-{value.high:.3f})"
    )
    return plain(value) + limits


def ahead(value: Value | None) -> str:
    """A difference with its interval, in bold where that leaves out zero."""
    if value is None or math.isnan(value.value):
        return ""
    text = f"{value.value:+.3f} ({value.low:+.3f} to {value.high:+.3f})"
    # As printed: an advantage that rounds to nothing is none.
    low, high = round(value.low, 3), round(value.high, 3)
    return f"**{text}**" if low > 0 or high < 0 else text


def percent(share: float) -> str:
    """One digit; nothing where undefined."""
    return "" if math.isnan(share) else f"{share:.1%}".replace("%", " %")


def quality_table(by_choice: Mapping[str, Sequence[Row]]) -> str:
    """F1, precision, recall and area of every rival, F1 with its interval, by choice of dates."""
    head, lines = ["", "dates", "F1 (95 %)", "precision", "recall", "AUC"], []
    for place in range(len(next(iter(by_choice.values())))):
        for choice, found in by_choice.items():
            row = found[place]
            values = [spread(row.values["f1"])]
            values += [plain(row.values.get(name)) for name in ("precision", "recall", "auc")]
            lines.append([row.name, choice, *values])
    return markdown(head, lines)


def ahead_table(by_choice: Mapping[str, Sequence[Row]]) -> str:
    """By how much am4cm is ahead of each rival in F1, and in area on all dates."""
    everything = next(iter(by_choice))
    lines = [
        [
            row.name,
            *[ahead(found[place].ahead["f1"]) for found in by_choice.values()],
            ahead(by_choice[everything][place].ahead.get("auc")),
        ]
        for place, row in enumerate(by_choice[everything])
        if row.ahead
    ]
    head = ["am4cm minus ...", *[f"F1, {choice}" for choice in by_choice]]
    return markdown([*head, f"AUC, {everything}"], lines)


def target_part(trial: Trial, target: str, told: Mapping[str, Choice]) -> str:
    """The tables of one target."""
    by_choice = {name: rows(trial, target, choice) for name, choice in told.items()}
    dates, clear, flagged = pixels(trial, target)
    facts = f"{dates} dates, {clear:,} clear pixels, {flagged:,} others."
    tables = [quality_table(by_choice), ahead_table(by_choice), behind(by_choice)]
    return "\n\n".join([f"### {TITLES[target]}", facts, *tables])


def behind(by_choice: Mapping[str, Sequence[Row]]) -> str:
    """Name those that am4cm is behind in F1, by an interval that leaves out zero."""
    named = [
        f"{row.name} ({choice}, {row.ahead['f1'].value:+.3f})"
        for choice, found in by_choice.items()
        for row in found
        if row.ahead and row.ahead["f1"].high < 0
    ]
    if not named:
        return "am4cm is behind none of them in F1 by an interval that leaves out zero."
    return f"**am4cm is behind** in F1, by an interval that leaves out zero: {', '.join(named)}."


def always_part(trial: Trial) -> str:
    """Ground that is flagged whatever the date."""
    told = [f"{name} {share:.1%}" for name, share in always(trial, "unusable")]
    return f"Share of pixels flagged on more than 80 % of their dates: {', '.join(told)}."


def kinds_table(trial: Trial, target: str) -> str:
    """Share flagged of each kind of pixel."""
    lines = [[name, *map(percent, found)] for name, found in shares(trial, target)]
    return markdown(["flagged of", *KINDS], lines)


def flanders_part(trial: Trial, without: Sequence[str]) -> str:
    """Labels by eye."""
    labels = trial.tallies("cloud")[0].labels
    found = choices(labels, names=trial.dates, without=without)
    every, mixed, kept, mixed_kept = found[:4]
    told = {"all": every, "mixed": mixed, "all but 3": kept}
    same = bool((mixed.dates == mixed_kept.dates).all())
    if not same:
        told["mixed but 3"] = mixed_kept
    return "\n\n".join(
        [
            *[target_part(trial, target, told) for target in TARGETS],
            "None of the three disputed dates is a mixed one." if same else "",
            "Which pixels are flagged, by am4cm's `--target unusable` and by what others take for "
            "cloud or shadow:",
            kinds_table(trial, "unusable"),
        ]
    )


def agreement_part(trial: Trial) -> str:
    """Both targets on all dates, and what is flagged."""
    labels = trial.tallies("cloud")[0].labels
    told = {"all": choices(labels)[0]}
    return "\n\n".join([target_part(trial, target, told) for target in TARGETS])


def letters_part(trial: Trial) -> str:
    """Whole dates of lazio-l1c."""
    labels = trial.tallies("cloud")[0].labels
    told = {"K and C": choices(labels)[0]}
    clear, cloud = (dict(date_shares(trial, kind)) for kind in (CLEAR, THICK))
    lines = [
        [name, *map(percent, (clear[name].mean(), clear[name].max())), *_cloudy(cloud[name])]
        for name in clear
    ]
    head = ["flagged as cloud", "C, mean", "C, worst date", "K, mean", "K, worst date"]
    return "\n\n".join([target_part(trial, "cloud", told), markdown(head, lines)])


def _cloudy(found: np.ndarray) -> Iterator[str]:
    yield percent(float(found.mean()))
    yield percent(float(found.min()))


def speed_table(found: Sequence[Speed]) -> str:
    """Rates with their spread over the turns, and peak memory."""
    base = found[0].rates
    lines = [
        [
            one.name,
            f"{np.median(one.rates):,.0f}",
            f"{min(one.rates):,.0f}-{max(one.rates):,.0f}",
            f"{np.median(np.divide(base, one.rates)):.2g}",
            "" if math.isnan(one.peak) else f"{one.peak / 1e6:,.0f} MB",
        ]
        for one in found
    ]
    head = ["", "pixel-dates a second", "over the turns", "`am4cm mask` is ... times as fast"]
    return markdown([*head, "peak memory"], lines)


def write_page(places: Places) -> str:
    """Fill the text with tables."""
    speed = speed_table(speeds(places.build))
    letters, sure = lazio(places)
    by_eye = flanders(places)
    names = disputed(places)
    known = versions(places.build)
    parts = {
        "speed": speed,
        "made": f"{datetime.now(tz=UTC):%Y-%m-%d}, {machine()}",
        "versions": "; ".join(f"{name} {text}" for name, text in known.items()),
        "disputed": ", ".join(names),
        "flanders": flanders_part(by_eye, names),
        "letters": letters_part(letters),
        "sure": target_part(sure, "cloud", {"all": _all(sure)}),
        "vosges": agreement_part(vosges(places)),
        "iberia": "\n\n".join(
            f"## iberia-4band/{cube}\n\n{agreement_part(found)}\n\n{always_part(found)}"
            for cube in "01"
            for found in [iberia(places, cube)]
        ),
    }
    return TEXT.read_text().format(**parts)


def _all(trial: Trial) -> Choice:
    return choices(trial.tallies("cloud")[0].labels)[0]


def main(
    shared: Annotated[Path, typer.Argument(help="Folder of the shared series.", exists=True)],
    build: Annotated[Path, typer.Argument(help="Folder of the peers' answers.", exists=True)],
    out: Annotated[Path, typer.Argument(help="Page to write.")],
) -> None:
    """Write the page."""
    out.write_text(write_page(Places(shared=shared, build=build)))


if __name__ == "__main__":
    typer.run(main)
