"""`am4cm download pastis` from an empty folder to a whole one, however often it is cut short."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from am4cm_cli.commands.download import EditionName, download
from am4cm_cli.downloads.editions import EDITIONS, count_patches
from am4cm_cli.downloads.pastis import DownloadConfig, download_pastis
from am4cm_cli.downloads.web import DownloadError, UnreachableError
from am4cm_cli.errors import OutputError
from pastis import write_pastis
from zenodo import HASTE, Answer, Zenodo, zip_folder

app = typer.Typer()
app.add_typer(download, name="download")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A PASTIS folder of two patches, and its zip."""
    place = tmp_path_factory.mktemp("published")
    folder = write_pastis(place / "PASTIS", dates=(1, 2))
    return folder, zip_folder(folder, place / "PASTIS.zip")


@pytest.fixture
def server(published):
    with Zenodo(published[1]) as zenodo:
        yield zenodo


def run(server, folder, *options):
    words = ["download", "pastis", str(folder), "--record", server.record_url, *options]
    return CliRunner().invoke(app, words)


def fetch(server, folder, **options):
    config = DownloadConfig(record=server.record_url, patience=HASTE, **options)
    return download_pastis(folder, config)


def tree(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_fills_a_folder_through_a_server_that_breaks_off_midway(server, published, tmp_path):
    server.answers = [Answer(stop=400_000)]
    result = run(server, tmp_path / "new")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == f"Wrote {tmp_path}/new: 2 patches, 8 files unpacked.\n"
    assert server.ranges == [None, "bytes=400000-"]
    assert tree(tmp_path / "new") == tree(published[0])


def test_a_second_call_does_nothing_and_says_so(server, tmp_path):
    run(server, tmp_path / "new")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "new").rglob("*")}
    server.server_close()
    result = run(server, tmp_path / "new")
    assert result.exit_code == 0
    assert result.stderr == f"{tmp_path}/new: complete already, 2 patches; nothing to do.\n"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "new").rglob("*")} == before


def test_the_zip_is_kept_on_demand(server, published, tmp_path):
    assert run(server, tmp_path / "new", "--keep-zip").exit_code == 0
    assert (tmp_path / "new" / "PASTIS.zip").read_bytes() == published[1]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_killed_process_is_gone_on_with(server, published, tmp_path, number, code):
    server.answers = [Answer(stop=500_000, hang=True)]
    words = ["download", "pastis", str(tmp_path / "new"), "--record", server.record_url]
    with subprocess.Popen([sys.executable, "-m", "am4cm_cli", *words]) as process:
        (part,) = wait_for(lambda: list(tmp_path.glob("new/PASTIS.zip.*.part")))
        wait_for(lambda: part.stat().st_size > 400_000)
        process.send_signal(number)
    assert process.returncode == code
    size = part.stat().st_size
    assert part.read_bytes() == published[1][:size]
    assert run(server, tmp_path / "new").exit_code == 0
    assert server.ranges == [None, f"bytes={size}-"]
    assert tree(tmp_path / "new") == tree(published[0])


def wait_for(condition):
    end = time.monotonic() + 15
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def test_a_folder_cut_short_while_unpacking_is_mended_from_the_zip(server, published, tmp_path):
    folder = tmp_path / "new"
    fetch(server, folder, keep_zip=True)
    (folder / "metadata.geojson").unlink()
    (folder / "DATA_S2" / "S2_10003.npy").unlink()
    summary = fetch(server, folder)
    assert (summary.patches, summary.written, summary.fetched) == (2, 2, True)
    assert len(server.ranges) == 1
    assert tree(folder) == tree(published[0])


def test_parts_of_versions_long_gone_are_tidied_away(server, published, tmp_path):
    server.answers = [Answer(stop=9)] + [Answer(status=500)] * 3
    with pytest.raises(UnreachableError):
        fetch(server, tmp_path / "new")
    server.content += b"\0"  # zips may be followed by anything
    fetch(server, tmp_path / "new")
    assert tree(tmp_path / "new") == tree(published[0])


def test_a_missing_file_says_how_to_do_it_by_hand(server, tmp_path):
    server.answers = [Answer(status=404)]
    result = run(server, tmp_path / "new")
    assert isinstance(result.exception, UnreachableError)
    for fact in ("404", server.remote.url, "https://zenodo.org/records/5012942/files/PASTIS.zip"):
        assert fact in str(result.exception)


def test_a_zip_put_there_by_hand_needs_its_record_alone(server, published, tmp_path):
    (tmp_path / "PASTIS.zip").write_bytes(published[1])
    assert fetch(server, tmp_path).written == 8
    assert server.ranges == []


def test_a_zip_of_something_else_is_kept_and_named(server, published, tmp_path):
    other = tmp_path / "other"
    (other / "DATA_S2").mkdir(parents=True)
    (other / "metadata.geojson").write_bytes((published[0] / "metadata.geojson").read_bytes())
    server.content = zip_folder(other, tmp_path / "other.zip")
    with pytest.raises(DownloadError, match=r"DATA_S2/S2_10000.npy, .* and 1 more were not in it"):
        fetch(server, tmp_path / "new")
    assert (tmp_path / "new" / "PASTIS.zip").exists()


def test_a_disk_that_is_too_small_is_told_before_a_byte_is_fetched(server, tmp_path):
    server.record = {"size": 10**18}
    with pytest.raises(OutputError, match=r"GB are free, 2300000000.0 GB are needed for PASTIS"):
        fetch(server, tmp_path / "new")
    assert server.ranges == []


def test_folders_that_are_not_for_it(server, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"found thesis.tex, expected a new or an empty folder"):
        fetch(server, tmp_path)
    with pytest.raises(OutputError, match="is not a folder"):
        fetch(server, tmp_path / "thesis.tex")
    with pytest.raises(OutputError, match="does not exist; create it first"):
        fetch(server, tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_made_for_nothing_goes_again(server, tmp_path):
    (tmp_path / "empty").mkdir()
    server.server_close()
    for name in ("new", "empty"):
        with pytest.raises(UnreachableError):
            fetch(server, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_two_runs_at_once_are_kept_apart(server, tmp_path):
    number = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    with pytest.raises(OutputError, match="another run is at work there"):
        fetch(server, tmp_path)
    os.close(number)
    assert fetch(server, tmp_path).patches == 2


def test_the_radar_edition_wants_its_radar_images(published, tmp_path):
    folder = write_pastis(tmp_path / "PASTIS-R", dates=(1, 2))
    assert count_patches(folder, EDITIONS["pastis"]) == 2
    for name in ("DATA_S1A", "DATA_S1D"):
        assert count_patches(folder, EDITIONS["pastis-r"]) == 0
        (folder / name).mkdir()
        for number in (10000, 10003):
            (folder / name / f"{name[-3:]}_{number}.npy").touch()
    assert count_patches(folder, EDITIONS["pastis-r"]) == 2
    content = zip_folder(folder, tmp_path / "PASTIS-R.zip", top="PASTIS-R")
    with Zenodo(content, name="PASTIS-R.zip") as server:
        assert run(server, tmp_path / "new", "--edition", "pastis-r").exit_code == 0
    assert tree(tmp_path / "new") == tree(folder)


def test_the_command_offers_every_edition():
    assert {name.value for name in EditionName} == set(EDITIONS)
    assert EDITIONS["pastis"].record == "https://zenodo.org/api/records/5012942"
    assert EDITIONS["pastis-r"].record == "https://zenodo.org/api/records/5735646"
