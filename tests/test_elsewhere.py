"""Systems that lack what Linux has: each has a way round, and the bytes are the same."""

import errno
import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from am4cm_cli import locks, memory
from am4cm_cli.downloads.owned import own_folder
from am4cm_cli.errors import OutputError
from am4cm_cli.signals import withheld_interrupts
from am4cm_cli.stacks import locations
from pastis import write_pastis

BARE = """
import mmap, os, signal, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for module, names in (
    (os, ("fork", "forkpty", "getuid", "geteuid", "link", "sched_getaffinity", "sysconf", "sync",
          "posix_fadvise", "posix_fallocate", "chown", "getpgid", "killpg")),
    (signal, ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM", "alarm", "pthread_sigmask", "sigwait")),
    (mmap, ("MADV_WILLNEED",)),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
from am4cm_cli.entry import main
sys.argv = ["am4cm", *sys.argv[1:]]
main()
"""
"""Runs am4cm without the modules and functions of the standard library that Windows lacks."""


def am4cm(*words, bare):
    code = [sys.executable, "-c", BARE] if bare else [sys.executable, "-m", "am4cm_cli"]
    done = subprocess.run([*code, *map(str, words)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.long
def test_commands_write_the_same_without_what_windows_lacks(tmp_path):
    write_pastis(tmp_path / "pastis")
    for bare in (False, True):
        folder = tmp_path / f"bare-{bare}"
        folder.mkdir()
        am4cm("simulate", folder / "stack", "--dates", 6, "--size", 64, bare=bare)
        am4cm("mask", tmp_path / "bare-False" / "stack", folder / "mask.tif", bare=bare)
        am4cm("prepare", tmp_path / "pastis", folder / "prepared", bare=bare)
    assert contents(tmp_path / "bare-True") == contents(tmp_path / "bare-False")


@pytest.fixture(params=["flock", "file"])
def kind(request, monkeypatch):
    if request.param == "file":
        monkeypatch.setattr(locks, "fcntl", None)


@pytest.mark.parametrize("is_folder", [True, False])
def test_one_holds_a_place_at_a_time(tmp_path, kind, is_folder):
    place = tmp_path / "place"
    place.mkdir() if is_folder else place.touch()
    for _ in range(2):  # it is free again at the end
        with locks.held(place), pytest.raises(BlockingIOError), locks.held(place):
            pass
    assert sorted(tmp_path.iterdir()) == [place]


def test_a_lock_ends_with_a_block_that_fails(tmp_path, kind):
    with pytest.raises(ZeroDivisionError), locks.held(tmp_path):
        raise ZeroDivisionError
    with locks.held(tmp_path):
        pass


@pytest.fixture
def nfs(monkeypatch):
    """Locks as on NFS, where flock(2) needs a file that is open for writing."""
    fcntl = pytest.importorskip("fcntl", reason="no fcntl here")

    class Nfs:
        LOCK_EX, LOCK_NB = fcntl.LOCK_EX, fcntl.LOCK_NB

        @staticmethod
        def flock(number, how):
            if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            fcntl.flock(number, how)

    monkeypatch.setattr(locks, "fcntl", Nfs)


def test_files_are_locked_on_nfs(tmp_path, nfs):
    place = tmp_path / "place"
    place.write_bytes(b"as it was")
    with locks.held(place), pytest.raises(BlockingIOError), locks.held(place):
        pass
    assert place.read_bytes() == b"as it was"


def test_a_place_that_cannot_be_locked_is_named(tmp_path, nfs):
    folder = tmp_path / "pastis"
    with (
        pytest.raises(OutputError, match=r"pastis: cannot be locked \(Bad file descriptor\)"),
        own_folder(folder, archive="a.zip"),
    ):
        pass
    assert not folder.exists()


def test_a_place_that_is_gone_cannot_be_locked(tmp_path, kind):
    place = tmp_path / "gone" / "place"
    with pytest.raises(OutputError, match="cannot be locked"), locks.held(place):
        pass


def test_interrupts_are_let_through_where_they_cannot_be_withheld(monkeypatch):
    monkeypatch.delattr("signal.pthread_sigmask")
    with withheld_interrupts():
        pass


def test_memory_that_nobody_tells_of_is_taken_to_be_little(tmp_path, monkeypatch):
    assert memory._free_of_machine(tmp_path / "meminfo") >= 2**28  # half of all, as on macOS
    monkeypatch.delattr(os, "sysconf")
    assert memory._free_of_machine(tmp_path / "meminfo") == memory.UNKNOWN


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("/vsicurl/https:", "host", "a.tif"), "/vsicurl/https://host/a.tif"),
        (("/vsizip/{C:/site/a.zip}", "b", "c.tif"), "/vsizip/{C:/site/a.zip}/b/c.tif"),
        (("C:/site", "a.tif"), r"C:\site\a.tif"),
        ((r"\\server\share", "vsi", "a.tif"), r"\\server\share\vsi\a.tif"),
    ],
)
def test_names_of_windows_are_those_that_gdal_opens(parts, name):
    path = PureWindowsPath(*parts)
    assert locations.gdal_name(path) == name
    assert locations.is_virtual(path) == name.startswith("/vsi")


def test_a_member_of_a_zip_on_a_drive():
    path = PureWindowsPath("/vsizip/{C:/site/a.zip}") / "b" / "c.tif"
    assert locations.zip_and_member(path) == (Path("C:/site/a.zip"), "b/c.tif")
    assert locations.stem(path) == "c"


def test_a_file_url_with_a_drive(monkeypatch):
    assert locations.of_file_url("file:///data/a.tif") == Path("/data/a.tif")
    assert locations.of_file_url("images/a.tif") == Path("images/a.tif")
    assert locations.of_file_url("file:///C:/a.tif") == Path("/C:/a.tif")
    monkeypatch.setattr(locations, "WINDOWS", True)
    assert locations.of_file_url("file:///C:/a.tif") == Path("C:/a.tif")
    assert locations.of_file_url("file:///data/a.tif") == Path("/data/a.tif")
