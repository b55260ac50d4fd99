"""Python that runs in a process of its own: what breaks there breaks nothing here."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

SECONDS = 180
"""Longest wait for an answer; importing torch from a slow disk takes a good part of a minute."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a probe printed, or why it printed nothing."""

    facts: Any = None
    wrong: str = ""
    """Empty if all is well."""


def probe(code: str) -> Answer:
    """Run code that prints JSON; a crash, a hang or any error is an answer, too."""
    try:
        # -P: a folder called torch where the user works is no package.
        done = subprocess.run(  # noqa: S603 - this very Python, and code of our own
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            check=False,
            timeout=SECONDS,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
    except subprocess.TimeoutExpired:
        return Answer(wrong=f"no answer within {SECONDS} s")
    except OSError as error:
        return Answer(wrong=f"{sys.executable} cannot be started: {error.strerror}")
    if done.returncode:
        return Answer(wrong=_last_line(done.stderr) or f"ended with code {done.returncode}")
    lines = done.stdout.decode(errors="replace").splitlines()
    try:
        return Answer(facts=json.loads(lines[-1]))
    except (IndexError, ValueError):
        return Answer(wrong="printed nothing that can be understood")


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
