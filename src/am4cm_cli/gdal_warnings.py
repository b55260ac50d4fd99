"""What GDAL only warns of, which rasterio passes to a logger."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("rasterio._env")


class _Ears(logging.Handler):
    """Keeps what is said in its own thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.heard.append(record.getMessage())


@contextmanager
def gdal_warnings() -> Iterator[list[str]]:
    """Gather the warnings and errors of this thread, in GDAL's words.

    They are heard even in a program that has raised rasterio's level; what its own handlers show is
    theirs to say.
    """
    ears = _Ears()
    if not LOGGER.isEnabledFor(logging.WARNING):
        LOGGER.setLevel(logging.WARNING)
    LOGGER.addHandler(ears)
    try:
        yield ears.heard
    finally:
        LOGGER.removeHandler(ears)
