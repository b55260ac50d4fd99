"""What is promised whatever files hold, and how often that was tried."""

import io
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from am4cm_cli.app import main
from am4cm_cli.errors import Am4cmError

TIMES = float(os.environ.get("AM4CM_FUZZ", "1"))
"""How many times as many cases as in CI; see `make fuzz`."""
ODD = "fuzz cases"
"""By which pytest's summary finds their count."""


def cases(count: int) -> settings:
    """So many examples of a test; the same ones on every run."""
    unharmed = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=max(1, round(count * TIMES)), suppress_health_check=unharmed)


@contextmanager
def replaced(path: Path, content: bytes) -> Iterator[None]:
    """Have a file hold something else for a while."""
    sound = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(sound)


def answer(read: Callable[..., Any], *args: Any) -> Any:
    """What a reader returns; None where it refuses in one line that names something.

    Any other error is the test's.
    """
    try:
        return read(*args)
    except Am4cmError as error:
        told = str(error)
        assert told.strip()
        assert "Traceback" not in told
        return None


def command(*words: object) -> tuple[int, str]:
    """Run `am4cm` in this process: its exit code, and what it said on standard error.

    Any error but those that the command line turns into a message is the test's.
    """
    heard = io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    argv, sys.argv = sys.argv, ["am4cm", *map(str, words)]
    hooks = sys.excepthook, sys.unraisablehook
    try:
        with redirect_stderr(heard), redirect_stdout(io.StringIO()):
            main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv, (sys.excepthook, sys.unraisablehook) = argv, hooks
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return code, heard.getvalue()


def listing(folder: Path) -> dict[Path, int]:
    """Sizes of all files of a folder, by their paths."""
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def promise(folder: Path, out: Path, *words: object) -> bool:
    """Give a command that writes `out`, and check what holds in any case.

    It ends well or in one line of error; beside what was there before it leaves its output if it
    ends well, and nothing or the resume journal if it doesn't.

    Returns:
        Whether it ended well; the output is there then.
    """
    before = listing(folder)
    code, said = command(*words)
    assert code in {0, 1, 2}, said
    assert "Traceback" not in said
    new = {path for path in listing(folder) if path not in before}
    changed = {path for path, size in listing(folder).items() if before.get(path, size) != size}
    assert not changed
    if code == 0:
        assert new == {out}
        return True
    assert said.count("error:") == 1 or code == 2, said
    parts = out.with_name(f"{out.name}.parts")
    assert all(parts in path.parents for path in new), new
    shutil.rmtree(parts, ignore_errors=True)
    return False
