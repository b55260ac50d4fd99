"""Open rasters, kept between windows."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

from rasterio._err import CPLE_BaseError  # of warping; exported nowhere else
from rasterio.errors import RasterioError

from am4cm_cli.errors import UnreadableError
from am4cm_cli.rasters.opening import Raster, open_raster
from am4cm_cli.stacks.locations import gdal_name
from am4cm_cli.stacks.stack import Grid

_Key = tuple[Path, Grid | None]
"""A file, and the grid that it is warped onto."""
SCENE_ADVICE = "Fetch it again, or remove the scene."


class Lender(Protocol):
    """Lends rasters by their paths."""

    def borrow(self, path: Path, onto: Grid | None = None) -> AbstractContextManager[Raster]:
        """Lend an open raster, warped if need be; StackError where it cannot be read."""


@dataclass(frozen=True)
class OneRaster:
    """Lends the same raster whatever the path, to any number of threads."""

    raster: Raster

    @contextmanager
    def borrow(self, path: Path, onto: Grid | None = None) -> Iterator[Raster]:
        """Lend it."""
        yield self.raster


class OpenFiles:
    """Rasters that stay open between uses; each is used by one thread at a time.

    GDAL's datasets may not be shared among threads, but may wander from one to the next.
    """

    def __init__(self, most: int = 0, *, advice: str = SCENE_ADVICE) -> None:
        """Keep at most this many open while nobody uses them; the longest unused is closed.

        A message on a file that cannot be read ends with the advice.
        """
        self._most = most
        self._advice = advice
        self._idle: OrderedDict[_Key, list[Raster]] = OrderedDict()
        self._count = 0
        self._lock = Lock()

    @contextmanager
    def borrow(self, path: Path, onto: Grid | None = None) -> Iterator[Raster]:
        """Lend an open raster, warped onto a grid if need be.

        Raises:
            UnreadableError: it cannot be opened, or its pixels cannot be read.
        """
        try:
            raster = self._take((path, onto)) or open_raster(path, onto)
            try:
                yield raster
            except BaseException:
                raster.close()  # whatever went wrong, nobody else should meet it
                raise
        except (RasterioError, CPLE_BaseError) as error:
            raise UnreadableError(
                f"{gdal_name(path)}: its pixels cannot be read ({error.__cause__ or error}); the "
                f"file is damaged or has gone. {self._advice}",
                path,
            ) from error
        self._give_back((path, onto), raster)

    def close(self) -> None:
        """Close all that nobody uses."""
        with self._lock:
            while self._idle:
                self._close_oldest()

    def _take(self, key: _Key) -> Raster | None:
        with self._lock:
            rasters = self._idle.get(key)
            if not rasters:
                return None
            raster = rasters.pop()
            self._count -= 1
            if not rasters:
                del self._idle[key]
            return raster

    def _give_back(self, key: _Key, raster: Raster) -> None:
        with self._lock:
            self._idle.setdefault(key, []).append(raster)
            self._idle.move_to_end(key)
            self._count += 1
            while self._count > self._most:
                self._close_oldest()

    def _close_oldest(self) -> None:
        key, rasters = next(iter(self._idle.items()))
        rasters.pop(0).close()
        self._count -= 1
        if not rasters:
            del self._idle[key]
