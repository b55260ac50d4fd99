"""Stacks labelled by parcels: pixels whose centre lies in just one of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MergeAlg
from rasterio.features import rasterize

from am4cm_cli.datasets.labels import Labels, block_groups
from am4cm_cli.datasets.parcels import ParcelFile, Parcels, read_parcels
from am4cm_cli.datasets.stacks import LabelledStack, PrepareConfig
from am4cm_cli.errors import DataError
from am4cm_cli.stacks.stack import Grid, Stack

FEWEST_PARCELS = 2
"""Of a class. A parcel stays whole: one alone is either learned from or tested on, never both."""


@dataclass(frozen=True, kw_only=True)
class Burnt:
    """Parcels as pixels."""

    place: NDArray[np.int64]
    """(Y, X) which of the parcels holds the pixel's centre, and no other does; -1 for none."""
    shared: int
    """Pixels whose centre lies in several parcels."""


def label_by_parcels(
    stacks: Sequence[Stack], files: Sequence[ParcelFile], config: PrepareConfig
) -> list[LabelledStack]:
    """Label stacks by parcels, which stay whole in a split even where stacks share them.

    Args:
        stacks: the images.
        files: of parcels, one for each stack; several may name the same.
        config: says what a group is: a parcel, if it is a field.

    Returns:
        The stacks, each with a note of what was left out; their classes are numbered alike, from
        1 in the order of their names or numbers.

    Raises:
        MissingExtraError: geopandas or pyarrow is not installed.
        DataError: parcels cannot be read or laid over the images, or some class has too few.
    """
    parcels = [read_parcels(file, stack.grid) for file, stack in zip(files, stacks, strict=True)]
    codes = number_classes(parcels)
    burnt = [burn(own.shapes, stack.grid) for own, stack in zip(parcels, stacks, strict=True)]
    groups = _number_groups(parcels)
    labelled = [
        _labelled(stack, own, pixels, codes, numbers, config)
        for stack, own, pixels, numbers in zip(stacks, parcels, burnt, groups, strict=True)
    ]
    if config.grouping != "block":
        _check_counts(labelled)
    return labelled


def number_classes(parcels: Sequence[Parcels]) -> dict[str, int]:
    """Number the classes of all stacks from 1: by their own numbers, or by the alphabet."""
    found = {name for own in parcels for name in own.classes}
    numbers = sorted(name for name in found if isinstance(name, int))
    texts = sorted(name for name in found if isinstance(name, str))
    return {str(name): code for code, name in enumerate([*numbers, *texts], start=1)}


def burn(shapes: NDArray[np.object_], grid: Grid) -> Burnt:
    """Find the pixels whose centre lies in just one of some shapes."""
    if not len(shapes):
        return Burnt(place=np.full(grid.shape, -1), shared=0)
    how = {"out_shape": grid.shape, "transform": grid.transform, "dtype": "int32"}
    last = rasterize(zip(shapes, range(1, len(shapes) + 1), strict=True), **how)
    hits = rasterize(((shape, 1) for shape in shapes), merge_alg=MergeAlg.add, **how)
    return Burnt(
        place=np.where(hits == 1, last, 0).astype(np.int64) - 1, shared=int((hits > 1).sum())
    )


def _labelled(
    stack: Stack,
    parcels: Parcels,
    burnt: Burnt,
    codes: Mapping[str, int],
    groups: NDArray[np.int64],
    config: PrepareConfig,
) -> LabelledStack:
    # The last one is for pixels of no parcel.
    code_of = np.array([*(codes[str(name)] for name in parcels.classes), 0], np.int64)
    found, note = code_of[burnt.place], _note(stack, parcels, burnt)
    in_use = set(np.unique(found).tolist())
    labels = Labels(
        path=parcels.file.path,
        codes=found,
        unlabelled=frozenset({0}),
        names={code: name for name, code in codes.items() if code in in_use},
    )
    if not labels.names:
        raise DataError(
            f"{note} Expected some that hold the centre of a pixel; name others, or --erode less."
        )
    blocks = config.grouping == "block"
    return LabelledStack(
        stack=replace(stack, notes=(*stack.notes, note)),
        labels=labels,
        groups=block_groups(stack.grid.shape, side=config.block)
        if blocks
        else np.append(groups, 0)[burnt.place],
        shared_groups=not blocks,
    )


def _number_groups(parcels: Sequence[Parcels]) -> list[NDArray[np.int64]]:
    """Number the parcels of all files from 1; those of one file alike wherever they come."""
    by_file: dict[Path, list[NDArray[np.int64]]] = {}
    for own in parcels:
        by_file.setdefault(own.file.path.resolve(), []).append(own.numbers)
    known = {path: np.unique(np.concatenate(found)) for path, found in by_file.items()}
    ends = np.cumsum([1, *map(len, known.values())]).tolist()
    first = dict(zip(known, ends, strict=False))
    paths = [own.file.path.resolve() for own in parcels]
    return [
        first[path] + np.searchsorted(known[path], own.numbers)
        for path, own in zip(paths, parcels, strict=True)
    ]


def _check_counts(labelled: Sequence[LabelledStack]) -> None:
    """Refuse classes of too few parcels to be split."""
    counts = Counter(name for name, _ in set(chain.from_iterable(map(_parcels_of, labelled))))
    few = sorted(name for name, count in counts.items() if count < FEWEST_PARCELS)
    if few:
        raise DataError(
            f"{labelled[0].labels.path}: only 1 parcel on the images is of class {', '.join(few)}; "
            f"expected {FEWEST_PARCELS} or more, since a parcel is either learned from or tested "
            f'on. Leave such classes out with --unlabelled "{",".join(few)}", or '
            "split parcels with --group-by block."
        )


def _parcels_of(source: LabelledStack) -> set[tuple[str, int]]:
    """Class and number of every parcel that has a pixel."""
    labels, there = source.labels, source.labels.labelled
    pairs = np.unique(np.stack([labels.codes[there], source.groups[there]]), axis=1)
    return {(labels.names[code], number) for code, number in pairs.T.tolist()}


def _note(stack: Stack, parcels: Parcels, burnt: Burnt) -> str:
    on_images = len(np.unique(burnt.place[burnt.place >= 0]))
    counts = {
        **parcels.left_out,
        "without the centre of a pixel of its own": len(parcels.shapes) - on_images,
    }
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
    left_out = f"; left out: {reasons}" if reasons else ""
    shared = f"; {burnt.shared} pixels lie in several, and are left out" if burnt.shared else ""
    return (
        f"{parcels.file.path}: {on_images} parcel{'s' * (on_images != 1)} on the images of "
        f"{stack.source}"
        f"{left_out}{shared}."
    )
