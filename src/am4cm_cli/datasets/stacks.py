"""Labelled stacks of images to prepared pixel series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.datasets.labels import (
    Labels,
    block_groups,
    field_groups,
    read_groups,
    read_labels,
)
from am4cm_cli.datasets.pixels import NODATA, SCALE, PreparedIndex, assign_folds
from am4cm_cli.datasets.writer import LeftOut, PreparedWriter
from am4cm_cli.errors import DataError
from am4cm_cli.progress import Track
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.windows import tile_grid

TILE = 128


@dataclass(frozen=True, kw_only=True)
class LabelledStack:
    """Images and what grows there."""

    stack: Stack
    labels: Labels
    groups: NDArray[np.int64]
    """(Y, X) field, parcel or block of each pixel."""
    shared_groups: bool = False
    """Whether a group of the same number in another stack is the same one."""


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """How to choose and split pixels."""

    folds: int = 5
    per_group: int | None = None
    """At most this many pixels of each field or block; all of them if None."""
    grouping: str = "field"
    """field: connected pixels of one class, or as a raster numbers them; parcel: as a vector file
    has them; block: squares."""
    block: int = 32
    """Side of a block in pixels."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which pixels of a stack become series."""

    fold: NDArray[np.int64]
    """(Y, X) from 1; 0 where no series is taken."""
    target: NDArray[np.int64]
    """(Y, X) class index where a series is taken."""
    group: NDArray[np.int64]
    """(Y, X) unique over all stacks."""


def label_stack(
    stack: Stack,
    labels: Path,
    *,
    config: PrepareConfig,
    fields: Path | None = None,
    unlabelled: Sequence[int] | None = None,
) -> LabelledStack:
    """Read the labels of a stack and number its fields or blocks.

    Args:
        stack: the images.
        labels: raster of class codes on the stack's grid.
        config: says what a group is.
        fields: raster of field numbers on the stack's grid, instead of connected labels; those
            still make the fields where it holds 0 or nodata.
        unlabelled: codes that are no class; 0 and the raster's nodata if None.

    Raises:
        DataError: a raster is unreadable, on another grid, or without labels.
    """
    read = read_labels(labels, stack.grid, unlabelled=unlabelled)
    if config.grouping == "block":
        groups = block_groups(stack.grid.shape, side=config.block)
    else:
        groups = read_groups(fields, read, stack.grid) if fields else field_groups(read)
    return LabelledStack(stack=stack, labels=read, groups=groups)


def prepare_stacks(
    sources: Sequence[LabelledStack], out: Path, config: PrepareConfig, *, track: Track = iter
) -> PreparedIndex:
    """Write the labelled pixels of one or more stacks into a new prepared folder.

    Reads by window: memory does not grow with the images. A pixel that no date shows has no
    series; the index counts these.

    Raises:
        DataError: the stacks differ in bands, or one code has two names.
    """
    bands, classes = _shared_bands(sources), _shared_classes(sources)
    selections = select_pixels(sources, sorted(classes), config)
    shared = [source.stack.days for source in sources]
    calendars = dict.fromkeys(range(1, config.folds + 1), shared)
    with PreparedWriter(
        out, bands=len(bands), calendars=calendars, left_out=_left_out(sources, selections)
    ) as writer:
        for place, window in track(list(_work(selections))):
            reflectance, valid = read_window(sources[place].stack, bands, window)
            _add(writer, place, window.toslices(), selections[place], reflectance, valid)
        return writer.finish(
            bands=bands,
            classes=tuple(classes[code] for code in sorted(classes)),
            sources=tuple(source.stack.source for source in sources),
            grouping=config.grouping,
        )


def _left_out(sources: Sequence[LabelledStack], selections: Sequence[Selection]) -> LeftOut:
    """Count the pixels that are not even looked for in the images."""
    labelled = sum(int(source.labels.labelled.sum()) for source in sources)
    taken = sum(int((selection.fold > 0).sum()) for selection in selections)
    pixels = sum(selection.fold.size for selection in selections)
    return LeftOut(void=pixels - labelled, not_taken=labelled - taken)


def select_pixels(
    sources: Sequence[LabelledStack], codes: Sequence[int], config: PrepareConfig
) -> list[Selection]:
    """Choose pixels and share their groups out over the folds, all sources together."""
    rng = np.random.default_rng(config.seed)
    taken = [_thin(source, config.per_group, rng) for source in sources]
    own = [0 if source.shared_groups else int(source.groups.max()) + 1 for source in sources]
    first = np.cumsum([0, *own])
    groups = [source.groups + start for source, start in zip(sources, first, strict=False)]
    pooled = np.concatenate([group[take] for group, take in zip(groups, taken, strict=True)])
    folds = assign_folds(pooled, folds=config.folds, seed=config.seed)
    parts = np.split(folds, np.cumsum([int(take.sum()) for take in taken])[:-1])
    return [
        Selection(
            fold=_scatter(take, part),
            target=np.searchsorted(codes, source.labels.codes),
            group=group,
        )
        for source, group, take, part in zip(sources, groups, taken, parts, strict=True)
    ]


def _thin(
    source: LabelledStack, per_group: int | None, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Mark at most `per_group` labelled pixels of each group, (Y, X)."""
    labelled = source.labels.labelled
    if per_group is None:
        return labelled
    where = rng.permutation(np.flatnonzero(labelled))
    group = source.groups.ravel()[where]
    order = np.argsort(group, kind="stable")
    _, start, count = np.unique(group[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(start, count)
    kept = np.zeros(labelled.size, np.bool_)
    kept[where[order[rank < per_group]]] = True
    return kept.reshape(labelled.shape)


def _scatter(where: NDArray[np.bool_], values: NDArray[np.int64]) -> NDArray[np.int64]:
    spread = np.zeros(where.shape, np.int64)
    spread[where] = values
    return spread


def _work(selections: Sequence[Selection]) -> Iterator[tuple[int, Window]]:
    """Yield the windows of each stack that hold a chosen pixel."""
    for place, selection in enumerate(selections):
        for window in tile_grid(selection.fold.shape, size=TILE):
            if selection.fold[window.toslices()].any():
                yield place, window


def _add(
    writer: PreparedWriter,
    place: int,
    inside: tuple[slice, slice],
    selection: Selection,
    reflectance: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> None:
    stored = np.rint(reflectance / SCALE).clip(NODATA + 1, -NODATA - 1).astype(np.int16)
    stored = np.where(valid[:, None], stored, NODATA).transpose(2, 3, 0, 1)  # (Y, X, T, B)
    fold, observed = selection.fold[inside], valid.any(axis=0)
    for number in np.unique(fold[fold > 0]).tolist():
        take = (fold == number) & observed
        writer.add(
            fold=number,
            calendar=place,
            reflectance=stored[take],
            target=selection.target[inside][take],
            group=selection.group[inside][take],
            pixel=_places(inside, selection.fold.shape[1])[take],
        )
    writer.left_out += LeftOut(unobserved=int(((fold > 0) & ~observed).sum()))


def _places(inside: tuple[slice, slice], width: int) -> NDArray[np.int64]:
    """Number the pixels of a window by their place in the whole grid, row by row, (Y, X)."""
    rows, columns = (np.arange(part.start, part.stop) for part in inside)
    places: NDArray[np.int64] = rows[:, None] * width + columns
    return places


def _shared_bands(sources: Sequence[LabelledStack]) -> tuple[str, ...]:
    bands = {tuple(b for b in LAND_BANDS if b in source.stack.bands) for source in sources}
    if len(bands) > 1:
        found = "; ".join(f"{s.stack.source}: {', '.join(s.stack.bands)}" for s in sources)
        raise DataError(f"The stacks differ in bands. Found {found}. Prepare them apart.")
    return bands.pop()


def _shared_classes(sources: Sequence[LabelledStack]) -> dict[int, str]:
    classes: dict[int, str] = {}
    for source in sources:
        for code, name in source.labels.names.items():
            if classes.setdefault(code, name) != name:
                raise DataError(
                    f"{source.labels.path}: code {code} is {name}, but {classes[code]} in another "
                    "source. Give the classes the same codes."
                )
    return classes
