"""PASTIS as prepared series: every pixel against the arrays on disk, and runs that were cut."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.datasets.pastis.checking import check_pastis
from am4cm_cli.datasets.pastis.choice import PixelChoice, choose_pixels
from am4cm_cli.datasets.pastis.gathering import gather_series
from am4cm_cli.datasets.pastis.patches import mark_gaps
from am4cm_cli.datasets.pastis.preparing import open_run, prepare_run
from am4cm_cli.datasets.pixels import NODATA, join, open_fold, read_index
from am4cm_cli.errors import DataError, OutputError
from pastis import read_metadata, write_metadata, write_pastis

DATES = (3, 5, 4, 2, 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five patches: folds 1, 2, 3, 1, 2."""
    return write_pastis(tmp_path_factory.mktemp("data") / "P", dates=DATES, folds=(1, 2, 3))


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """Prepared without interruption by one worker."""
    work = tmp_path_factory.mktemp("whole")
    prepare(folder, work, workers=1)
    return work / "whole"


def prepare(folder, work, *, workers=2, track=iter, **choice):
    with open_run(check_pastis(folder), work, PixelChoice(**choice)) as run:
        return prepare_run(run, workers=workers, track=track), run.note


def contents(folder: Path) -> dict[str, bytes]:
    """Every file's bytes by its name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_series_is_a_pixel_of_its_patch(folder, whole):
    index = read_index(whole)
    assert index.folds == (1, 2, 3, 4, 5)
    assert index.groups == (2, 2, 1, 0, 0)
    void = 0
    for fold, patches in {1: [0, 3], 2: [1, 4], 3: [2]}.items():
        series = open_fold(whole, fold)
        stops = np.cumsum(series.lengths)
        for place in patches:
            number = 10000 + 3 * place
            stored = np.load(folder / "DATA_S2" / f"S2_{number}.npy")
            codes = np.load(folder / "ANNOTATIONS" / f"TARGET_{number}.npy")[0]
            rows, columns = np.nonzero(codes != 19)
            ours = series.group == number
            assert (series.pixel[ours] == rows * 128 + columns).all()
            assert (series.target[ours] == codes[rows, columns]).all()
            assert set(series.lengths[ours]) == {DATES[place]}
            first = int(series.start[ours][0])
            found = series.reflectance[first : first + len(rows) * DATES[place]]
            expected = stored[:, :, rows, columns].transpose(2, 0, 1).reshape(-1, 10)
            assert (found == expected).all()
            void += (codes == 19).sum()
            calendar = series.calendar[ours][0]
            days = series.days[slice(*series.calendar_start[calendar : calendar + 2])]
            assert str(days[:1].astype("datetime64[D]")[0]) == "2018-09-24"
            assert (np.diff(days) == 5).all()
        assert stops[-1] == len(series.reflectance)
    assert index.void == void
    assert index.not_taken == index.unobserved == 0
    assert sum(index.series) + void == 5 * 128 * 128
    assert index.classes[1] == "Meadow"
    assert index.grouping == "patch"


@pytest.mark.parametrize("workers", [2, 7])
def test_workers_change_nothing(folder, whole, tmp_path, workers):
    prepare(folder, tmp_path, workers=workers)
    assert contents(tmp_path / "whole") == contents(whole)


@pytest.mark.parametrize("choice", [{"per_patch": 100}, {"fraction": 0.007}])
def test_pixels_that_are_drawn(folder, whole, tmp_path, choice):
    index, _ = prepare(folder, tmp_path, **choice)
    everything = join(open_fold(whole, fold) for fold in index.folds)
    drawn = join(open_fold(tmp_path / "whole", fold) for fold in index.folds)
    counts = np.unique(everything.group, return_counts=True)[1]
    expected = [100] * 5 if "per_patch" in choice else [round(0.007 * count) for count in counts]
    assert np.unique(drawn.group, return_counts=True)[1].tolist() == expected
    assert index.not_taken == sum(counts) - sum(expected)
    places = {key: place for place, key in enumerate(keys(everything))}
    theirs = [places[key] for key in keys(drawn)]
    assert (drawn.target == everything.target[theirs]).all()
    for ours, their in list(enumerate(theirs))[::29]:
        dates = drawn.lengths[ours]
        mine = drawn.reflectance[drawn.start[ours] :][:dates]
        assert (mine == everything.reflectance[everything.start[their] :][:dates]).all()


def keys(series):
    return zip(series.group.tolist(), series.pixel.tolist(), strict=True)


def test_another_seed_draws_others(folder, tmp_path):
    pixels = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        prepare(folder, tmp_path / name, per_patch=50, seed=seed)
        pixels.append(open_fold(tmp_path / name / "whole", 1).pixel.tolist())
    assert pixels[0] == pixels[1] != pixels[2]


def test_folds_that_are_taken(folder, whole, tmp_path):
    index, _ = prepare(folder, tmp_path, folds=(1, 3))
    assert index.folds == (1, 3)
    assert index.series == tuple(read_index(whole).series[place] for place in (0, 2))
    ours, theirs = (open_fold(place, 3).reflectance for place in (tmp_path / "whole", whole))
    assert (ours == theirs).all()


@given(
    codes=st.lists(st.integers(0, 19), max_size=60),
    per_patch=st.none() | st.integers(1, 70),
    fraction=st.none() | st.floats(0.01, 1),
)
def test_a_choice_never_holds_void_nor_a_pixel_twice(codes, per_patch, fraction):
    target = np.array(codes, np.uint8)
    choice = PixelChoice(per_patch=per_patch, fraction=fraction)
    pixels = choose_pixels(target, choice, patch=7)
    assert (np.diff(pixels) > 0).all()
    assert (target[pixels] != 19).all()
    with_class = int((target != 19).sum())
    assert len(pixels) == choice.count(with_class) <= min(with_class, per_patch or 99)
    assert (len(pixels) > 0) == (with_class > 0)


@given(
    rows=st.integers(1, 37), width=st.integers(1, 2500), share=st.floats(0, 1), seed=st.integers(0)
)
def test_gathering_is_a_transposition(rows, width, share, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(-32768, 32768, (rows, width)).astype(np.int16)
    pixels = np.flatnonzero(rng.random(width) < share)
    blocks = [block.copy() for block in gather_series(images, pixels)]
    found = np.concatenate([np.empty((0, rows), np.int16), *blocks])
    assert (found == images[:, pixels].T).all()


def test_gaps_by_hand():
    reflectance = np.full((3, 2, 4), -10000, np.int16)  # three pixels, two dates, four bands
    reflectance[0] = 7
    reflectance[1, 1, 2] = 8
    mark_gaps(reflectance)
    assert (reflectance[0] == 7).all()
    assert (reflectance[1, 0] == NODATA).all()
    assert reflectance[1, 1].tolist() == [-10000, -10000, 8, -10000]
    assert (reflectance[2] == NODATA).all()


# Not getrusage: its peak is inherited from the process that starts this one.
PEAK = """
import sys
from pathlib import Path
from am4cm_cli.datasets.pastis.checking import check_pastis
from am4cm_cli.datasets.pastis.choice import PixelChoice
from am4cm_cli.datasets.pastis.preparing import open_run, prepare_run

with open_run(check_pastis(Path(sys.argv[1])), Path(sys.argv[2]), PixelChoice()) as run:
    prepare_run(run, workers=2)
print(next(line.split()[1] for line in open("/proc/self/status") if "VmHWM" in line))
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_peak_memory_does_not_grow_with_the_patches(tmp_path):
    peaks = []
    for patches in (3, 15):
        work = tmp_path / f"work-{patches}"
        work.mkdir()
        folder = write_pastis(tmp_path / f"P-{patches}", dates=[38] * patches)
        words = [sys.executable, "-c", PEAK, folder, work]
        made = subprocess.run(words, capture_output=True, check=True)
        peaks.append(int(made.stdout) / 1024)
    # Held whole, the 12 patches more would take 150 MB.
    assert peaks[1] < peaks[0] + 50


def test_pixels_that_no_date_shows_are_counted(tmp_path):
    folder = write_pastis(tmp_path / "P", dates=(3, 2))
    path = folder / "DATA_S2" / "S2_10000.npy"
    stored = np.load(path)
    codes = np.load(folder / "ANNOTATIONS" / "TARGET_10000.npy")[0]
    stored[:, :, 5, 60:71] = -10000
    stored[1, :, 9, 30] = -10000
    np.save(path, stored)
    index, _ = prepare(folder, tmp_path)
    unseen = int((codes[5, 60:71] != 19).sum())
    assert 0 < unseen == index.unobserved
    series = open_fold(tmp_path / "whole", 1)
    assert not np.isin(series.pixel, 5 * 128 + np.arange(60, 71)).any()
    gaps = (series.reflectance == NODATA).all(axis=1)
    assert gaps.sum() == (codes[9, 30] != 19)
    assert sum(index.series) + index.void + unseen == 2 * 128 * 128


class Cut(Exception):  # noqa: N818 it is none
    """Stands for anything that ends a run."""


def cut_after(count: int):
    def track(items):
        for place, item in enumerate(items):
            if place == count:
                raise Cut
            yield item

    return track


@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_a_run_that_was_cut_goes_on(folder, whole, tmp_path, count):
    with pytest.raises(Cut):
        prepare(folder, tmp_path, track=cut_after(count))
    seen = []
    _, note = prepare(folder, tmp_path, track=lambda items: seen.extend(items) or seen)
    assert len(seen) == len(DATES) - count
    assert note == (f"Going on where it stopped: {count} of 5 patches done." if count else None)
    assert contents(tmp_path / "whole") == contents(whole)


def test_a_run_that_was_cut_twice_and_after_its_end_goes_on(folder, whole, tmp_path):
    for count in (1, 2, 9):
        if count < 9:
            with pytest.raises(Cut):
                prepare(folder, tmp_path, track=cut_after(count))
        else:
            prepare(folder, tmp_path)
    _, note = prepare(folder, tmp_path)
    assert note == "Going on where it stopped: 5 of 5 patches done."
    assert contents(tmp_path / "whole") == contents(whole)


def test_a_killed_process_goes_on(folder, whole, tmp_path):
    script = """
import os, sys
from pathlib import Path
from am4cm_cli.datasets.pastis.checking import check_pastis
from am4cm_cli.datasets.pastis.choice import PixelChoice
from am4cm_cli.datasets.pastis.preparing import open_run, prepare_run

def track(items):
    for place, item in enumerate(items):
        if place == 2:
            os.kill(os.getpid(), 9)
        yield item

with open_run(check_pastis(Path(sys.argv[1])), Path(sys.argv[2]), PixelChoice()) as run:
    prepare_run(run, workers=2, track=track)
"""
    words = [sys.executable, "-c", script, folder, tmp_path]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    _, note = prepare(folder, tmp_path)
    assert note == "Going on where it stopped: 2 of 5 patches done."
    assert contents(tmp_path / "whole") == contents(whole)


def garbage(work: Path) -> None:
    for path in [work / "journal", *(work / "whole").rglob("*.npy")]:
        with path.open("ab") as file:
            file.write(b'{"patch": 10009')


def stale_headers(work: Path) -> None:
    """After a kill, the headers know nothing of the lengths."""
    for path in (work / "whole").rglob("reflectance.npy"):
        with path.open("r+b") as file:
            file.write(b"?" * 128)


def bad_line(work: Path) -> None:
    lines = (work / "journal").read_text().splitlines()
    lines[2] = lines[2].replace('"series": ', '"series": "')
    (work / "journal").write_text("\n".join(lines) + "\n")


def no_journal(work: Path) -> None:
    (work / "journal").unlink()


def empty_journal(work: Path) -> None:
    (work / "journal").write_text("")


def half_a_header(work: Path) -> None:
    path = work / "journal"
    path.write_text(path.read_text()[:50])


def short_array(work: Path) -> None:
    path = work / "whole" / "fold_1" / "reflectance.npy"
    path.write_bytes(path.read_bytes()[:200])  # the end of it is of patches not yet done


def other_fold(work: Path) -> None:
    no_journal(work)
    (work / "whole" / "fold_9").mkdir()


def no_arrays(work: Path) -> None:
    shutil.rmtree(work / "whole")


@pytest.mark.parametrize(
    ("spoil", "done"),
    [
        (garbage, 3),
        (stale_headers, 3),
        (bad_line, 1),
        (no_journal, 0),
        (empty_journal, 0),
        (half_a_header, 0),
        (short_array, 0),
        (other_fold, 0),
        (no_arrays, 0),
    ],
)
def test_whatever_a_cut_leaves_the_bytes_are_the_same(folder, whole, tmp_path, spoil, done):
    with pytest.raises(Cut):
        prepare(folder, tmp_path, track=cut_after(3))
    spoil(tmp_path)
    seen = []
    prepare(folder, tmp_path, track=lambda items: seen.extend(items) or seen)
    assert len(seen) == len(DATES) - done
    assert contents(tmp_path / "whole") == contents(whole)


@pytest.mark.parametrize("options", [{"seed": 1}, {"folds": (1, 2, 4)}, {"fraction": 0.1}])
def test_other_options_start_afresh(folder, tmp_path, options):
    with pytest.raises(Cut):
        prepare(folder, tmp_path, track=cut_after(4))
    _, note = prepare(folder, tmp_path, **options)
    assert note == "What an earlier run left is of other options or inputs: starting afresh."
    (tmp_path / "clean").mkdir()
    prepare(folder, tmp_path / "clean", **options)
    assert contents(tmp_path / "whole") == contents(tmp_path / "clean" / "whole")


def test_other_inputs_start_afresh(tmp_path):
    folder = write_pastis(tmp_path / "P", dates=(2, 3))
    for edit in (touch_target, later_date):
        work = tmp_path / edit.__name__
        work.mkdir()
        with pytest.raises(Cut):
            prepare(folder, work, track=cut_after(1))
        edit(folder)
        _, note = prepare(folder, work)
        assert note == "What an earlier run left is of other options or inputs: starting afresh."


def touch_target(folder: Path) -> None:
    path = folder / "ANNOTATIONS" / "TARGET_10003.npy"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))


def later_date(folder: Path) -> None:
    features = read_metadata(folder)["features"]
    features[0]["properties"]["dates-S2"]["1"] += 1
    write_metadata(folder, features)


def test_two_at_once_are_refused(folder, tmp_path):
    pastis = check_pastis(folder)
    refused = pytest.raises(OutputError, match="another am4cm is preparing the same output")
    with (
        open_run(pastis, tmp_path, PixelChoice()),
        refused,
        open_run(pastis, tmp_path, PixelChoice()),
    ):
        pass


def test_a_file_that_changes_meanwhile_is_named(tmp_path):
    folder = write_pastis(tmp_path / "P", dates=(2, 3))
    with open_run(check_pastis(folder), tmp_path, PixelChoice()) as run:
        np.save(folder / "DATA_S2" / "S2_10003.npy", np.zeros((4, 10, 128, 128), np.int16))
        with pytest.raises(DataError, match=r"S2_10003\.npy: found 4 dates, but 3 when"):
            prepare_run(run, workers=2)
    with open_run(check_pastis_again(folder), tmp_path, PixelChoice()) as run:
        (folder / "ANNOTATIONS" / "TARGET_10000.npy").unlink()
        with pytest.raises(DataError, match=r"TARGET_10000\.npy: cannot be read any more"):
            prepare_run(run, workers=2)


def check_pastis_again(folder: Path):
    np.save(folder / "DATA_S2" / "S2_10003.npy", np.zeros((3, 10, 128, 128), np.int16))
    return check_pastis(folder)


def test_the_journal_says_what_the_run_is(folder, tmp_path):
    prepare(folder, tmp_path, seed=4)
    first, *lines = (tmp_path / "journal").read_text().splitlines()
    assert json.loads(first)["choice"]["seed"] == 4
    assert [json.loads(line)["patch"] for line in lines] == [10000, 10003, 10006, 10009, 10012]
