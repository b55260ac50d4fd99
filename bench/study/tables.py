"""Tables in Markdown."""

import math
from collections.abc import Mapping, Sequence

from controls import MEASURES, Group
from measuring import ALL, MIXED, Marks, chosen
from methods import MASK, PLAIN, Compared

from am4cm_cli.validation.intervals import interval, paired
from am4cm_cli.validation.measures import measure


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lay out a table."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def percent(share: float, digits: int = 1) -> str:
    """A share in percent; a dash where undefined."""
    return "-" if math.isnan(share) else f"{100 * share:.{digits}f} %"


def pair(values: tuple[float, float]) -> str:
    """Area and F1."""
    return " / ".join(f"{value:.3f}" for value in values)


def quality(compared: Compared, target: str) -> str:
    """Every method by eye, with intervals over dates, on all and on mixed dates."""
    tallies = compared.tallies(target)
    lines = []
    for name, found in tallies.items():
        line = [name]
        for choice in (ALL, MIXED):
            counts, best = chosen(found, target, choice), chosen(tallies[MASK], target, choice)
            values, limits = measure(counts), interval(counts)
            line += [_limited(values[key], limits[key]) for key in ("auc", "f1")]
            line.append("" if name == MASK else _ahead(paired(best, counts)["f1"]))
        whole = measure(chosen(found, target, ALL))["ece"]
        lines.append([*line, "" if math.isnan(whole) else f"{whole:.3f}"])
    head = ["", *_columns("all"), *_columns("mixed"), "ECE, all"]
    return markdown(head, lines)


def elsewhere(compared: Mapping[str, Compared]) -> str:
    """Every method on the other series."""
    names = list(next(iter(compared.values())).tallies("cloud"))
    return markdown(
        ["", *[head for head, *_ in ELSEWHERE], "vosges-theia, clear by eye: flagged as cloud"],
        [[name, *_areas(compared, name), _false_alarm(compared, name)] for name in names],
    )


ELSEWHERE = (
    ("lazio-l1c, cloud", "lazio-l1c", "cloud"),
    ("iberia-4band/0, cloud", "iberia-4band/0", "cloud"),
    ("iberia-4band/1, cloud", "iberia-4band/1", "cloud"),
    ("sen2cor, cloud", "sen2cor", "cloud"),
    ("theia, cloud", "theia", "cloud"),
    ("sen2cor, cloud or shadow", "sen2cor", "unusable"),
    ("theia, cloud or shadow", "theia", "unusable"),
)


def _areas(compared: Mapping[str, Compared], name: str) -> list[str]:
    found = []
    for _, series, target in ELSEWHERE:
        values = measure(chosen(compared[series].tallies(target)[name], target, ALL))
        found.append(pair((values["auc"], values["f1"])))
    return found


def _false_alarm(compared: Mapping[str, Compared], name: str) -> str:
    one = compared["vosges-theia"]
    clear = one.series.valid & (one.series.labels == 0)
    return percent(float(one.flags("cloud")[name][clear].mean()))


def ablation(found: Mapping[str, Marks], *, answered: bool = False) -> str:
    """Area and F1 at 50 % by row."""
    lines = [
        [
            name,
            pair(one.cloud),
            pair(one.cloud_mixed),
            pair(one.unusable),
            pair(one.unusable_mixed),
            pair(one.simulated_cloud),
            pair(one.simulated_unusable),
            " / ".join(map(percent, one.false_alarm)),
            *([percent(one.answered)] if answered else []),
        ]
        for name, one in found.items()
    ]
    head = [
        "",
        "flanders, cloud",
        "mixed dates",
        "flanders, unusable",
        "mixed dates",
        "simulated, cloud",
        "simulated, unusable",
        "vosges, clear: flagged",
        *(["answered"] if answered else []),
    ]
    return markdown(head, lines)


def indices(groups: Mapping[str, Group], *, joined: bool) -> str:
    """Areas of kinds of indices: the median, and from the lowest to the highest where several."""
    lines = [
        [name, *[_range(one.spread(joined)[measure]) for measure in MEASURES]]
        for name, one in groups.items()
    ]
    head = [
        "AUC",
        "flanders, cloud",
        "flanders, unusable",
        "simulated, cloud",
        "simulated, unusable",
    ]
    return markdown(head, lines)


def _range(values: tuple[float, float, float]) -> str:
    low, middle, high = values
    several = f" ({low:.3f} to {high:.3f})" if high > low else ""
    return f"{middle:.3f}{several}"


def _columns(dates: str) -> list[str]:
    return [f"AUC, {dates}", f"F1, {dates}", f"mask ahead in F1, {dates}"]


def _limited(value: float, limits: tuple[float, float]) -> str:
    return f"{value:.3f} ({limits[0]:.3f}-{limits[1]:.3f})"


def _ahead(difference: tuple[float, float, float]) -> str:
    value, low, high = difference
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


__all__ = ["PLAIN", "ablation", "elsewhere", "indices", "markdown", "percent", "quality"]
