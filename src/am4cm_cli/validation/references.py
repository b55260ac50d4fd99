"""References: what each pixel of a date shows, according to somebody else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.classes import UNKNOWN
from am4cm_cli.errors import DataError
from am4cm_cli.rasters.masks import is_mask, mask_content, open_mask
from am4cm_cli.stacks.dates import Moment, find_moment
from am4cm_cli.stacks.headers import Header, read_headers
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.validation.arrays import read_arrays
from am4cm_cli.validation.classmaps import (
    OWN,
    QUALITY,
    SCL,
    Decode,
    by_number,
    by_probability,
    maja,
)
from am4cm_cli.validation.layers import Layer, array_layers, raster_layer

KINDS = ("npz", "scl", "maja", "probability", "classes")
UNMAPPED = ("maja", "probability")
"""Kinds whose numbers are no classes."""
RASTERS = (".tif", ".tiff", ".vrt", ".jp2")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Classes of dates on a mask's grid."""

    source: str
    kind: str
    """One of KINDS."""
    layers: Mapping[str, Layer] = field(repr=False)
    """By name: ISO date, with the time of day where two dates share a day."""
    decode: Decode = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Of its dates, in time order."""
        return tuple(self.layers)

    def read(self, name: str, window: Window) -> NDArray[np.uint8]:
        """(Y, X) classes of a date; see `am4cm_cli.classes`."""
        return self.decode(self.layers[name].read(window))


def read_reference(
    path: Path, grid: Grid, *, kind: str | None = None, mapping: Mapping[int, int] | None = None
) -> Reference:
    """Recognise a reference and note its dates; pixels are read later, by window.

    A file .npz has `dates` (or `date`) and `labels`, `mask` or `probability`, all (T, Y, X). A
    folder with MASKS/*_CLM_R*.tif is MAJA's, one of names with SCL Sen2Cor's, any other one of
    dated rasters with one band; a raster has a band per date, named by it. Rasters of floats and
    masks by am4cm hold probabilities.

    Args:
        path: file or folder.
        grid: of the mask; coarser pixels in the same bounds are repeated.
        kind: one of KINDS, if it shall not be recognised.
        mapping: number to class, in place of the usual one.

    Raises:
        DataError: nothing dated is found there, or numbers are not on the grid.
        StackError: a raster lies on another grid or cannot be opened.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such reference; expected an npz, raster or folder.")
    if path.suffix.lower() == ".npz":
        return _from_arrays(path, grid, kind, mapping)
    found = kind or _recognise(path)
    if found == "npz":
        raise DataError(f"{path}: is no .npz; choose another --kind.")
    if mapping and not kind and found == "probability":
        found = "classes"  # floats, which the map says are numbers of classes
    _check_map(path, found, mapping)
    files = [path] if path.is_file() else _folder_files(path, found)
    return _from_rasters(path, files, grid, found, mapping)


def _from_arrays(
    path: Path, grid: Grid, kind: str | None, mapping: Mapping[int, int] | None
) -> Reference:
    name, numbers, moments = read_arrays(path)
    of_probability = name == "probability"
    if kind and (kind == "probability") != of_probability:
        raise DataError(f"{path}: holds {name}, which cannot be of kind {kind}; leave --kind out.")
    _check_map(path, "probability" if of_probability else kind or "npz", mapping)
    usual = {"mask": QUALITY, "labels": SCL if kind == "scl" else OWN}
    decode: Decode = maja
    if of_probability:
        decode = by_probability(_full(numbers.dtype), UNKNOWN, f"{path}: {name}")
    elif kind != "maja":
        decode = by_number(mapping or usual[name], None, f"{path}: {name}")
    layers = array_layers(numbers, moments, grid, f"{path}: {name}")
    return Reference(
        source=str(path),
        kind=kind or ("probability" if of_probability else "npz"),
        layers=_by_name(path, layers),
        decode=decode,
    )


def _check_map(path: Path, kind: str, mapping: Mapping[int, int] | None) -> None:
    if mapping and kind in UNMAPPED:
        raise DataError(
            f"{path}: is read as {kind}, which a map of classes has no use for; leave --map out, "
            "or choose another --kind."
        )


def _from_rasters(
    path: Path,
    files: Sequence[Path],
    grid: Grid,
    kind: str,
    mapping: Mapping[int, int] | None,
) -> Reference:
    if not files:
        raise DataError(
            f"{path}: holds no raster that a reference of kind {kind} could be; expected dated "
            f"files ending in {', '.join(RASTERS)}."
        )
    headers = read_headers(files)
    layers = [
        raster_layer(header, index, moment, grid)
        for header in headers
        for index, moment in _dated_bands(header)
    ]
    if not layers:
        raise DataError(
            f"{path}: has no dates; expected bands that are described by a date, or files of one "
            "band with a date in the name, such as 2018-08-04."
        )
    decode = _decoder(path, headers[0], kind, mapping)
    return Reference(source=str(path), kind=kind, layers=_by_name(path, layers), decode=decode)


def _decoder(path: Path, header: Header, kind: str, mapping: Mapping[int, int] | None) -> Decode:
    nodata = header.nodata[0]
    makers: dict[str, Callable[[], Decode]] = {
        "maja": lambda: maja,
        "scl": lambda: by_number(mapping or SCL, nodata, str(path)),
        "probability": lambda: by_probability(_full(np.dtype(header.dtypes[0])), nodata, str(path)),
        "classes": lambda: by_number(mapping or OWN, nodata, str(path)),
    }
    return makers[kind]()


def _full(dtype: np.dtype[np.generic]) -> float:
    """What stands for a probability of 1."""
    return 1.0 if dtype.kind == "f" else 100.0


def _recognise(path: Path) -> str:
    if path.is_dir() and any(path.rglob("*_CLM_R[12].tif")):
        return "maja"
    files = [path] if path.is_file() else _rasters(path)
    if any("SCL" in file.stem.upper() for file in files):
        return "scl"
    if files and is_mask(files[0]):
        return _own_kind(files[0])
    dtypes = {np.dtype(text).kind for header in read_headers(files[:1]) for text in header.dtypes}
    return "probability" if "f" in dtypes else "classes"


def _own_kind(path: Path) -> str:
    """Of a raster that am4cm wrote: its probabilities or classes."""
    if mask_content(path) == "classes":
        return "classes"
    open_mask(path)  # refuses what holds neither
    return "probability"


def _folder_files(folder: Path, kind: str) -> list[Path]:
    if kind == "maja":
        fine = {path.parent: path for path in sorted(folder.rglob("*_CLM_R2.tif"))}
        fine |= {path.parent: path for path in sorted(folder.rglob("*_CLM_R1.tif"))}
        return sorted(fine.values())
    files = _rasters(folder)
    if kind == "scl":
        named = [path for path in files if "SCL" in path.stem.upper()]
        return named or files
    return files


def _rasters(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in RASTERS)


def _dated_bands(header: Header) -> list[tuple[int, Moment]]:
    """Band numbers from 1, with their dates: from descriptions, or from the name of the file."""
    found = [(place, find_moment(text)) for place, text in enumerate(header.descriptions, start=1)]
    dated = [(place, moment) for place, moment in found if moment is not None]
    of_file = find_moment(header.path.name)
    if not dated and header.count == 1 and of_file is not None:
        return [(1, of_file)]
    return dated


def _by_name(path: Path, layers: Sequence[Layer]) -> dict[str, Layer]:
    ordered = sorted(layers, key=lambda layer: layer.moment.time)
    days = [layer.moment.time.date() for layer in ordered]
    found: dict[str, Layer] = {}
    for layer, day in zip(ordered, days, strict=True):
        alone = days.count(day) == 1 or not layer.moment.has_clock
        name = day.isoformat() if alone else layer.moment.time.isoformat()
        if name in found:
            raise DataError(
                f"{path}: has {name} twice; expected every date once. Remove one of the two."
            )
        found[name] = layer
    return found
