"""`am4cm simulate`: a labelled stack, or a data set like PASTIS, that needs no download."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.options import Overwrite, cores, refuse

STACK, PASTIS = "Of a stack", "Of PASTIS"
OF_STACKS = ("size", "dates", "start", "clouds", "chain")
OF_PASTIS = ("patches", "workers")


class Layout(StrEnum):
    """What to make."""

    STACK = "stack"
    PASTIS = "pastis"


class Chain(StrEnum):
    """What processed the images."""

    SEN2COR = "sen2cor"
    THEIA = "theia"
    L1C = "l1c"


def in_the_calendar(day: datetime) -> datetime:
    """Refuse years that no Sentinel-2 will see, and those near the calendar's end."""
    if not 1980 <= day.year <= 2100:
        raise typer.BadParameter(f"{day:%Y-%m-%d}: expected a day from 1980 to 2100")
    return day


def simulate(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.", show_default=False)],
    layout: Annotated[
        Layout, typer.Option(help="One stack of images, or patches laid out like PASTIS.")
    ] = Layout.STACK,
    size: Annotated[
        int,
        typer.Option(
            min=8,
            max=2048,
            help="Side of the image in pixels of 10 m.",
            rich_help_panel=STACK,
        ),
    ] = 256,
    dates: Annotated[
        int,
        typer.Option(
            min=1,
            max=146,
            help="Acquisitions in the year.",
            rich_help_panel=STACK,
        ),
    ] = 40,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    start: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            callback=in_the_calendar,
            help="First day of the year to cover, 1980 to 2100.",
            show_default="2018-01-01",
            rich_help_panel=STACK,
        ),
    ] = datetime(2018, 1, 1),
    clouds: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of the dates that have clouds or haze.",
            rich_help_panel=STACK,
        ),
    ] = 0.5,
    chain: Annotated[
        Chain,
        typer.Option(
            help="Radiometry of Sen2Cor's L2A, of THEIA's, or L1C in 13 bands.",
            rich_help_panel=STACK,
        ),
    ] = Chain.SEN2COR,
    patches: Annotated[
        int,
        typer.Option(
            min=5,
            max=24_000,
            help="Patches of 128 x 128 pixels, about 17 MB each.",
            rich_help_panel=PASTIS,
        ),
    ] = 60,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=32,
            help="Patches to simulate at once. Default: one per core, at most 16.",
            show_default=False,
            rich_help_panel=PASTIS,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Make labelled Sentinel-2 images: a stack or PASTIS, and the truth about the clouds.

    With --layout pastis a folder like PASTIS: 18 crops in four tiles of France, September 2018 to
    November 2019. Its CLOUDS/CLOUDS_{ID}.npy hold uint8 (dates, rows, columns): 0 clear, 1 thick
    cloud, 2 thin cloud or haze, 3 cloud shadow.
    """
    if layout is Layout.PASTIS:
        refuse(context, OF_STACKS, "with PASTIS")
        _simulate_pastis(out, patches, seed=seed, workers=workers or cores(), overwrite=overwrite)
        return
    refuse(context, OF_PASTIS, "with a stack")
    from am4cm_cli.simulation import PROCESSORS, SimulationConfig, write_stack

    config = SimulationConfig(
        size=size, dates=dates, seed=seed, start=start.date(), cloudiness=clouds
    )
    unwind()
    write_stack(
        out,
        config,
        processor=PROCESSORS[chain.value],
        overwrite=overwrite,
        track=progress("Simulating"),
    )
    say(f"Wrote {out}: {dates} dates of {size} x {size} pixels, labels, fields and truth.")


def _simulate_pastis(out: Path, patches: int, *, seed: int, workers: int, overwrite: bool) -> None:
    from am4cm_cli.simulation.pastis import PastisConfig, write_pastis

    config = PastisConfig(patches=patches, seed=seed)
    unwind()
    write_pastis(out, config, workers=workers, overwrite=overwrite, track=progress("Simulating"))
    say(f"Wrote {out}: {patches} patches like PASTIS, and the truth about their clouds.")
