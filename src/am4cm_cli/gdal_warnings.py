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


class _Level:
    """The logger's, low enough for warnings as long as any thread listens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners = 0
        self._before: int | None = None

    @contextmanager
    def lowered(self) -> Iterator[None]:
        """Lower it if need be; the last listener to leave sets it back."""
        with self._lock:
            self._listeners += 1
            if not LOGGER.isEnabledFor(logging.WARNING):
                self._before = LOGGER.level
                LOGGER.setLevel(logging.WARNING)
        try:
            yield
        finally:
            with self._lock:
                self._listeners -= 1
                if not self._listeners and self._before is not None:
                    LOGGER.setLevel(self._before)
                    self._before = None


_LEVEL = _Level()


@contextmanager
def gdal_warnings() -> Iterator[list[str]]:
    """Gather the warnings and errors of this thread, in GDAL's words.

    They are heard even in a program that has raised rasterio's level, which is as before at the
    end; what its own handlers show is theirs to say.
    """
    ears = _Ears()
    with _LEVEL.lowered():
        LOGGER.addHandler(ears)
        try:
            yield ears.heard
        finally:
            LOGGER.removeHandler(ears)
