"""A mask, and whatever goes with it, written as one page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.classes import CLASS_COLOURS, CLASS_NAMES
from am4cm_cli.errors import OutputError, StackError, UnreadableError
from am4cm_cli.exporting.times import scene_times
from am4cm_cli.files import write_bytes
from am4cm_cli.pictures.panels import matching_scenes, small_shape
from am4cm_cli.progress import Track
from am4cm_cli.rasters.masks import MaskFile, open_mask
from am4cm_cli.skipping import advise, skip_unreadable
from am4cm_cli.stacks.grids import crs_name
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.classmaps import parse_map
from am4cm_cli.validation.evaluating import Evaluation, Rivals, evaluate_mask
from am4cm_cli.validation.references import Reference, read_reference
from am4cm_cli.viewer.census import Census, take_census
from am4cm_cli.viewer.classmaps import open_classes
from am4cm_cli.viewer.dates import Sources, date_facts
from am4cm_cli.viewer.facts import Inputs, made_of, subtitle, summary, view_notes
from am4cm_cli.viewer.images import Images, open_images, read_bands
from am4cm_cli.viewer.maps import map_facts
from am4cm_cli.viewer.page import render_page
from am4cm_cli.viewer.view import View, plan_view
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights

LIMIT = 25_000_000
"""Bytes of a page that can still be sent, and opened on a phone."""
MAP_SIDE = 512
"""Most pixels along a map."""
SMALLEST = 0.02
"""Share of the usual sides below which nothing could be seen."""

Follow = Callable[[str], Track]
"""A track by the name of what is followed."""


@dataclass(frozen=True, kw_only=True)
class ReportOrder:
    """What a page is to be made of."""

    mask: Path
    stack: Stack | None = None
    """The mask's images."""
    weights: Path | None = None
    """Whose clear sky is shown; of those that come with am4cm if None, the mask's if it can be."""
    classes: Path | None = None
    reference: Path | None = None
    kind: str | None = None
    mapping: str | None = None
    """How to read the reference, see `references`."""
    skip_bad: bool = False
    """Show images that cannot be read as nodata; else they are an error."""


@dataclass(frozen=True, kw_only=True)
class _Gathered:
    """All that a page says however finely it is drawn."""

    order: ReportOrder
    mask: MaskFile
    classes: MaskFile | None
    census: Census
    evaluation: Evaluation | None
    facts: Mapping[str, Any]


def write_report(
    order: ReportOrder,
    out: Path,
    *,
    limit: int = LIMIT,
    follow: Follow = lambda name: iter,
    tell: Callable[[str], object] = str,
) -> int:
    """Write a page of at most `limit` bytes; pictures shrink until it is.

    Args:
        order: what it is to be made of.
        out: to write.
        limit: of its size in bytes.
        follow: follows what is done.
        tell: is given sentences that a user should read while it runs.

    Returns:
        Its size in bytes.

    Raises:
        StackError: the mask cannot be read, or images or classes are not the mask's.
        DataError: the reference cannot be read.
        WeightsError: the weights cannot serve the images.
        OutputError: nothing worth seeing would fit.
    """
    found = _gather(order, follow)
    page = _with_images(found, lambda images: _fit(found, images, limit, follow), tell)
    write_bytes(out, page)
    return len(page)


def _gather(order: ReportOrder, follow: Follow) -> _Gathered:
    mask = open_mask(order.mask)
    # Whatever may be wrong is found before any pixel is counted.
    classes = open_classes(order.classes, mask) if order.classes else None
    reference = _reference(order, mask)
    if order.stack is not None:
        matching_scenes(order.stack, mask)
    days = _days(mask)
    shape = small_shape(mask.grid.shape, MAP_SIDE)
    census = take_census(mask, days, shape, track=follow("Counting"))
    return _Gathered(
        order=order,
        mask=mask,
        classes=classes,
        census=census,
        evaluation=_evaluate(mask, reference, follow),
        facts=_lasting_facts(mask, days, census),
    )


def _with_images(
    found: _Gathered, draw: Callable[[Images | None], bytes], tell: Callable[[str], object]
) -> bytes:
    """Draw a page with the mask's images, if there are any; those that cannot be read are left."""
    order, mask = found.order, found.mask
    if order.stack is None:
        return draw(None)
    weights = load_weights(order.weights or default_weights(mask.tags.get("AM4CM_WEIGHTS_SHA256")))

    def attempt(stack: Stack) -> bytes:
        images = open_images(stack, mask, weights, found.census.cloud_share)
        page = draw(images)
        for note in images.notes:
            tell(note)
        return page

    if order.skip_bad:
        return skip_unreadable(order.stack, read_bands(order.stack, weights), attempt, tell=tell)
    try:
        return attempt(order.stack)
    except UnreadableError as error:
        raise advise(order.stack, error) from error


def _render(found: _Gathered, images: Images | None, view: View, follow: Follow) -> bytes:
    mask = found.mask
    sources = Sources(mask=mask, images=images, classes=found.classes)
    dates = follow("Drawing")(range(len(mask.names)))
    page = render_page(
        {**found.facts, **date_facts(sources, view, dates)},
        title=mask.path.name,
        subtitle=subtitle(mask),
        summary=summary(found.census, len(mask.names)),
        made_of=made_of(mask, _inputs(found.order)),
        notes=[*(images.notes if images else ()), *view_notes(view, sources)],
        evaluation=found.evaluation,
    )
    return page.encode(errors="replace")  # names of files may be no text


def _fit(found: _Gathered, images: Images | None, limit: int, follow: Follow) -> bytes:
    """Render ever fewer pixels until the page is small enough."""
    mask, shrink = found.mask, 1.0
    while True:
        view = plan_view(mask.grid.shape, len(mask.names), shrink=shrink)
        page = _render(found, images, view, follow)
        if len(page) <= limit:
            return page
        shrink *= min(0.9, 0.95 * sqrt(limit / len(page)))
        if shrink < SMALLEST:
            raise OutputError(
                f"{mask.path}: a page of {len(mask.names)} dates takes {len(page) / 1e6:.1f} MB "
                f"however small its pictures; expected {limit / 1e6:.0f} MB at most. Mask fewer "
                "dates with --from and --to."
            )


def _days(mask: MaskFile) -> NDArray[np.int64]:
    """(T,) since 1970-01-01."""
    days = np.array([time.date() for time in scene_times(mask)], "datetime64[D]").astype(np.int64)
    if np.any(np.diff(days) < 0):
        raise StackError(
            f"{mask.path}: its bands are not in time order; expected them as am4cm mask writes "
            "them. Make the mask again."
        )
    return days


def _lasting_facts(mask: MaskFile, days: NDArray[np.int64], census: Census) -> dict[str, Any]:
    """What the script is told of the mask as a whole."""
    share = census.cloud_share
    return {
        "names": list(mask.names),
        "days": days.tolist(),
        "cloud": [None if np.isnan(one) else round(float(one), 6) for one in share],
        "seen": [round(int(count) / census.pixels, 6) for count in census.valid],
        "title": mask.title,
        "grid": {
            "height": mask.grid.shape[0],
            "width": mask.grid.shape[1],
            "transform": list(mask.grid.transform)[:6],
            "crs": crs_name(mask.grid),
        },
        "classNames": {str(number): name for number, name in CLASS_NAMES.items()},
        "classColours": {str(number): colour for number, colour in CLASS_COLOURS.items()},
        "maps": map_facts(census),
    }


def _reference(order: ReportOrder, mask: MaskFile) -> Reference | None:
    if order.reference is None:
        return None
    mapping = parse_map(order.mapping) if order.mapping else None
    return read_reference(order.reference, mask.grid, kind=order.kind, mapping=mapping)


def _evaluate(mask: MaskFile, reference: Reference | None, follow: Follow) -> Evaluation | None:
    if reference is None:
        return None
    return evaluate_mask(mask, reference, Rivals(), track=follow("Comparing"))


def _inputs(order: ReportOrder) -> Inputs:
    return Inputs(
        images=order.stack.source if order.stack else None,
        classes=str(order.classes) if order.classes else None,
        reference=str(order.reference) if order.reference else None,
    )
