"""Windows on disk, and the journal that tells if they are of use."""

from zipfile import ZIP_DEFLATED, ZIP_STORED

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from rasterio.windows import Window

from am4cm_cli.errors import OutputError
from am4cm_cli.parts import (
    Journal,
    Part,
    Parts,
    continued_parts,
    forget_parts,
    passing_parts,
    remove_parts,
)

WINDOW = Window(512, 1024, 5, 3)
FACTS = {"--target": "cloud", "in/a.tif": "12 bytes"}


def part(seed=0):
    rng = np.random.default_rng(seed)
    return Part(
        layers=(
            rng.integers(0, 101, (4, 3, 5)).astype(np.uint8),
            rng.random((8, 3, 5), np.float32),
        ),
        strips={"top": rng.random((2, 4, 2, 5), np.float32)},
    )


def stopped(folder, facts=FACTS, windows=(WINDOW,)):
    """A run that breaks off after these windows."""

    def run():
        with continued_parts(folder, facts, tell=str) as (parts, _):
            parts.note(Journal(facts=facts, found={"judge": {"sd": 0.1}}))
            for window in windows:
                parts.save(window, part())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()


@pytest.mark.parametrize("compression", [ZIP_STORED, ZIP_DEFLATED])
def test_what_was_saved_is_read(tmp_path, compression):
    parts = Parts(folder=tmp_path, compression=compression)
    assert not parts.has(WINDOW)
    parts.save(WINDOW, part())
    assert parts.has(WINDOW)
    for found, expected in zip(parts.layers(WINDOW, 2), part().layers, strict=True):
        assert_array_equal(found, expected)
    assert_array_equal(parts.strip(WINDOW, "top"), part().strips["top"])


def test_half_a_file_is_not_done(tmp_path):
    parts = Parts(folder=tmp_path)
    parts.save(WINDOW, part())
    whole = parts.path(WINDOW).read_bytes()
    parts.path(WINDOW).write_bytes(whole[: len(whole) // 2])
    assert not parts.has(WINDOW)
    with pytest.raises(OutputError, match=r"cannot be read .* delete it and give the same command"):
        parts.layers(WINDOW, 2)


def test_a_stopped_run_goes_on(tmp_path):
    stopped(tmp_path / "parts")
    told = []
    with continued_parts(tmp_path / "parts", FACTS, tell=told.append) as (parts, before):
        assert before == Journal(facts=FACTS, found={"judge": {"sd": 0.1}})
        assert parts.has(WINDOW)
    assert told == []
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize(
    ("now", "name"),
    [
        ({**FACTS, "--target": "unusable"}, "--target"),
        ({**FACTS, "in/a.tif": "13 bytes"}, "in/a.tif"),
        ({**FACTS, "in/b.tif": "1 byte"}, "in/b.tif"),
        ({"--target": "cloud"}, "in/a.tif"),
    ],
)
def test_what_changed_is_named_and_all_begins_anew(tmp_path, now, name):
    stopped(tmp_path / "parts")
    told = []
    with continued_parts(tmp_path / "parts", now, tell=told.append) as (parts, before):
        assert before is None
        assert not parts.has(WINDOW)
    assert len(told) == 1
    assert told[0].endswith(f"Changed: {name}.")


def test_a_run_that_did_nothing_leaves_nothing(tmp_path):
    stopped(tmp_path / "parts", windows=())
    assert not list(tmp_path.iterdir())


def test_passing_parts_are_gone_in_any_case(tmp_path):
    def run():
        with passing_parts(tmp_path / "parts") as (parts, before):
            assert before is None
            parts.save(WINDOW, part())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert not list(tmp_path.iterdir())


def test_a_folder_of_other_things_is_kept(tmp_path):
    (tmp_path / "thesis.docx").write_text("all of it")
    with pytest.raises(OutputError, match=r"holds thesis\.docx, which is not am4cm's"):
        remove_parts(tmp_path)
    assert (tmp_path / "thesis.docx").exists()


def test_a_journal_that_cannot_be_read_is_none(tmp_path):
    stopped(tmp_path / "parts")
    (tmp_path / "parts" / "journal.json").write_text("{")
    with continued_parts(tmp_path / "parts", FACTS, tell=str) as (parts, before):
        assert before is None
        assert not parts.has(WINDOW)


def test_only_a_run_that_could_go_on_is_forgotten(tmp_path):
    stopped(tmp_path / "parts")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.docx").write_text("all of it")
    for name in ("parts", "own", "none"):
        forget_parts(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    assert (tmp_path / "own" / "thesis.docx").exists()
