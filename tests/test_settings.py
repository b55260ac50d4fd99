"""Options set for good: in files, by the environment, and what outweighs what."""

import json
import os

import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from am4cm_cli.app import app
from am4cm_cli.commands.catalogue import catalogue
from am4cm_cli.commands.settings import read_settings, user_file
from test_commands import assert_refused, mask, run, site  # noqa: F401
from test_help import completed

KNOWN = catalogue(get_command(app))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user without settings, in an empty folder below another one."""
    for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("AM4CM_CONFIG")
    for name in ("AM4CM_FUZZ", "AM4CM_NO_SKIPS"):  # the tests' own, which set no option
        monkeypatch.delenv(name, raising=False)
    here = tmp_path / "project" / "deep"
    here.mkdir(parents=True)
    user_file().parent.mkdir(parents=True)
    return here


def dates(folder):
    return len(list((folder / "images").iterdir()))


def test_the_command_line_outweighs_the_environment_the_project_and_the_user(
    run,  # noqa: F811
    home,
    monkeypatch,
):
    """Each says another number of dates; one after the other is taken away."""
    monkeypatch.setenv("AM4CM_SIMULATE_DATES", "6")
    (home.parent / "am4cm.toml").write_text("[simulate]\ndates = 5\n")
    user_file().write_text("[simulate]\ndates = 4\nsize = 8\n")

    def made(name, *options):
        done = run("simulate", name, *options, cwd=home)
        assert done.returncode == 0, done.stderr
        return dates(home / name)

    assert made("a", "--dates", 7) == 7
    assert made("b") == 6
    monkeypatch.delenv("AM4CM_SIMULATE_DATES")
    assert made("c") == 5
    (home.parent / "am4cm.toml").unlink()
    assert made("d") == 4
    (home / "own.toml").write_text("[simulate]\ndates = 3\nsize = 8\n")
    assert made("e", "--config", "own.toml") == 3


def test_the_nearest_project_file_counts_alone(run, home):  # noqa: F811
    (home.parent / "am4cm.toml").write_text("[mask]\nthreads = 1\n")
    (home / "am4cm.toml").write_text("[mask]\nmax-memory = '1GB'\n")
    told = json.loads(run("config", "--json", cwd=home).stdout)
    assert [one["option"] for one in told["settings"]] == ["max-memory"]


def test_config_shows_what_is_set_and_by_whom(run, home, monkeypatch):  # noqa: F811
    monkeypatch.setenv("AM4CM_MASK_TARGET", "unusable")
    monkeypatch.setenv("AM4CM_MASK_FORMAT", "gtiff")
    monkeypatch.setenv("AM4CM_MASK_THREAD", "1")
    file = home / "am4cm.toml"
    file.write_text("verbose = false\n[mask]\nthreads = 2\n[download.pastis]\nkeep-zip = true\n")
    done = run("config", "--json", cwd=home)
    told = json.loads(done.stdout)
    assert {(s["command"], s["option"], s["value"], s["origin"]) for s in told["settings"]} == {
        ("", "verbose", False, str(file)),
        ("mask", "target", "unusable", "AM4CM_MASK_TARGET"),
        ("mask", "format", "gtiff", "AM4CM_MASK_FORMAT"),
        ("mask", "threads", "2", str(file)),
        ("download pastis", "keep-zip", True, str(file)),
    }
    assert {"path": str(user_file()), "found": False} in told["files"]
    assert {"path": str(file), "found": True} in told["files"]
    assert "Did you mean AM4CM_MASK_THREADS?" in done.stderr.decode()
    shown = run("config", "mask", cwd=home).stdout.decode()
    assert "built in" in shown
    assert "AM4CM_MASK_TARGET" in shown
    assert run("config", "msk", cwd=home).returncode == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[mask]\nmax_memory = '4GB'\n", ("[mask] max_memory", "Did you mean max-memory?")),
        ("[msk]\nthreads = 1\n", ("[msk]", "Did you mean mask?")),
        ("mask = 3\n", ("mask is a command", "[mask]")),
        ("threads = 3\n", ("threads is no option of am4cm", "It belongs into [mask]")),
        ("[download.pasti]\nkeep-zip = true\n", ("[download.pasti]", "Did you mean pastis?")),
        ("[mask]\nresume = 'no'\n", ("[mask] resume", "'no'", "true or false")),
        ("[mask]\nthreads = true\n", ("[mask] threads", "True", "a number")),
        ("[mask]\nthreads = 1\nthreads = 2\n", ("cannot be read as TOML",)),
        ("[mask", ("cannot be read as TOML",)),
        ("[mask]\nthreads = 0x" + "f" * 5000, ("[mask] threads", "too large")),
        ("[mask]\nthreads = [true, 0x" + "f" * 5000 + "]", ("[mask] threads", "too large")),
        ("[mask]\nsplit = 'a'\ntable = \"a\\u0000b\"\n", ("[mask] table", "null characters")),
        ('"a\\nb" = 1\n', (r"'a\nb' is no option",)),
        ("version = true\n", ("version is no option",)),
    ],
)
def test_what_a_file_cannot_say_is_refused_by_name(run, home, text, words):  # noqa: F811
    (home / "am4cm.toml").write_text(text)
    done = run("simulate", "site", cwd=home)
    assert_refused(done, home, str(home / "am4cm.toml"), *words, left=["am4cm.toml"])


@pytest.fixture
def mistyped(home):
    """A file with two faults, and something right after each."""
    file = home / "am4cm.toml"
    file.write_text("[mask]\nmax_memory = 3\nthreads = 1\n[msk]\ntile = 64\n[draw]\nimages='i'\n")
    return file


@pytest.mark.parametrize(
    "words", [("mask", "--help"), ("mask", "a", "b", "-h"), ("download", "pastis", "-h")]
)
def test_a_fault_leaves_the_help_that_it_points_to(run, home, mistyped, words):  # noqa: F811
    done = run(*words, cwd=home)
    assert done.returncode == 0
    assert b"Usage: " in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize("words", [("draw", "m.tif"), ("simulate", "--", "--help")])
def test_a_fault_outweighs_what_is_lacking(run, home, mistyped, words):  # noqa: F811
    """It may be what stands in the file."""
    assert_refused(run(*words, cwd=home), home, "[mask] max_memory", left=["am4cm.toml"])


def test_config_shows_the_rest_beside_faults(run, home, mistyped):  # noqa: F811
    done = run("config", "--json", cwd=home)
    assert done.returncode == 1
    told = {(one["command"], one["option"]) for one in json.loads(done.stdout)["settings"]}
    assert told == {("mask", "threads"), ("draw", "images")}
    faults = done.stderr.decode().splitlines()
    assert [fault.startswith(f"error: {mistyped}: ") for fault in faults] == [True, True]
    assert "Did you mean mask?" in faults[1]


def test_doctor_goes_on_and_names_faults(run, home, mistyped):  # noqa: F811
    done = run("doctor", "--json", cwd=home)
    assert done.returncode == 1
    found = json.loads(done.stdout)["findings"]
    told = [one["found"] for one in found if one["topic"] == "settings"]
    assert ["[mask] max_memory" in told[0], "[msk]" in told[1]] == [True, True]
    assert {"packages", "weights"} <= {one["topic"] for one in found}


def test_shells_complete_beside_faults(home, mistyped, monkeypatch):
    monkeypatch.chdir(home)
    assert completed(["am4cm", "mask", "--max-m"]).strip() == "--max-memory"


def test_a_wrong_value_is_told_with_its_place(run, home, monkeypatch):  # noqa: F811
    (home / "am4cm.toml").write_text("[simulate]\nchain = 'sen2core'\n")
    done = run("simulate", "site", cwd=home)
    assert done.returncode == 2
    told = " ".join(done.stderr.decode().replace("│", " ").split())
    assert "Did you mean sen2cor?" in told
    assert "[simulate] chain" in told
    monkeypatch.setenv("AM4CM_SIMULATE_CHAIN", "theja")
    told = run("simulate", "site", cwd=home).stderr.decode().replace("│", " ")
    assert "AM4CM_SIMULATE_CHAIN" in told
    assert "Did you mean theia?" in " ".join(told.split())


@pytest.mark.parametrize(
    ("words", "option", "text", "expected"),
    [
        (("mask", "a", "b"), "max-memory", "3XB", "a size such as 2GB"),
        (("composite", "here", "own.toml", "b"), "max-memory", "0", "a size such as 2GB"),
        (("mask", "a", "b"), "bands", "B02,,B03", "names between commas"),
        (("mask", "a", "b"), "bbox", "1,2,3", "four numbers W,S,E,N"),
        (("evaluate", "own.toml", "own.toml"), "without", "2018-01-01,", "names between commas"),
        (("evaluate", "own.toml", "own.toml"), "map", "1:cloud", "number=class"),
        (("prepare", "here", "b"), "unlabelled", "0,", "names between commas"),
        (("prepare", "here", "b"), "unlabelled", "wheat", "whole numbers such as 0,99"),
        (("prepare", "here", "b"), "folds", "1,2", "how many parts"),
    ],
)
def test_what_cannot_be_parsed_is_told_with_its_option_and_place(
    run,  # noqa: F811
    home,
    monkeypatch,
    words,
    option,
    text,
    expected,
):
    """On the command line, in a file and in the environment."""
    (home / "here").mkdir()
    (home / "own.toml").touch()
    command, variable = words[0], f"AM4CM_{words[0]}_{option}".upper().replace("-", "_")

    def told(*options):
        done = run(*words, *options, cwd=home)
        assert done.returncode == 2, done.stderr
        lines = " ".join(done.stderr.decode().replace("│", " ").split())
        assert f"Invalid value for '--{option}'" in lines
        assert expected in lines
        return lines

    told(f"--{option}", text)
    monkeypatch.setenv(variable, text)
    assert told().endswith(f"It is from the environment's {variable}. {'╰' + '─' * 78 + '╯'}")
    monkeypatch.delenv(variable)
    (home / "own.toml").write_text(f"[{command}]\n{option} = '{text}'\n")
    assert f"[{command}] {option}." in told("--config", "own.toml")


def test_a_working_folder_that_is_gone_is_told(run, home):  # noqa: F811
    gone = home / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    try:
        done = run("config")
    finally:
        os.chdir(home)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("error: The working folder was removed")


def test_help_does_not_read_settings(run, home):  # noqa: F811
    (home / "am4cm.toml").write_text("nonsense")
    assert run("--help", cwd=home).returncode == 0


def test_what_is_set_for_good_may_be_of_no_use_at_times(run, home):  # noqa: F811
    (home / "am4cm.toml").write_text("[simulate]\nsize = 8\ndates = 3\npatches = 7\n")
    assert run("simulate", "site", cwd=home).returncode == 0
    assert run("simulate", "other", "--patches", 7, cwd=home).returncode == 2


def setting(tmp_path, table, line):
    file = tmp_path / "am4cm.toml"
    file.write_text(f"[{table}]\n{line}\n")
    (found,) = read_settings({file: True}, KNOWN).found.values()
    return found.value


def test_paths_are_relative_to_their_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert setting(tmp_path, "mask", "split = 'out/dates'") == f"{tmp_path}/out/dates"
    assert setting(tmp_path, "mask", "split = '~/dates'") == "/home/ada/dates"
    assert setting(tmp_path, "mask", "split = '/dates'") == "/dates"
    assert setting(tmp_path, "explain", "csv = '-'") == "-"
    assert setting(tmp_path, "mask", "weights = 'sim-10band'") == "sim-10band"
    assert setting(tmp_path, "prepare", "fields = 'fields.tif'") == "fields.tif"
    (tmp_path / "sim-10band").touch()
    assert setting(tmp_path, "mask", "weights = 'sim-10band'") == f"{tmp_path}/sim-10band"


def test_values_are_those_of_the_command_line(tmp_path):
    assert setting(tmp_path, "mask", "bbox = [1, 2.5, 3, 4]") == "1,2.5,3,4"
    assert setting(tmp_path, "mask", "bands = ['B02', 'B03']") == "B02,B03"
    assert setting(tmp_path, "mask", "from = 2018-03-01") == "2018-03-01"
    assert setting(tmp_path, "mask", "co = 'COMPRESS=ZSTD'") == ["COMPRESS=ZSTD"]
    assert setting(tmp_path, "mask", "resume = false") is False


@given(
    st.recursive(
        st.one_of(
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text("ab.~/-é", max_size=9),
        ),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["mask", "threads", "resume", "split", "download", "x"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=6,
    )
)
def test_any_file_is_understood_or_refused(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("any") / "am4cm.toml"
    tree = value if isinstance(value, dict) else {"mask": value}
    file.write_text("\n".join(f"{name} = {inline(each)}" for name, each in tree.items()))
    settings = read_settings({file: True}, KNOWN)
    found, refusals = settings.found, [*map(str, settings.faults)]
    assert found or refusals or not any(map(holds, tree.values()))
    assert all(refusal.startswith(str(file)) for refusal in refusals)
    assert not any("\n" in refusal for refusal in refusals)
    for variable, setting in found.items():
        kind = bool if setting.option.is_flag else list if setting.option.is_list else str
        assert isinstance(setting.value, kind)
        assert setting.option.variable == variable


def holds(value):
    """Whether it says anything: empty tables do not."""
    return any(map(holds, value.values())) if isinstance(value, dict) else True


def inline(value):
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {inline(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


def test_each_option_has_a_variable_of_its_own():
    variables = [option.variable for option in KNOWN]
    assert len(set(variables)) == len(variables)
    assert {"AM4CM_QUIET", "AM4CM_MASK_MAX_MEMORY", "AM4CM_DOWNLOAD_PASTIS_KEEP_ZIP"} <= {
        *variables
    }
    assert "AM4CM_CONFIG" in os.environ  # which the tests set, so that no one's settings count


@pytest.mark.parametrize(
    ("text", "words", "names"),
    [
        ("heads = 'each'", ["out.tif"], ["out.tif"]),
        ("style = true", ["-"], []),
        ("style = true", ["out.zarr", "--format", "zarr"], ["out.zarr"]),
        ("co = 'COMPRESS=LZW'", ["out.zarr", "--format", "zarr"], ["out.zarr"]),
        ("calibration = 'old.tif'", ["out.tif", "--update", "old.tif"], ["out.tif"]),
        ("zones = 'no.geojson'", ["out.tif"], ["out.tif"]),
        ("bbox-crs = 'EPSG:4326'", ["out.tif"], ["out.tif"]),
        ("device = 'cuda'", ["out.tif", "--dask", "local:1"], ["out.tif"]),
    ],
)
def test_what_a_mask_has_no_use_for_is_passed_over(run, mask, home, site, text, words, names):  # noqa: F811
    if "zarr" in words:
        pytest.importorskip("zarr")
    assert mask(home / "old.tif").returncode == 0
    (home / "no.geojson").write_text("nonsense")
    (home / "am4cm.toml").write_text(f"[mask]\n{text}\n")
    before = {path.name for path in home.iterdir()}
    done = mask(*words, cwd=home)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in home.iterdir()} - before == {*names}


@pytest.mark.parametrize(
    "text", ["format = 'gtiff'", "format = 'zarr'\nstyle = true", "with-classes = 'old.tif'"]
)
def test_what_an_export_has_no_use_for_is_passed_over(run, mask, home, text):  # noqa: F811
    """An output that is set for good, too, is made as ever."""
    assert mask(home / "old.tif").returncode == 0
    (home / "am4cm.toml").write_text(f"[export]\n{text}\n")
    done = run("export", "old.tif", "--binary", "binary.tif", cwd=home)
    assert done.returncode == 0, done.stderr
    assert (home / "old.qml").exists() == ("style" in text)


def test_the_crs_of_boxes_can_be_set_for_good(run, mask, home):  # noqa: F811
    box, cropped = "500030,4999850,500110,4999960", (11, 8)
    for text, words in (
        ("bbox-crs = 'EPSG:32631'", ["--bbox", box]),
        (f"bbox-crs = 'EPSG:32631'\nbbox = '{box}'", []),
        (f"bbox = '{box}'", ["--bbox-crs", "EPSG:32631"]),
    ):
        (home / "am4cm.toml").write_text(f"[mask]\n{text}\n")
        done = mask("out.tif", *words, "--overwrite", cwd=home)
        assert done.returncode == 0, done.stderr
        with rasterio.open(home / "out.tif") as raster:
            assert raster.shape == cropped
    (home / "am4cm.toml").write_text("[mask]\nbbox-crs = 'EPSG:1'\n")
    assert b"EPSG:1" in mask("out.tif", "--bbox", box, "--overwrite", cwd=home).stderr
