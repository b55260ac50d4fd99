"""`am4cm mask --clear-sky`: the estimate that a mask is measured against, as its by-product."""

from pathlib import Path
from typing import Annotated

import typer

ClearSky = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Write what each date would show under a clear sky, too, a raster each: an estimate "
        "from the other dates, never an observation.",
        show_default=False,
    ),
]
