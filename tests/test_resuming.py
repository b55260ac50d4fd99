"""A mask that was killed goes on where it was, and ends in the same bytes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from am4cm_cli.weights import save_weights
from cloudy import bright_weights
from fuzzing import command
from stacks import every_days, random_dn, write_stack

SHAPE = (150, 130)
WINDOWS = 5 * 5


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A stack, weights, and the mask that an uninterrupted run makes of them."""
    folder = tmp_path_factory.mktemp("site")
    write_stack(folder / "in", days=every_days(6), dn=random_dn((6, 10, *SHAPE)))
    save_weights(folder / "bright.safetensors", bright_weights())
    finish(folder, folder / "whole.tif")
    return folder


def words(site, out, *options, images=None):
    weights = ("--weights", site / "bright.safetensors")
    all_of_it = ("mask", images or site / "in", out, *weights, "--tile", 32, *options)
    return [sys.executable, "-m", "am4cm_cli", *map(str, all_of_it)]


def finish(site, out, *options, **how):
    """Run to the end, in this process; what it said."""
    _, _, _, *rest = words(site, out, *options, **how)
    code, said = command(*rest)
    assert code == 0, said
    return said


def kill(site, out, *options, done, number=signal.SIGKILL, **how):
    """Start, and kill once so many windows are done; what it said."""
    command = words(site, out, *options, **how)
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while process.poll() is None and len(windows(out)) < done:
            time.sleep(0.001)
        process.send_signal(number)
        said = process.stderr.read().decode()
    assert process.returncode in {-number, 128 + number}
    return said


def windows(out):
    """Files of windows that are done, wherever they are."""
    return sorted(out.parent.glob(f"*{out.name}*/window-*.npz"))


@pytest.mark.long
def test_killed_at_any_point_it_ends_in_the_same_bytes(site, tmp_path):
    out = tmp_path / "out.tif"
    for done in (3, 14):
        before = {path: path.stat().st_ino for path in windows(out)}
        kill(site, out, done=done)
        assert not out.exists()
        # What was done stays as it is: none of it is computed again.
        assert {path: path.stat().st_ino for path in before} == before
    said = finish(site, out)
    assert f"of {WINDOWS} windows are done" in said
    assert out.read_bytes() == (site / "whole.tif").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]


def test_killed_while_the_raster_is_put_together(site, tmp_path):
    out = tmp_path / "out.tif"
    kill(site, out, done=WINDOWS)
    # What a killed process was about to write lies about until the next one is through.
    leftover = next(iter(windows(out))).with_name(".window-000000-000000.7-ab.npz")
    leftover.write_bytes(b"half")
    finish(site, out)
    assert out.read_bytes() == (site / "whole.tif").read_bytes()
    assert not (tmp_path / "out.tif.parts").exists()


def test_a_polite_kill_says_how_to_go_on(site, tmp_path):
    out = tmp_path / "out.tif"
    said = kill(site, out, done=5, number=signal.SIGTERM)
    assert "out.tif.parts keeps what is done; the same command goes on from there." in said
    assert "Traceback" not in said
    assert len(windows(out)) >= 5


@pytest.mark.long
def test_without_resume_nothing_is_left_to_go_on_from(site, tmp_path):
    out = tmp_path / "out.tif"
    kill(site, out, "--no-resume", done=5)
    assert not list(tmp_path.rglob("*journal*"))
    said = finish(site, out, "--no-resume")
    assert "windows are done" not in said
    assert out.read_bytes() == (site / "whole.tif").read_bytes()


@pytest.mark.long
def test_a_changed_option_and_a_changed_image_are_named(site, tmp_path):
    write_stack(tmp_path / "in", days=every_days(6), dn=random_dn((6, 10, *SHAPE)))
    out, image = tmp_path / "out.tif", tmp_path / "in" / "S2_L2A_20180111.tif"
    kill(site, out, "--target", "unusable", done=5, images=tmp_path / "in")
    os.utime(image, ns=(1, 1))
    said = finish(site, out, images=tmp_path / "in")
    assert f"Changed: --target, {image}." in said
    assert out.read_bytes() == (site / "whole.tif").read_bytes()


def test_a_file_where_windows_should_go_is_told_of(site, tmp_path):
    out = tmp_path / "out.tif"
    (tmp_path / "out.tif.parts").write_text("mine")
    done = subprocess.run(words(site, out), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert "out.tif.parts: cannot be made (File exists); expected a folder" in said
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif.parts"]
