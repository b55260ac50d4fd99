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
    ProductReport,
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
    """One row per scene: what its product tells beside the level, and how numbers are read.

    None where no product tells more than the level, and all scenes are read alike.
    """
    scenes = report.scenes
    told = any(scene.product and _tells(scene.product) for scene in scenes)
    if not told and len({tuple(_ways_of_one(scene)) for scene in scenes}) == 1:
        return None
    table = _table("", ())
    for name in ("date", "baseline", "tile"):
        table.add_column(name, overflow="fold", min_width=10 if name == "date" else None)
    for name in ("orbit", "cloud %"):
        table.add_column(name, justify="right")
    table.add_column("reflectance", overflow="fold", ratio=1)
    for scene in scenes:
        table.add_row(scene.name, *_product_cells(scene.product), _conversions(scene))
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


def _tells(product: ProductReport) -> bool:
    return any((product.baseline, product.tile, product.orbit, product.cloud_share is not None))


def _product_cells(product: ProductReport | None) -> list[str]:
    if product is None:
        return ["-"] * 4
    facts = product.baseline, product.tile, product.orbit
    return [*(str(fact or "-") for fact in facts), _percent(product.cloud_share)]


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
            *_levels(scenes),
            *_ways_of_storing(scenes),
            "",
        ]
    )


def _levels(scenes: Sequence[SceneReport]) -> list[str]:
    told = Counter(scene.product.level for scene in scenes if scene.product)
    return [
        f"level {level}" + f" ({_count(count, 'scene')})" * (count < len(scenes))
        for level, count in told.items()
        if level
    ]


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
