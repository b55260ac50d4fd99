"""`am4cm simulate`: a labelled stack that needs no download."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.options import Overwrite


def in_the_calendar(day: datetime) -> datetime:
    """Refuse years that no Sentinel-2 will see, and those near the calendar's end."""
    if not 1980 <= day.year <= 2100:
        raise typer.BadParameter(f"{day:%Y-%m-%d}: expected a day from 1980 to 2100")
    return day


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.", show_default=False)],
    size: Annotated[
        int, typer.Option(min=8, max=2048, help="Side of the image in pixels of 10 m.")
    ] = 256,
    dates: Annotated[int, typer.Option(min=1, max=146, help="Acquisitions in the year.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    start: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            callback=in_the_calendar,
            help="First day of the year to cover, 1980 to 2100.",
        ),
    ] = datetime(2018, 1, 1),
    clouds: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the dates that have clouds or haze.")
    ] = 0.5,
    overwrite: Overwrite = False,
) -> None:
    """Make a labelled Sentinel-2 stack: images, crop labels, and the truth about its clouds."""
    from am4cm_cli.simulation import SimulationConfig, write_stack

    config = SimulationConfig(
        size=size, dates=dates, seed=seed, start=start.date(), cloudiness=clouds
    )
    unwind()
    write_stack(out, config, overwrite=overwrite, track=progress("Simulating"))
    say(f"Wrote {out}: {dates} dates of {size} x {size} pixels, labels, fields and truth.")
