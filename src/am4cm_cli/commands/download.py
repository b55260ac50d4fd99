"""`am4cm download`: published data sets, fetched, checked and unpacked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.console import say, tell_steps, unwind
from am4cm_cli.commands.examples import epilog
from am4cm_cli.commands.grammar import Command, Group
from am4cm_cli.commands.voice import is_live, says_json, stderr

MB = 1e6

download = typer.Typer(
    cls=Group, help="Fetch, check and unpack a published data set.", no_args_is_help=True
)


@download.callback()
def choose() -> None:
    """Let the data set be named even while there is only one."""


class EditionName(StrEnum):
    """The keys of `downloads.editions.EDITIONS`."""

    PASTIS = "pastis"
    PASTIS_R = "pastis-r"


@contextmanager
def byte_meter(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Follow bytes as `progress` follows an iteration."""
    if says_json():
        yield tell_steps(f"{what}, bytes", total)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
        disable=not is_live(),
    ) as bar:
        task = bar.add_task(what, total=total)

        def tell(done: int) -> None:
            # By the megabyte: rich takes the rate from its last thousand samples, not more.
            if done - bar.tasks[0].completed >= MB or done == total:
                bar.update(task, completed=done)

        yield tell


@download.command(cls=Command, epilog=epilog("pastis"))
def pastis(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder to fill; made if need be.", show_default=False),
    ],
    edition: Annotated[
        EditionName, typer.Option(help="pastis-r has radar images too, which am4cm does not need.")
    ] = EditionName.PASTIS,
    record: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Zenodo record to ask, or a file with its answer. Default: the published one.",
            show_default=False,
        ),
    ] = None,
    keep_zip: Annotated[
        bool, typer.Option("--keep-zip", help="Keep the zip in DIR once it is unpacked.")
    ] = False,
) -> None:
    """Fetch PASTIS from Zenodo: 29 GB, and more again to unpack; pastis-r 54 GB.

    Interrupt it at will: the same command goes on where it stopped.
    """
    from am4cm_cli.downloads.pastis import DownloadConfig, download_pastis

    config = DownloadConfig(edition=edition.value, record=record, keep_zip=keep_zip)
    unwind()
    summary = download_pastis(folder, config, meter=byte_meter)
    if not summary.fetched:
        say(f"{folder}: complete already, {summary.patches} patches; nothing to do.")
        return
    say(f"Wrote {folder}: {summary.patches} patches, {summary.written} files unpacked.")
