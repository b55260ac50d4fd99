"""Vector files, and what is said where their shapes cannot be read."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from am4cm_cli.errors import Am4cmError, MissingExtraError, first_line

PARQUET = {".parquet", ".geoparquet", ".pq"}


@contextmanager
def reading_shapes(path: Path, kind: type[Am4cmError]) -> Iterator[None]:
    """Turn what geopandas and the libraries below it raise of a file into one error.

    Their warnings are of single shapes, which who reads them mends or counts.

    Raises:
        MissingExtraError: geopandas or what it needs is not installed.
        Am4cmError: of the kind named; the file is no vector file, or its shapes are none.
    """
    try:
        import geopandas  # noqa: F401
        import pyarrow  # noqa: F401
        from pyarrow.lib import ArrowException
        from pyproj.exceptions import ProjError
        from shapely.errors import ShapelyError
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: to read polygons, geopandas and pyarrow are needed, and {error.name} is not "
            'installed. Install them with pip install "am4cm[vector]".'
        ) from error
    # pyogrio's own errors are RuntimeErrors.
    own = (OSError, ValueError, RuntimeError, ArrowException, ProjError, ShapelyError)
    try:
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            warnings.simplefilter("ignore")
            yield
    except own as error:
        raise kind(
            f"{path}: cannot be read as polygons ({first_line(error)}); expected a GeoPackage, "
            "GeoJSON or GeoParquet. Convert it, for example with ogr2ogr."
        ) from error
