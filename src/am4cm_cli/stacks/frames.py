"""What the scenes of a stack are brought to: a grid, a part of it, larger pixels."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.areas import Area
from am4cm_cli.stacks.drafts import Draft
from am4cm_cli.stacks.grids import common_grid, crs_name, describe, factor_on, pixel_size
from am4cm_cli.stacks.headers import Header, not_georeferenced_is_fine, read_header
from am4cm_cli.stacks.lattices import (
    coarsen,
    cut,
    is_reachable,
    place_on,
    refine,
    same_lattice,
    union,
)
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.regions import Region, find_region
from am4cm_cli.stacks.stack import Grid

WIDEST = 4
"""Tiles that are joined may lie in a box of so many times their own pixels."""
ALIGN_ADVICE = (
    "Give --align to warp it onto the first scene's grid, --align-to RASTER for another grid, or "
    "remove it."
)


@dataclass(frozen=True, kw_only=True)
class Lie:
    """How a raster lies under the pixels that are read; see `BandFile`."""

    factor: int
    origin: tuple[int, int]
    onto: Grid | None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The grid of a stack, and that of the pixels that are read for it."""

    grid: Grid
    shrink: int
    """Side of the grid's pixels in pixels that are read."""
    area: Area | None
    usual: Grid
    """That rasters must have the bounds of, unless they are warped or tiles."""
    has_tiles: bool
    warps: bool

    @cached_property
    def read(self) -> Grid:
        """The pixels that are read."""
        return refine(self.grid, self.shrink) if self.shrink > 1 else self.grid

    @cached_property
    def _origin(self) -> tuple[int, int]:
        placed = place_on(self.read, self.usual)
        assert placed is not None
        return placed.origin

    def lie_of(self, header: Header) -> Lie:
        """How a raster lies; StackError if it lies on another grid and is not to be warped."""
        if not self.warps and not self.has_tiles:
            factor = factor_on(self.usual, header, advice=ALIGN_ADVICE)
            return Lie(factor=factor, origin=self._origin, onto=None)
        placed = place_on(self.read, header.grid)
        if placed:
            return Lie(factor=placed.factor, origin=placed.origin, onto=None)
        if not self.warps:
            raise StackError(
                f"{header.path}: lies on another grid. Found {describe(header.grid)}; expected "
                f"pixels of {describe(self.usual)}, continued in any direction, since tiles are "
                f"joined. {ALIGN_ADVICE}"
            )
        _check_warpable(header)
        self._check_reachable(header)
        return Lie(factor=1, origin=(0, 0), onto=self.read)

    def _check_reachable(self, header: Header) -> None:
        if not header.grid.crs or not self.grid.crs:
            raise StackError(
                f"{header.path}: cannot be warped, found {crs_name(header.grid)}; expected images "
                f"with a CRS, to reach {describe(self.grid)}. gdal_edit.py -a_srs sets one."
            )
        if not is_reachable(header.grid, self.grid):
            raise StackError(
                f"{header.path}: cannot be warped, since there is no way from "
                f"{describe(header.grid)} to {describe(self.grid)}; expected places on the same "
                "globe. Remove it, or mend its georeference."
            )


def _check_warpable(header: Header) -> None:
    if header.together:
        raise StackError(
            f"{header.path}: is a cube, which is not warped, and lies on another grid; found "
            f"{describe(header.grid)}. Leave --align-to away, or bring the cube there in Python, "
            "for example with rioxarray's reproject."
        )


def frame_stack(drafts: Sequence[Draft], options: StackOptions) -> tuple[Frame, list[str]]:
    """Choose the grid of a stack.

    Args:
        drafts: its scenes in time order, tiles of one acquisition joined.
        options: what the user says of it.

    Returns:
        The frame; and notes.
    """
    has_tiles = any(draft.tiles for draft in drafts)
    usual = _usual_grid(drafts, options, has_tiles=has_tiles)
    shrink, coarse = _coarser(usual, drafts, options)
    region = find_region(coarse, options)
    frame = Frame(
        grid=cut(coarse, region.window) if region.window else coarse,
        shrink=shrink,
        area=region.area,
        usual=usual,
        has_tiles=has_tiles,
        warps=options.warps,
    )
    return frame, _notes(frame, drafts, region)


def finest_grid(draft: Draft) -> Grid:
    """Of the bands of a scene, its tiles left aside."""
    return min((header.grid for header in draft.headers), key=lambda grid: prod(pixel_size(grid)))


def _usual_grid(drafts: Sequence[Draft], options: StackOptions, *, has_tiles: bool) -> Grid:
    if options.align_to:
        with not_georeferenced_is_fine():
            return read_header(options.align_to).grid
    first = finest_grid(drafts[0]) if options.align else common_grid(_headers_by_band(drafts))
    return _joined(first, drafts) if has_tiles else first


def _joined(grid: Grid, drafts: Sequence[Draft]) -> Grid:
    """A grid as far as scenes and tiles on its lattice reach."""
    whole = [draft for scene in drafts for draft in (scene, *scene.tiles)]
    there = [own for draft in whole if same_lattice(grid, own := finest_grid(draft))]
    apart = {(own.transform, own.shape) for own in (grid, *there)}
    found, filled = union(grid, there), sum(prod(shape) for _, shape in apart)
    if prod(found.shape) > WIDEST * filled:
        raise StackError(
            f"{drafts[0].path}: the tiles to be joined lie far apart, in {describe(found)}, of "
            f"which they fill {filled / prod(found.shape):.1%}; expected tiles that meet. Mask "
            "each of them by itself."
        )
    return found


def _headers_by_band(drafts: Sequence[Draft]) -> Mapping[str, Sequence[Header]]:
    headers: defaultdict[str, list[Header]] = defaultdict(list)
    for draft in drafts:
        for band, layer in draft.layers.items():
            headers[band].append(layer.header)
    return headers


def _coarser(usual: Grid, drafts: Sequence[Draft], options: StackOptions) -> tuple[int, Grid]:
    """How many pixels to average along each side, and the grid that this makes."""
    if options.align_to:
        return _finer_images(usual, drafts), usual
    if options.resolution is None:
        return 1, usual
    shrink = _shrink(usual, options.resolution)
    return shrink, coarsen(usual, shrink) if shrink > 1 else usual


def _finer_images(grid: Grid, drafts: Sequence[Draft]) -> int:
    """How many pixels of the first scene make a side of the grid's, where that can be told."""
    own = finest_grid(drafts[0])
    if own.crs != grid.crs:
        return 1
    side: int = round((prod(pixel_size(grid)) / prod(pixel_size(own))) ** 0.5)
    return max(1, side)


def _shrink(grid: Grid, metres: float) -> int:
    if not grid.crs or not grid.crs.is_projected:
        raise StackError(
            f"Resolution {metres:g} m: the images' CRS is {crs_name(grid)}, without metres; "
            "expected a projected one. Leave --resolution away, or bring them to another grid with "
            "--align-to."
        )
    unit = grid.crs.linear_units_factor[1]
    sides = [metres / (side * unit) for side in pixel_size(grid)]
    shrink: int = round(sides[0])
    if shrink < 1 or any(abs(side - shrink) > 1e-3 for side in sides):
        own = " x ".join(f"{side * unit:.4g}" for side in pixel_size(grid))
        raise StackError(
            f"Resolution {metres:g} m: the finest pixels here are of {own} m; expected these or a "
            "multiple."
        )
    if min(grid.shape) < shrink:
        raise StackError(f"Resolution {metres:g} m: no pixel of that fits into {describe(grid)}.")
    return shrink


def _notes(frame: Frame, drafts: Sequence[Draft], region: Region) -> list[str]:
    notes = list(region.notes)
    whole = [draft for scene in drafts for draft in (scene, *scene.tiles)]
    warped = (
        [draft for draft in whole if any(frame.lie_of(header).onto for header in draft.headers)]
        if frame.warps
        else []
    )
    if warped:
        notes.append(
            f"{len(warped)} of {len(whole)} images lie on other grids, such as {warped[0].path}; "
            "they are warped, each pixel to the nearest of theirs."
        )
    if frame.shrink > 1:
        notes.append(
            f"Every {frame.shrink} x {frame.shrink} pixels are averaged to one; it is valid where "
            "all of them are."
        )
    return notes
