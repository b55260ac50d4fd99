"""The command line as a habit: its help, its completion, and what it makes of mistakes."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from am4cm_cli.app import app
from am4cm_cli.commands.examples import EXAMPLES
from am4cm_cli.commands.grammar import hoist
from am4cm_cli.commands.train import Model
from am4cm_cli.models import MODEL_NAMES
from test_commands import process, run  # noqa: F401

ROOT = get_command(app)
SCRIPT = Path(sys.executable).with_name("am4cm")


def commands(group=ROOT, words=()):
    """Each command that does something, by its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


ALL = dict(commands())


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_help_keeps_to_the_terminal(run, monkeypatch, words, width):  # noqa: F811
    monkeypatch.setenv("COLUMNS", str(width))
    # Typer keeps the width that it finds when it is first imported.
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", width)
    done = run(*words, "--help")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert max(map(len, lines)) <= width
    if width >= 80:
        assert "Exit codes" in done.stdout.decode() or "Examples:" in done.stdout.decode()


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_everything_has_a_help(words):
    command = ALL[words]
    assert command.help
    for parameter in command.params:
        assert parameter.help, parameter.name


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_examples_are_calls_that_can_be_made(words):
    command = ALL[words]
    options = {word for p in command.params for word in (*p.opts, *p.secondary_opts)}
    lines = [line.strip() for line in EXAMPLES[words[-1]].splitlines() if line.strip()]
    assert lines
    for line in lines:
        assert len(line) <= 76
        given = shlex.split(line)
        start = given.index(words[0])
        assert tuple(given[start : start + len(words)]) == words
        assert {word for word in given[start:] if word.startswith("--")} <= options


def test_options_of_all_commands_stand_anywhere():
    assert hoist(["mask", "-q", "a", "--config", "c", "b"]) == (
        ["-q", "--config", "c"],
        ["mask", "a", "b"],
    )
    assert hoist(["mask", "--", "--quiet"]) == ([], ["mask", "--", "--quiet"])
    assert hoist(["mask", "--config=c", "a"]) == (["--config=c"], ["mask", "a"])


@pytest.mark.parametrize(
    "words", [["mask", "a", "b", "--config"], ["--config"], ["-q", "--config"]]
)
def test_an_option_of_all_commands_that_lacks_its_value_is_told(run, words):  # noqa: F811
    done = run(*words)
    assert done.returncode == 2
    told = " ".join(done.stderr.decode().replace("│", " ").split())
    assert "Option '--config' requires an argument." in told


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["masc"], "'mask'"),
        (["mask", "a", "b", "--metod", "drop"], "--method"),
        (["mask", "a", "b", "--max-cluod", "1"], "--max-cloud"),
        (["mask", "a", "b", "--quite"], "--quiet"),
        (["mask", "a", "b", "--target", "colud"], "cloud"),
        (["mask", "a", "b", "--weights", "sim-10bnd-2"], "sim-10band-2"),
        (["evaluate", "a", "b", "--weights", "sim-10bnd-2"], "sim-10band-2"),
        (["train", "a", "b", "--model", "compat34k"], "compat-34k"),
        (["explain", "a", "1", "-2", "--pixle"], "--pixel"),
        (["download", "pasti"], "'pastis'"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_right_one(run, tmp_path, words, meant):  # noqa: F811
    done = run(*words, cwd=tmp_path)
    told = " ".join(done.stderr.decode().replace("│", " ").split())
    assert done.returncode == 2
    assert f"Did you mean {meant}?" in told
    assert "Value error" not in told


def test_a_mistyped_band_is_answered_with_the_right_one(run, tmp_path):  # noqa: F811
    done = run("info", tmp_path, "--bands", "B02,gren,B8A")
    assert (done.returncode, "Did you mean green?" in done.stderr.decode()) == (1, True)


def test_a_word_like_no_other_gets_no_suggestion(run, tmp_path):  # noqa: F811
    told = run("mask", "a", "b", "--xyzzy", cwd=tmp_path).stderr.decode()
    assert "Did you mean" not in told


def test_weights_that_come_with_am4cm_go_by_their_name(run, tmp_path):  # noqa: F811
    made = run("simulate", "site", "--size", 8, "--dates", 12, cwd=tmp_path)
    assert made.returncode == 0
    done = run("mask", "site", "out.tif", "--weights", "sim-10band", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sim-10band" in run("info", "out.tif", "--json", cwd=tmp_path).stdout.decode()


def test_weights_of_an_absurd_name_are_refused(run, tmp_path):  # noqa: F811
    for name in ("w" * 5000, str(tmp_path), "no/such/file.safetensors"):
        done = run("mask", "a", "b", "--weights", name, cwd=tmp_path)
        assert done.returncode == 2
        assert "no such file" in " ".join(done.stderr.decode().replace("│", " ").split())


def test_models_are_those_that_can_be_built():
    assert tuple(Model) == MODEL_NAMES


def completed(words, shell="bash"):
    """What a shell is told to complete the last of these words with."""
    line = shlex.join(words) if words[-1] else f"{shlex.join(words[:-1])} "
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    env = os.environ | asked[shell] | {"_AM4CM_COMPLETE": f"complete_{shell}"}
    code = "import sys; sys.argv = ['am4cm']; from am4cm_cli.entry import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=env)
    return done.stdout.decode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["am4cm", "ma"], ["mask"]),
        (["am4cm", "mask", "--tar"], ["--target"]),
        (["am4cm", "mask", "--verb"], ["--verbose"]),
        (["am4cm", "mask", "a", "b", "--target", ""], ["cloud", "unusable"]),
        (["am4cm", "mask", "a", "b", "--bands", "B02,B1"], ["B02,B10", "B02,B11", "B02,B12"]),
        (["am4cm", "mask", "a", "b", "--weights", "sim"], ["sim-10band", "sim-10band-2"]),
        (["am4cm", "mask", "a", "b", "--device", "c"], ["cpu", "cuda"]),
        (["am4cm", "train", "a", "b", "--model", "3"], ["34k"]),
        (["am4cm", "download", "pastis", "--edition", "pastis-"], ["pastis-r"]),
    ],
)
def test_shells_complete_commands_options_and_values(shell, words, found):
    answer = completed(words, shell)
    lines = answer.splitlines()
    if shell == "zsh":
        assert [word in answer for word in found] == [True] * len(found)
    else:
        assert sorted(line.partition("\t")[0] for line in lines) == found


def test_completion_and_mistakes_do_not_wait_for_torch_or_rasterio():
    code = (
        "import sys\n"
        "from am4cm_cli import app\n"
        "sys.argv = ['am4cm', *sys.argv[1:]]\n"
        "try:\n    app.main()\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'torch', 'rasterio', 'numpy', 'scipy'} & set(sys.modules)))\n"
    )
    for words in (["--help"], ["mask", "--help"], ["mask", "a", "--nope"], ["config"]):
        words = [sys.executable, "-c", code, *words]
        done = subprocess.run(words, capture_output=True, check=True)
        assert done.stdout.decode().splitlines()[-1] == "[]"
    words = ["am4cm", "mask", "a", "b", "--weights", ""]
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": "5", "_AM4CM_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=os.environ | asked
    )
    assert done.stdout.decode().splitlines() == ["sim-10band-2", "sim-10band", "[]"]


@pytest.mark.skipif(not SCRIPT.exists(), reason="am4cm is not installed as a program here")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_where_the_shell_looks(tmp_path, shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell}")
    env = os.environ | {"HOME": str(tmp_path)}
    env.pop("XDG_CONFIG_HOME", None)
    # `;` keeps the shell alive, which would else become the program that asks for its name.
    script = f"{SCRIPT} --install-completion; true"
    done = subprocess.run([program, "-c", script], capture_output=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    assert f"{shell} completion installed" in done.stdout.decode()
    assert any("am4cm" in path.name for path in tmp_path.rglob("*"))


def test_bash_loads_the_completion_it_is_shown(tmp_path):
    if shutil.which("bash") is None or not SCRIPT.exists():
        pytest.skip("no bash, or am4cm is not installed as a program here")
    env = os.environ | {"PATH": f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"}
    script = (
        'eval "$(am4cm --show-completion)"; COMP_WORDS=(am4cm mask --relia); COMP_CWORD=2; '
        '_am4cm_completion am4cm; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env=env)
    assert done.stdout.decode().strip() == "--reliability"


def test_exit_codes_are_told():
    shown = process("--help").stdout.decode()
    for code in ("0 done", "1 an error", "2 wrong usage", "130 or 143"):
        assert code in shown
