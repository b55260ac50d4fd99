"""Tables of what am4cm understood, at most 80 columns wide."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from am4cm_cli.reports.facts import (
    BandReport,
    GridReport,
    MaskBandReport,
    MaskReport,
    SceneReport,
    StackReport,
)

SHOWN = ("B02", "B8A")
"""Blue, where clouds are bright, and near infrared, where their shadows are dark."""


def stack_table(report: StackReport) -> Table:
    """One row per scene; what all share stands above, notes below."""
    shown = [band for band in SHOWN if band in report.bands] or list(report.bands[:1])
    table = _table(_stack_title(report), report.notes)
    table.add_column("date", min_width=10, overflow="fold")
    table.add_column("valid %", justify="right")
    for band in shown:
        table.add_column(f"median {band}", justify="right")
    table.add_column("remarks", overflow="fold", ratio=1)
    for scene in report.scenes:
        medians = [_number(scene.median_reflectance.get(band)) for band in shown]
        remarks = Text("; ".join(scene.problems), style="yellow")
        table.add_row(scene.name, _percent(scene.valid_share), *medians, remarks)
    return table


def product_table(report: StackReport) -> Table | None:
    """One row per scene: what its product tells, and how numbers become reflectance.

    None where that is the same for all, and stands above the first table.
    """
    rows = [[*_told(scene).values(), _conversions(scene)] for scene in report.scenes]
    if all(row == rows[0] for row in rows):
        return None
    table = _table("", ())
    table.add_column("date", min_width=10, overflow="fold")
    for name in _told(report.scenes[0]):
        table.add_column(name, justify="right" if name in {"orbit", "cloud %"} else "left")
    table.add_column("reflectance", overflow="fold", ratio=1)
    for scene, row in zip(report.scenes, rows, strict=True):
        table.add_row(scene.name, *row)
    return table


def mask_table(report: MaskReport) -> Table:
    """One row per band, with a bar for its share of cloud; what all share stands above."""
    table = _table(_mask_title(report), ())
    table.add_column("date", min_width=10, overflow="fold")
    table.add_column("valid %", justify="right")
    table.add_column(f"{report.tags.get('AM4CM_TARGET', 'cloud')} %", justify="right")
    table.add_column("mean %", justify="right")
    table.add_column("", ratio=1)
    for band in report.bands:
        table.add_row(
            band.name,
            _percent(band.valid_share),
            _percent(band.cloud_share),
            _percent(band.mean_probability),
            _bar(band),
        )
    return table


def _told(scene: SceneReport) -> dict[str, str]:
    """What a scene's product tells beside its level, by column."""
    product = scene.product
    return {
        "baseline": (product and product.baseline) or "-",
        "tile": (product and product.tile) or "-",
        "orbit": str((product and product.orbit) or "-"),
        "cloud %": _percent(product.cloud_share if product else None),
    }


def _conversions(scene: SceneReport) -> str:
    """How numbers become reflectance and who says so, each way once."""
    ways = (f"{_conversion(band)}{_sources(band)}" for band in scene.bands)
    return "; ".join(dict.fromkeys(ways))


def _conversion(band: BandReport) -> str:
    offset = f" {'+-'[band.offset < 0]} {abs(band.offset):g}" if band.offset else ""
    return f"dn x {band.scale:g}{offset}"


def _sources(band: BandReport) -> str:
    sources = dict.fromkeys(filter(None, (band.scale_from, band.offset_from)))
    return f" ({', '.join(sources)})" if sources else ""


def _table(title: str, notes: Iterable[str]) -> Table:
    return Table(
        title=Text(title, style="default"),
        title_justify="left",
        caption=Text("\n".join(notes), style="yellow"),
        caption_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
        expand=True,
    )


def _stack_title(report: StackReport) -> str:
    scenes = report.scenes
    files = len({file for scene in scenes for file in scene.files})
    usable = sum(scene.valid_share > 0 for scene in scenes)
    return "\n".join(
        [
            report.source,
            f"{_count(len(scenes), 'scene')}, {scenes[0].name} to {scenes[-1].name}, {usable} with "
            f"valid pixels, in {_count(files, 'file')}",
            _grid(report.grid),
            *_products(scenes),
            *_ways_of_storing(scenes),
            "",
        ]
    )


def _products(scenes: Sequence[SceneReport]) -> list[str]:
    """What all products tell alike, on one line; a level counts where only some tell theirs."""
    levels = sorted({scene.product.level or "" for scene in scenes if scene.product} - {""})
    told = [_told(scene) for scene in scenes]
    shared = {name: text for name, text in told[0].items() if all(t[name] == text for t in told)}
    alike = [f"{name} {text}" for name, text in shared.items() if text != "-"]
    line = ", ".join([*(f"level {level}" for level in levels), *alike])
    return [line] if line else []


def _ways_of_storing(scenes: Sequence[SceneReport]) -> list[str]:
    """A line for each pixel size, scale and offset: which bands have it, in how many scenes."""
    ways = Counter(line for scene in scenes for line in _ways_of_one(scene))
    return [
        line if count == len(scenes) else f"{line} ({_count(count, 'scene')})"
        for line, count in ways.items()
    ]


def _ways_of_one(scene: SceneReport) -> list[str]:
    bands: dict[tuple[str, str], list[str]] = {}
    for band in scene.bands:
        way = f"pixels of {band.pixel_size:.6g}, reflectance = {_conversion(band)}", _sources(band)
        bands.setdefault(way, []).append(band.name)
    return [f"{way}: {' '.join(names)}{who}" for (way, who), names in bands.items()]


def _mask_title(report: MaskReport) -> str:
    return "\n".join(
        [
            report.path,
            f"probability of {report.tags.get('AM4CM_TARGET', 'cloud')} by am4cm {report.version}, "
            f"method {report.method or 'unknown'}, weights "
            f"{report.weights or 'unknown'}",
            f"{_count(len(report.bands), 'band')} of {report.dtype}, {_grid(report.grid)}",
            *([f"calibration: {report.calibration.line}"] if report.calibration else []),
            "",
        ]
    )


def _grid(grid: GridReport) -> str:
    height, width = grid.shape
    x, y = grid.pixel_size
    return f"{width} x {height} pixels of {x:.6g} x {y:.6g}, {grid.crs}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _bar(band: MaskBandReport) -> Bar | str:
    return Bar(1, 0, band.cloud_share) if band.cloud_share else ""


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
