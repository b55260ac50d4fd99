import errno
import os
from pathlib import Path

import pytest

from am4cm_cli.errors import OutputError
from am4cm_cli.files import appear, check_output, write_text
from am4cm_cli.folders import new_folder


def test_output_that_may_be_written(tmp_path):
    check_output(tmp_path / "new.tif", overwrite=False)
    (tmp_path / "old.tif").touch()
    check_output(tmp_path / "old.tif", overwrite=True)


def test_output_that_exists(tmp_path):
    (tmp_path / "old.tif").touch()
    with pytest.raises(OutputError, match=r"old\.tif: exists already.*--overwrite"):
        check_output(tmp_path / "old.tif", overwrite=False)


def test_output_that_is_a_folder_or_a_device(tmp_path):
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is a folder"):
            check_output(tmp_path, overwrite=overwrite)
        os.mkfifo(tmp_path / f"pipe{overwrite}")
        with pytest.raises(OutputError, match="not a regular file"):
            check_output(tmp_path / f"pipe{overwrite}", overwrite=overwrite)


def test_output_without_a_folder(tmp_path):
    with pytest.raises(OutputError, match=r"none/out\.tif: its folder .*none does not exist"):
        check_output(tmp_path / "none" / "out.tif", overwrite=False)


@pytest.mark.parametrize("name", [".", "..", "/", "sub/.."])
def test_output_without_a_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_output(Path(name), overwrite=True)
    with (
        pytest.raises(OutputError, match="is a folder"),
        new_folder(Path(name), members=["*"], overwrite=True),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["sub"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_output_where_nothing_can_be_made():
    with pytest.raises(OutputError, match="/proc/xx: nothing can be written"):
        check_output(Path("/proc/xx"), overwrite=False)
    with (
        pytest.raises(OutputError, match="/proc/xx: nothing can be written"),
        new_folder(Path("/proc/xx"), members=[], overwrite=False),
    ):
        pass


def test_a_name_too_long(tmp_path):
    with pytest.raises(OutputError, match="File name too long"):
        check_output(tmp_path / ("a" * 300), overwrite=False)
    with new_folder(tmp_path / ("a" * 255), members=[], overwrite=False):
        pass
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]


def test_a_probed_folder_is_left_as_it_was(tmp_path):
    check_output(tmp_path / "out.tif", overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def unprivileged():
    """Root may write everywhere, so be nobody to those who ask for the real user meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.setreuid(65534, -1)
    yield
    os.setreuid(0, -1)


@pytest.mark.usefixtures("unprivileged")
def test_output_in_a_folder_that_is_not_writable(tmp_path, monkeypatch):
    # Named relative to itself: nobody may not pass the folders above.
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)
    check_output(Path("out.tif"), overwrite=False)
    tmp_path.chmod(0o555)
    with pytest.raises(OutputError, match=r"out\.tif: its folder \. is not writable"):
        check_output(Path("out.tif"), overwrite=False)


def test_file_appears_at_the_end(tmp_path):
    path = tmp_path / "out.json"
    with appear(path) as part:
        part.write_text("{}")
        assert part.parent == tmp_path
        assert part.name.startswith(".")
        assert part.suffix == ".json"
        assert not path.exists()
    assert path.read_text() == "{}"
    assert list(tmp_path.iterdir()) == [path]


def break_off(part, error):
    part.write_text("half")
    raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_broken_off_file_leaves_the_former(tmp_path, error):
    path = tmp_path / "out.txt"
    write_text(path, "former")
    with pytest.raises(error), appear(path) as part:
        break_off(part, error)
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_the_users_to_mend(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(OutputError, match=r"out\.txt: not written, No space"),
        appear(tmp_path / "out.txt"),
    ):
        raise full


def test_full_disk_leaves_no_folder(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(OutputError, match=r"out: not written .No space left on device"),
        new_folder(tmp_path / "out", members=[], overwrite=False) as folder,
    ):
        break_off(folder / "half", full)
    assert list(tmp_path.iterdir()) == []
