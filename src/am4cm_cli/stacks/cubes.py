"""Stacks in one object: an xarray Dataset or DataArray over time, as facts and as scenes."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from am4cm_cli.errors import StackError, first_line
from am4cm_cli.sensors import band_name
from am4cm_cli.stacks.cube_files import UNWRITTEN
from am4cm_cli.stacks.drafts import Draft, Layer
from am4cm_cli.stacks.headers import Header
from am4cm_cli.stacks.stack import Grid

X_NAMES = {"x", "lon", "longitude", "easting"}
Y_NAMES = {"y", "lat", "latitude", "northing"}
"""What dimensions are called, in lower case."""
MAPPING_NAMES = ("crs_wkt", "spatial_ref", "grid_mapping_name")
"""Attributes of a variable without dimensions that tells the CRS."""
NODATA_NAMES = ("_FillValue", "missing_value", "nodata")
"""Attributes that declare a number for no observation; the first that is there counts."""
MOST_DATES = 2**14
"""Of a cube; more are a mistake, or malice."""
UNEVEN = 0.01
"""In pixels: how far a coordinate may stand from an even step."""


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What the dimensions of a cube are called."""

    time: Hashable
    y: Hashable
    x: Hashable
    band: Hashable | None = None
    """None where each band is a variable of its own."""

    @property
    def order(self) -> tuple[Hashable, ...]:
        """Time, band if there is one, y, x."""
        return (self.time, *([] if self.band is None else [self.band]), self.y, self.x)


@dataclass(frozen=True, kw_only=True)
class CubeVariable:
    """One variable of a cube, with one band or several."""

    array: Any
    """An xarray DataArray of three or four dimensions, in any order."""
    axes: Axes
    labels: tuple[Any, ...]
    """What it calls its bands itself; empty for a variable of one band."""
    bands: tuple[str | None, ...]
    """Standard names in their order; None for what is no band."""
    scale: float
    offset: float
    """reflectance = dn * scale + offset; 1 and 0 where the variable says nothing."""
    nodata: float | None
    """As declared."""

    @property
    def chunk(self) -> tuple[int, int, int]:
        """(T, Y, X) numbers that are stored, and decoded, together."""
        chunks = _chunks(self.array)
        return tuple(
            min(int(chunks.get(axis, 1)), self.array.sizes[axis])
            for axis in (self.axes.time, self.axes.y, self.axes.x)
        )


@dataclass(frozen=True, kw_only=True)
class Cube:
    """Bands over time on one grid, of which no pixel need be in memory.

    Its planes, one for each date and band, are numbered from 1: date by date, and of each date
    variable by variable.
    """

    source: str
    """What the user calls it, for messages."""
    variables: tuple[CubeVariable, ...]
    times: NDArray[np.datetime64]
    """(T,) in the cube's own order, to the microsecond."""
    grid: Grid
    left: tuple[str, ...] = ()
    """Names of variables that are no bands."""

    @cached_property
    def bands(self) -> tuple[tuple[int, int], ...]:
        """Of each band of a date, its variable and its place in there."""
        return tuple(
            (number, place)
            for number, variable in enumerate(self.variables)
            for place in range(len(variable.bands))
        )


def read_cube(dataset: Any, source: str) -> Cube:
    """Tell which variables of a Dataset, or bands of a DataArray, are bands of a stack.

    Args:
        dataset: xarray's, with a variable for each band, or variables with a dimension of bands.
        source: what to call it in messages.

    Raises:
        StackError: it has no times, no images or several grids.
    """
    dataset = _with_grid_mapping(dataset)
    found = _images(dataset, source)
    time, y, x = _one_grid([own for _, own in found], source)
    return Cube(
        source=source,
        variables=tuple(_variable(array, own, source) for array, own in found),
        times=_times(dataset[time], source),
        grid=_grid(found[0][0], y, x, source),
        left=_left(dataset, found),
    )


def name_bands(cube: Cube, given: Sequence[str] | None = None) -> tuple[str | None, ...]:
    """Standard names of a date's bands: those given, else the cube's own; None for no band.

    Raises:
        StackError: none is known, one comes twice, or not all are given.
    """
    called = _called(cube)
    if given is not None:
        if len(given) != len(called):
            raise StackError(
                f"{cube.source}: has {len(called)} bands ({', '.join(called[:13])}), but "
                f"{len(given)} band names were given: {', '.join(given)}. Name every band, in "
                "its order."
            )
        return tuple(given)
    names = tuple(cube.variables[number].bands[place] for number, place in cube.bands)
    counts = Counter(name for name in names if name)
    if not counts:
        raise StackError(
            f"{cube.source}: none of its {len(names)} bands has a known name (found "
            f"{', '.join(called[:5])}); say which of Sentinel-2's they are, in their order: "
            "--bands B02,B03,..., or bands= in Python."
        )
    twice = [name for name, number in counts.items() if number > 1]
    if twice:
        raise StackError(
            f"{cube.source}: {twice[0]} comes more than once among {', '.join(called)}; expected "
            "each band once. Leave one out."
        )
    return names


def draft_cube(
    cube: Cube, path: Path, names: Sequence[str | None]
) -> tuple[list[Draft], list[str]]:
    """Make a scene of every date, of the bands that have names; and notes."""
    chunks = [variable.chunk for variable in cube.variables]
    count = len(cube.times)
    header = Header(
        path=path,
        grid=cube.grid,
        dtypes=_each(cube, [str(v.array.dtype.newbyteorder("=")) for v in cube.variables]),
        blocks=_each(cube, [(height, width) for _, height, width in chunks]),
        descriptions=("",) * (count * len(cube.bands)),
        scales=_each(cube, [v.scale for v in cube.variables]),
        offsets=_each(cube, [v.offset for v in cube.variables]),
        nodata=_each(cube, [v.nodata for v in cube.variables]),
        tags={},
        together=max(dates for dates, _, _ in chunks) * len(cube.bands),
    )
    drafts = [
        Draft(label=_label(cube.times[t]), layers=_layers(header, t, names)) for t in range(count)
    ]
    called = _called(cube)
    left = [name for name, known in zip(called, names, strict=True) if not known]
    return drafts, [f"{cube.source}: {name} passed over." for name in (*left, *cube.left)]


def _each(cube: Cube, facts: Sequence[Any]) -> tuple[Any, ...]:
    """Facts of variables, for each plane."""
    return tuple(facts[number] for number, _ in cube.bands) * len(cube.times)


def _layers(header: Header, t: int, names: Sequence[str | None]) -> dict[str, Layer]:
    first = 1 + t * len(names)
    return {
        name: Layer(header=header, index=first + place) for place, name in enumerate(names) if name
    }


def _label(time: np.datetime64) -> str:
    """ISO date, with the time of day where that is not midnight."""
    text = np.datetime_as_string(time, unit="s")
    return str(text).removesuffix("T00:00:00")


def _called(cube: Cube) -> list[str]:
    """What the cube itself calls each band of a date."""
    found = []
    for number, place in cube.bands:
        variable = cube.variables[number]
        label = variable.labels[place] if variable.labels else ""
        found.append(str(label or variable.array.name or place + 1))
    return found


def _with_grid_mapping(dataset: Any) -> Any:
    """The same with what tells the CRS among the coordinates, where it goes along with bands."""
    if hasattr(dataset, "data_vars"):
        mappings = [name for name, own in dataset.data_vars.items() if _is_mapping(own)]
        return dataset.set_coords(mappings)
    if hasattr(dataset, "dims") and hasattr(dataset, "coords"):
        return dataset
    raise StackError(
        f"{type(dataset).__name__}: is no stack in memory; expected an xarray Dataset, or a "
        "DataArray with the dimensions time, band, y, x."
    )


def _is_mapping(array: Any) -> bool:
    return not array.dims and any(name in array.attrs for name in MAPPING_NAMES)


def _arrays(dataset: Any) -> list[Any]:
    """Variables of a Dataset; a DataArray is one."""
    return list(dataset.data_vars.values()) if hasattr(dataset, "data_vars") else [dataset]


def _images(dataset: Any, source: str) -> list[tuple[Any, Axes]]:
    """Variables that are images over time; those with known bands alone, if any has some."""
    arrays = _arrays(dataset)
    times = [
        name
        for name, coordinate in dataset.coords.items()
        if coordinate.dims == (name,) and coordinate.dtype.kind == "M"
    ]
    if not times:
        raise StackError(_timeless(dataset, source))
    found = [(array, axes) for array in arrays if (axes := _axes(array, times))]
    if not found:
        raise StackError(_nothing(arrays, source))
    named = [(array, axes) for array, axes in found if any(_names(array, axes))]
    return named or found


def _left(dataset: Any, found: Sequence[tuple[Any, Axes]]) -> tuple[str, ...]:
    used = {array.name for array, _ in found}
    return tuple(
        str(array.name) for array in _arrays(dataset) if array.name not in used and array.ndim > 1
    )


def _timeless(dataset: Any, source: str) -> str:
    odd = [str(name) for name, own in dataset.coords.items() if own.dtype.kind == "O"]
    found = ", ".join(f"{name} ({size})" for name, size in dataset.sizes.items()) or "none"
    hint = f" {', '.join(odd)} may have another calendar than the usual one." if odd else ""
    return (
        f"{source}: has no dimension of dates; found {found}. Expected one, such as time, with "
        f"a date for each acquisition.{hint}"
    )


def _axes(array: Any, times: Sequence[Hashable]) -> Axes | None:
    """Tell dimensions by their names; None where this is no image over time."""
    if array.dtype.kind not in "iuf":
        return None
    time = next((dim for dim in array.dims if dim in times), None)
    y = next((dim for dim in array.dims if _is_along(array, dim, Y_NAMES, "y")), None)
    x = next((dim for dim in array.dims if _is_along(array, dim, X_NAMES, "x")), None)
    if time is None or y is None or x is None:
        return None
    others = [dim for dim in array.dims if dim not in (time, y, x)]
    if len(others) > 1:
        return None
    return Axes(time=time, y=y, x=x, band=others[0] if others else None)


def _is_along(array: Any, dim: Hashable, names: set[str], axis: str) -> bool:
    told = array.coords[dim].attrs if dim in array.coords else {}
    return (
        str(dim).lower() in names
        or str(told.get("axis", "")).lower() == axis
        or str(told.get("standard_name", "")) == f"projection_{axis}_coordinate"
    )


def _nothing(arrays: Sequence[Any], source: str) -> str:
    found = ", ".join(f"{array.name} {array.dims}" for array in arrays[:4]) or "no variable"
    return (
        f"{source}: holds no images over time; found {found}. Expected numbers with the "
        "dimensions time, y, x, a variable for each band, or one with a dimension band as well."
    )


def _one_grid(axes: Sequence[Axes], source: str) -> tuple[Hashable, Hashable, Hashable]:
    """The dimensions of time, y and x that all variables share."""
    found = list(dict.fromkeys((own.time, own.y, own.x) for own in axes))
    if len(found) > 1:
        shown = " and ".join(", ".join(map(str, dims)) for dims in found[:3])
        raise StackError(
            f"{source}: its bands lie on more than one grid, or have more than one set of dates; "
            f"found {shown}. Expected one: bring them onto it, or leave some out."
        )
    return found[0]


def _names(array: Any, axes: Axes) -> tuple[str | None, ...]:
    """What a variable's bands are called."""
    if axes.band is None:
        told = str(array.attrs.get("long_name", ""))
        return (band_name(str(array.name)) or band_name(told),)
    return tuple(band_name(str(label)) for label in _labels(array, axes.band))


def _labels(array: Any, dim: Hashable) -> list[Any]:
    """Of the bands: the coordinate's, or as rioxarray keeps the names of a file's bands."""
    own = array.coords[dim].values.tolist() if dim in array.coords else []
    if own and not all(isinstance(label, (int, float)) for label in own):
        return list(own)
    told = array.attrs.get("long_name", ())
    is_list = isinstance(told, (tuple, list)) and len(told) == array.sizes[dim]
    return list(told) if is_list else [""] * array.sizes[dim]


def _variable(array: Any, axes: Axes, source: str) -> CubeVariable:
    def told(*names: str) -> float | None:
        return next((_number(array, n, source) for n in names if n in array.attrs), None)

    scale, offset, nodata = told("scale_factor"), told("add_offset"), told(*NODATA_NAMES)
    if nodata is None:
        nodata = array.encoding.get(UNWRITTEN)
    return CubeVariable(
        array=array,
        axes=axes,
        labels=() if axes.band is None else tuple(_labels(array, axes.band)),
        bands=_names(array, axes),
        scale=1.0 if scale is None else scale,
        offset=0.0 if offset is None else offset,
        nodata=nodata,
    )


def _number(array: Any, name: str, source: str) -> float | None:
    value = array.attrs[name]
    try:
        return None if value is None else float(np.ravel(value)[0])
    except (TypeError, ValueError, IndexError) as error:
        raise StackError(
            f"{source}: {array.name} declares {name} {value!r}; expected a number. Mend it, or "
            "take the attribute away."
        ) from error


def _chunks(array: Any) -> Mapping[Hashable, int]:
    """Along each dimension: dask's, or those of the file."""
    if array.chunks is not None:
        return {dim: max(sizes) for dim, sizes in array.chunksizes.items()}
    return dict(array.encoding.get("preferred_chunks") or {})


def _times(coordinate: Any, source: str) -> NDArray[np.datetime64]:
    times: NDArray[np.datetime64] = coordinate.values.astype("datetime64[us]")
    if len(times) > MOST_DATES or not len(times):
        raise StackError(f"{source}: has {len(times)} dates; expected 1 to {MOST_DATES}.")
    if np.isnat(times).any():
        place = int(np.flatnonzero(np.isnat(times))[0])
        raise StackError(
            f"{source}: its date number {place + 1} is not known (NaT); leave it out, or mend it."
        )
    return times


def _grid(array: Any, y: Hashable, x: Hashable, source: str) -> Grid:
    shape = array.sizes[y], array.sizes[x]
    if not all(shape):
        raise StackError(f"{source}: has {shape[1]} x {shape[0]} pixels; expected some.")
    return Grid(crs=_crs(array, source), transform=_transform(array, y, x, source), shape=shape)


def _transform(array: Any, y: Hashable, x: Hashable, source: str) -> Affine:
    """From the coordinates: a transform noted beside them stays behind when a cube is cut."""
    if x not in array.coords or y not in array.coords:
        return Affine.identity()
    (left, width), (top, height) = (_step(array, dim, source) for dim in (x, y))
    width, height = width or abs(height or 1), height or -abs(width or 1)
    return Affine(width, 0, left - width / 2, 0, height, top - height / 2)


def _step(array: Any, dim: Hashable, source: str) -> tuple[float, float]:
    """The first coordinate, and the even step from one to the next; 0 where there is but one."""
    try:
        values = array.coords[dim].values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise StackError(f"{source}: its coordinate {dim} holds no numbers ({error}).") from error
    if len(values) == 1:
        return float(values[0]), 0.0
    step = (values[-1] - values[0]) / (len(values) - 1)
    even = values[0] + step * np.arange(len(values))
    if not step or not np.abs(values - even).max() <= UNEVEN * abs(step):
        raise StackError(
            f"{source}: its pixels are not evenly spaced along {dim}; expected a grid of equal "
            "pixels. Bring it onto one, for example with rioxarray's reproject."
        )
    return float(values[0]), float(step)


def _crs(array: Any, source: str) -> CRS:
    """As CF or rioxarray keep it; of a coordinate that nothing points to, if it is the only one."""
    import rioxarray  # noqa: F401  # which adds .rio to arrays

    mappings = [own for own in array.coords.values() if _is_mapping(own)]
    try:
        found = array.rio.crs
        if found is None and len(mappings) == 1:
            found = array.rio.write_grid_mapping(mappings[0].name).rio.crs
        return CRS.from_wkt(found.to_wkt()) if found else CRS()
    except (CRSError, ValueError, TypeError, KeyError) as error:
        raise StackError(
            f"{source}: its CRS cannot be read ({first_line(error)}); expected WKT or EPSG. Set "
            "it anew, for example with rioxarray's write_crs."
        ) from error
