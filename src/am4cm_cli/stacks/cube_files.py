"""Zarr stores and NetCDF files, opened through xarray without executing anything from them."""

import json
import lzma
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any

from am4cm_cli.errors import MissingExtraError, StackError, first_line

NETCDF = {".nc", ".nc4", ".netcdf"}
ZARR_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
"""Files that only a Zarr store holds, of version 3 and of version 2."""
MOST_ALONG = 2**24
"""Of pixels or dates along any dimension."""
UNWRITTEN = "unwritten"
"""Key in a variable's encoding of what stands for numbers that were never written."""
CODECS = {
    *("adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3"),
    *("astype", "bitround", "bytes", "delta", "fixedscaleoffset", "packbits", "quantize"),
    *("blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"),
    *("sharding_indexed", "shuffle", "transpose", "vlen-bytes", "vlen-utf8"),
}
"""Of numpy's numbers and of texts. Above all not numcodecs's pickle, which would execute a file."""
UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RuntimeError,
    EOFError,
    ArithmeticError,
    MemoryError,
    zlib.error,
    lzma.LZMAError,
)
"""What xarray, zarr and netCDF4 raise of files that are damaged or cut short."""

_NETCDF = RLock()


def is_cube(path: Path) -> bool:
    """Whether a path is a NetCDF file or a Zarr store, by its name or by what a folder holds."""
    if path.is_dir():
        return any((path / mark).is_file() for mark in ZARR_MARKS) or path.suffix == ".zarr"
    return path.suffix.lower() in NETCDF and path.is_file()


def need_extra(what: str, *modules: str) -> None:
    """Raise MissingExtraError unless all of some modules can be imported."""
    try:
        for name in modules:
            import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f'{what}: {error.name} is not installed. Install it with pip install "am4cm[xarray]".'
        ) from error


def open_cube(path: Path) -> Any:
    """Open a Zarr store or NetCDF file as an xarray Dataset of numbers as they are stored.

    Raises:
        MissingExtraError: xarray, or what it reads the file with, is not installed.
        StackError: the file is damaged, or would have to be executed.
    """
    reader = "zarr" if path.is_dir() else "netCDF4"
    need_extra(str(path), "xarray", "rioxarray", reader)
    import xarray

    with reading(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unwritten = _look_into_store(path) if path.is_dir() else {}
        # Metadata kept together may be older than the arrays; each array's own is never.
        own: dict[str, Any] = {"engine": reader.lower(), "cache": False}
        if path.is_dir():
            own["consolidated"] = False
        # First without indexes, which would be read at once, whatever their size.
        with xarray.open_dataset(path, **own, decode_cf=False, create_default_indexes=False) as raw:
            _check_sizes(path, raw)
        dataset = xarray.open_dataset(
            path,
            **own,
            mask_and_scale=False,
            decode_timedelta=False,
            decode_coords="all",
        )
        for name, number in unwritten.items():
            if name in dataset.data_vars:
                dataset[name].encoding[UNWRITTEN] = number
        # A Zarr store has no order: its arrays come as they are found, each time another way.
        return dataset[sorted(dataset.data_vars, key=str)] if path.is_dir() else dataset


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Use a cube's file; what libraries raise of a damaged one becomes a StackError.

    One thread at a time uses NetCDF: its library takes the process down where two meet, even in
    different files.
    """
    lock = nullcontext() if path.is_dir() else _NETCDF
    try:
        with lock:
            yield
    except UNREADABLE as error:
        raise StackError(
            f"{path}: cannot be read as a cube ({first_line(error)}); expected a whole NetCDF "
            "file or Zarr store. Fetch it again, or open it in Python and look."
        ) from error


def _look_into_store(path: Path) -> dict[str, float]:
    """Check every array before any of its numbers is decoded.

    Returns:
        By array what stands for numbers that were never written, where there are some.
    """
    import zarr

    unwritten = {}
    for folder in sorted(path.iterdir()):
        # One at a time: of several faults at once, all but the first would be logged.
        if _is_array(path, folder):
            array = zarr.open_array(str(folder), mode="r")
            if array.dtype.kind in "iuf" and array.nchunks_initialized < array.nchunks:
                unwritten[folder.name] = float(array.fill_value or 0)
    return unwritten


def _is_array(path: Path, folder: Path) -> bool:
    """Whether a folder is an array; StackError if its codecs are not safe."""
    headers = [folder / name for name in ("zarr.json", ".zarray") if (folder / name).is_file()]
    if not headers:
        return False
    metadata = json.loads(headers[0].read_bytes())
    unsafe = [codec for codec in _codecs(metadata) if codec not in CODECS]
    if unsafe:
        raise StackError(
            f"{path}: {folder.name} is stored with the codec {unsafe[0]!r}, which am4cm does not "
            "open, since it may execute what the file says. Write it anew with zstd."
        )
    return bool(metadata.get("node_type", "array") == "array")


def _codecs(metadata: Any) -> Iterator[str]:
    """Names of all codecs of an array, with those inside of others."""
    keys = ("compressor", "filters", "codecs", "index_codecs", "configuration")
    if isinstance(metadata, list):
        for part in metadata:
            yield from _codecs(part if isinstance(part, dict) else {"name": str(part)})
    elif isinstance(metadata, dict):
        for key in ("id", "name"):
            if key in metadata:
                yield str(metadata[key]).removeprefix("numcodecs.")
        for key in keys:
            yield from _codecs(metadata.get(key))


def _check_sizes(path: Path, dataset: Any) -> None:
    for dim, size in dataset.sizes.items():
        if size > MOST_ALONG:
            raise StackError(f"{path}: has {size} along {dim}; expected at most {MOST_ALONG}.")
