"""Where a dask cluster is, or one of this machine's own processes."""

import json
import logging
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from am4cm_cli.cluster import Cluster
from am4cm_cli.errors import Am4cmError, MissingExtraError, first_line
from am4cm_cli.signals import withheld_interrupts

SECONDS_TO_ANSWER = 5
EXPECTED = "expected local:N, tcp://host:8786 or a scheduler file (.json)"
SAME = ("python", "am4cm", "torch", "numpy")
"""What must have the same version everywhere, or the pixels may differ."""
ENVIRONMENT = {
    # Dask's own setting has every array of a batch fetched from the system and given back, which
    # makes computing take more than twice the time. The second is the most that glibc allows.
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    # What goes wrong in a worker is raised here.
    "DASK_LOGGING__DISTRIBUTED": "critical",
}
"""Of local workers, beside one thread for each library, which dask sees to."""


@contextmanager
def open_cluster(
    named: str, *, threads: int = 1, tell: Callable[[str], object] = str
) -> Iterator[Cluster]:
    """Connect to a dask cluster, or start one that ends with the block.

    Args:
        named: `local:N` for N processes here, the address of a scheduler, or its file.
        threads: that compute a window; as many read.
        tell: is given a sentence on what was found.

    Raises:
        MissingExtraError: distributed is not installed.
        Am4cmError: no scheduler answers there, or its workers have other versions.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(
            f"--dask {named}: dask's distributed is not installed. Install it with "
            'pip install "am4cm[dask]", or leave out the option.'
        ) from error
    with _hushed(), _address(named) as address:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client = Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            raise Am4cmError(
                f"--dask {named}: no scheduler answers there within {SECONDS_TO_ANSWER} s "
                f"({first_line(error)}); {EXPECTED}. Start it, or name another."
            ) from error
        with client:
            tell(_describe(client, named))
            yield Cluster(client=client, named=named, threads=threads)


@contextmanager
def _address(named: str) -> Iterator[str]:
    """Yield a scheduler's address; that of a new one for `local:N`."""
    if named.startswith("local"):
        with _local(named) as address:
            yield address
    elif named.endswith(".json") or "://" not in named:
        yield _of_file(named)
    else:
        yield named


@contextmanager
def _local(named: str) -> Iterator[str]:
    import dask
    from distributed import LocalCluster

    found = re.fullmatch(r"local:([1-9]\d*)", named)
    if not found:
        raise Am4cmError(f"--dask {named}: {EXPECTED}, with N from 1 on.")
    settings = {f"distributed.nanny.pre-spawn-environ.{k}": v for k, v in ENVIRONMENT.items()}
    with dask.config.set(settings), _without_interrupts(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # port 8787 is taken: any other will do
        # Memory is bounded by --max-memory; dask would only stop workers that are near a limit.
        cluster = LocalCluster(
            n_workers=int(found[1]),
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:8787",
            silence_logs=logging.CRITICAL,
        )
    try:
        yield cluster.scheduler_address
    finally:
        # Processes that take their time to end go with this one.
        with suppress(TimeoutError):
            cluster.close()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from the cluster's threads and processes, which end with this one."""
    if hasattr(signal, "pthread_sigmask"):
        # Python's own helper of processes lets Ctrl-C in again where it starts; so it starts
        # before. Windows has neither.
        resource_tracker.ensure_running()
    with withheld_interrupts():
        yield


def _of_file(named: str) -> str:
    """Read the address that a scheduler wrote into its file."""
    try:
        return str(json.loads(Path(named).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Am4cmError(
            f"--dask {named}: is no scheduler's file ({first_line(error)}); {EXPECTED}."
        ) from error


def _describe(client: Any, named: str) -> str:
    """Say how many workers there are, and where to watch them."""
    found = client.get_versions(packages=[*SAME, "bokeh"])
    own, scheduler = found["client"]["packages"], found["scheduler"]["packages"]
    _check_versions(named, "the scheduler", scheduler, own)
    for address, worker in found["workers"].items():
        _check_versions(named, f"the worker {address}", worker["packages"], own)
    workers = len(found["workers"])
    shown = f"; dashboard at {client.dashboard_link}" if scheduler.get("bokeh") else ""
    wait = "" if workers else ", waiting for some"
    return f"--dask {named}: {workers} worker{'s' * (workers != 1)}{wait}{shown}."


def _check_versions(
    named: str, place: str, found: Mapping[str, str | None], own: Mapping[str, str | None]
) -> None:
    for name in SAME:
        if _version(name, found) != _version(name, own):
            raise Am4cmError(
                f"--dask {named}: {place} has {name} {found.get(name) or 'missing'}; expected "
                f"{own.get(name)} as here. Install the same there, or start am4cm where it is."
            )


def _version(name: str, packages: Mapping[str, str | None]) -> str:
    """What must agree: of Python 3.11.4 the 3.11, of torch 2.13.0+cpu the 2.13.0."""
    version = packages.get(name) or ""
    return ".".join(version.split(".")[:2]) if name == "python" else version.partition("+")[0]


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep dask's own log out of the messages: what goes wrong is raised."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    # Its parts have levels of their own, so that of the whole would not do.
    own = {each: each.level for each in loggers if each.name.split(".")[0] == "distributed"}
    for logger in own:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in own.items():
            logger.setLevel(level)
