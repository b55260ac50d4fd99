"""What commands say on standard error: for people, for machines, or nothing."""

import json
import os
import pty
import re
import subprocess
import sys
from datetime import datetime

import pytest

from am4cm_cli.commands.console import tell_rate
from stacks import every_days, write_stack
from test_commands import process

MAKE = ("simulate", "site", "--size", "8", "--dates", "3")
MADE = "Wrote site: 3 dates of 8 x 8 pixels, labels, fields and truth.\n"
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def on_terminal(*words, cwd, columns=80, **environment):
    """What a terminal gets to see of both outputs."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "am4cm_cli", *map(str, words)]
    own = os.environ | {"TERM": "xterm", "COLUMNS": str(columns)} | environment
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=cwd, env=own):
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux' way to say that nobody writes any more
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return shown.decode()


def said(done):
    """The lines of --log-json."""
    return [json.loads(line) for line in done.stderr.decode().splitlines()]


def test_a_terminal_sees_a_bar_with_rate_and_time_left(tmp_path):
    shown = on_terminal(*MAKE, cwd=tmp_path)
    assert re.search(r"Simulating.*3/3", shown)
    assert re.search(r"\d/s|s each", COLOUR.sub("", shown))
    assert re.search(r"\d:\d\d:\d\d", COLOUR.sub("", shown))


@pytest.mark.parametrize(
    ("speed", "told"),
    [
        (1900, "1,900/s"),
        (100, "100/s"),
        (12.34, "12.3/s"),
        (1, "1/s"),
        (0.4, "2.5 s each"),
        (0.0008, "1,250 s each"),
    ],
)
def test_rates_are_read_at_a_glance(speed, told):
    assert tell_rate(speed) == told


@pytest.mark.parametrize(
    ("options", "environment"), [(["--quiet"], {}), ([], {"TERM": "dumb"}), (["--log-json"], {})]
)
def test_no_bar_where_none_is_wanted_or_can_be_drawn(tmp_path, options, environment):
    shown = on_terminal(*MAKE, *options, cwd=tmp_path, **environment)
    assert "\x1b" not in shown
    assert "━" not in shown
    assert ("Wrote" in shown) == (options != ["--quiet"])


def test_a_file_gets_messages_alone_even_in_colour(tmp_path):
    done = process(*MAKE, cwd=tmp_path, env=os.environ | {"FORCE_COLOR": "1"})
    assert done.stderr.decode() == MADE


def test_quiet_leaves_errors(tmp_path):
    assert process("--quiet", *MAKE, cwd=tmp_path).stderr == b""
    again = process(*MAKE, "-q", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr.decode().startswith("error: site: ")


def test_verbose_tells_what_was_decided_and_how_long_it_took(tmp_path):
    write_stack(tmp_path / "images", days=every_days(6))
    done = process("-v", "mask", "images", "out.tif", "--threads", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = done.stderr.decode()
    for words in (
        "images: 6 scenes of 5 x 7 pixels, bands B02",
        "computing on",
        "windows of 5 x 7 pixels",
        "in each of 1 threads",
        "Masking: ",
        "Writing: ",
        "time by stage",
    ):
        assert words in text
    notes = [line for line in text.splitlines() if "time by stage" in line]
    assert re.match(r" *\d+\.\d\d s  ", notes[0])


def test_verbose_passes_on_what_gdal_warns_of(tmp_path):
    code = (
        "import logging, rasterio, sys\n"
        "from am4cm_cli.commands.voice import Voice, speak\n"
        "speak(Voice(verbose=sys.argv[1] == 'on'))\n"
        "logging.getLogger('rasterio._env').warning('CPLE_AppDefined in x.tif: odd')\n"
    )
    words = [sys.executable, "-c", code]
    loud = subprocess.run([*words, "on"], capture_output=True, check=True)
    assert loud.stderr == b"warning: CPLE_AppDefined in x.tif: odd\n"
    still = subprocess.run([*words, "off"], capture_output=True, check=True)
    assert still.stderr == b""


def test_quiet_and_verbose_contradict_each_other(tmp_path):
    done = process("-q", "-v", *MAKE, cwd=tmp_path)
    assert done.returncode == 2
    assert "has no use with --quiet" in done.stderr.decode()


def test_log_json_is_an_object_a_line(tmp_path):
    lines = said(process(*MAKE, "--log-json", cwd=tmp_path))
    steps = [line for line in lines if "task" in line]
    assert (steps[0]["done"], steps[0]["total"], steps[0]["rate"]) == (0, 3, None)
    assert (steps[-1]["task"], steps[-1]["done"], steps[-1]["total"]) == ("Simulating", 3, 3)
    assert steps[-1]["rate"] > 0
    assert lines[-1]["message"] + "\n" == MADE
    for line in lines:
        assert line["level"] == "info"
        assert datetime.fromisoformat(line["time"]).utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--log-json", "info", "none"], 1, "none"),
        (["info", "none", "--log-json"], 1, "none"),
        (["mask", "--log-json", "images"], 2, "Missing argument 'OUT'."),
        (["--log-json", "masc"], 2, "No such command 'masc'. Did you mean 'mask'?"),
        (["--log-json", "--verbos"], 2, "No such option: --verbos. Did you mean --verbose?"),
    ],
)
def test_errors_are_json_too(tmp_path, words, code, message):
    done = process(*words, cwd=tmp_path)
    (line,) = said(done)
    assert (done.returncode, done.stdout, line["level"]) == (code, b"", "error")
    assert message in line["message"]


def test_a_bug_is_json_with_its_traceback(tmp_path):
    code = (
        "import sys\n"
        "from am4cm_cli import app\n"
        "app.app.command('break')(lambda: 1 / 0)\n"
        "sys.argv = ['am4cm', '--log-json', 'break']\n"
        "app.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 1
    (line,) = said(done)
    assert line["level"] == "critical"
    assert line["message"] == "ZeroDivisionError: division by zero"
    assert line["traceback"].startswith("Traceback")


@pytest.mark.parametrize("words", [["--help"], ["mask", "--help"], ["mask", "--nope"]])
def test_colours_are_for_terminals_and_no_color_takes_them(tmp_path, words):
    assert COLOUR.search(on_terminal(*words, cwd=tmp_path))
    assert "\x1b" not in on_terminal(*words, cwd=tmp_path, NO_COLOR="1")
    assert COLOUR.search(on_terminal(*words, cwd=tmp_path, NO_COLOR=""))
    assert "\x1b" not in on_terminal(*words, cwd=tmp_path, TERM="dumb")
    env = os.environ | {"FORCE_COLOR": "1"}
    forced = process(*words, cwd=tmp_path, env=env)
    assert COLOUR.search((forced.stdout + forced.stderr).decode())
    both = process(*words, cwd=tmp_path, env=env | {"NO_COLOR": "1"})
    assert b"\x1b" not in both.stdout + both.stderr


def test_an_error_in_colour_says_the_same(tmp_path):
    words = ("mask", "none", "out.tif")
    plain = process(*words, cwd=tmp_path).stderr.decode()
    shown = on_terminal(*words, cwd=tmp_path).replace("\r\n", "\n")
    assert "\x1b[31merror:\x1b[0m" in shown
    assert plain.startswith("error: none")
    assert COLOUR.sub("", shown) == plain


def test_messages_keep_what_looks_like_markup(tmp_path):
    name = "[red]:100:[/red]"
    done = process("info", name, cwd=tmp_path)
    assert name in done.stderr.decode()
