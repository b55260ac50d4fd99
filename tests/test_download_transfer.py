"""A file fetched from a server that breaks off, ignores ranges, errs and lies."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.downloads.transfer import fetch_file, part_path
from am4cm_cli.downloads.web import DownloadError, Patience, UnreachableError
from zenodo import HASTE, Answer, Zenodo, md5

CONTENT = np.random.default_rng(3).bytes(300_000)


@pytest.fixture
def server():
    with Zenodo(CONTENT) as zenodo:
        yield zenodo


@pytest.fixture
def path(tmp_path):
    return tmp_path / "PASTIS.zip"


def fetch(server, path, **options):
    fetch_file(server.remote, path, patience=HASTE, **options)


def told_by(lists):
    """A meter that keeps what it is told, by what is done."""

    @contextmanager
    def meter(what, total):
        yield lists.setdefault((what, total), []).append

    return meter


def test_goes_on_at_the_byte_where_the_server_broke_off(server, path):
    server.answers = [Answer(stop=100_000), Answer(stop=50_000)]
    told = {}
    fetch(server, path, meter=told_by(told))
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert [entry.name for entry in path.parent.iterdir()] == ["PASTIS.zip"]
    done = told["Downloading PASTIS.zip", 300_000]
    assert done == sorted(done)
    assert done[-1] == 300_000


def test_a_silent_server_is_asked_again(server, path):
    server.answers = [Answer(stop=70_000, hang=True)]
    patience = Patience(tries=2, pause=0.001, timeout=0.3)
    fetch_file(server.remote, path, patience=patience)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=70000-"]


def test_a_server_without_ranges_is_heard_out(server, path):
    server.answers = [Answer(stop=100_000), Answer(knows_ranges=False)]
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_server_without_ranges_that_breaks_off_early_takes_nothing_away(server, path):
    server.answers = [Answer(stop=100_000)]
    server.answers += [Answer(stop=20_000, knows_ranges=False) for _ in range(3)]
    with pytest.raises(UnreachableError, match=r"broke off after 100000 of 300000 bytes, 3 times"):
        fetch(server, path)
    assert part_path(path, server.remote).read_bytes() == CONTENT[:100_000]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=100000-"


@given(
    st.lists(
        st.builds(
            Answer,
            stop=st.integers(min_value=1, max_value=len(CONTENT)),
            knows_ranges=st.booleans(),
            tells_length=st.booleans(),
        ),
        max_size=2,
    )
)
def test_however_it_breaks_off_the_file_is_the_same(answers):
    with Zenodo(CONTENT) as server, TemporaryDirectory() as folder:
        server.answers = answers
        path = Path(folder) / "PASTIS.zip"
        fetch(server, path)
        assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "headers"), [(500, {}), (503, {"Retry-After": "0"}), (429, {}), (408, {})]
)
def test_passing_refusals_are_waited_out(server, path, status, headers):
    server.answers = [Answer(status=status, headers=headers) for _ in range(2)]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert len(server.ranges) == 3


def test_a_failing_server_is_given_up_and_nothing_is_lost(server, path):
    server.answers = [Answer(stop=100_000)] + [Answer(status=500) for _ in range(3)]
    with pytest.raises(UnreachableError, match=r"answers 500 .*, 3 times in a row"):
        fetch(server, path)
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=100000-"


@pytest.mark.parametrize("status", [401, 404, 410, 416])
def test_a_lasting_refusal_is_not_asked_again(server, path, status):
    server.answers = [Answer(status=status)]
    with pytest.raises(UnreachableError, match=f"answers {status} .*; expected a file"):
        fetch(server, path)
    assert len(server.ranges) == 1


def test_no_server_at_all(server, path):
    server.server_close()
    with pytest.raises(UnreachableError, match=r"no connection .*, 3 times in a row"):
        fetch(server, path)


def test_a_wrong_checksum_names_both_and_the_next_call_starts_afresh(server, path):
    server.answers = [Answer(content=bytes(300_000))]
    with pytest.raises(DownloadError) as caught:
        fetch(server, path)
    for fact in (server.remote.url, md5(CONTENT), md5(bytes(300_000)), "starts afresh"):
        assert fact in str(caught.value)
    assert list(path.parent.iterdir()) == []
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_file_changed_midway_is_noticed_by_its_size(server, path):
    server.answers = [Answer(stop=100_000), Answer(content=CONTENT[:200_000])]
    with pytest.raises(DownloadError, match="the server has 200000 bytes, its record says 300000"):
        fetch(server, path)
    assert part_path(path, server.remote).stat().st_size == 100_000


def test_a_file_changed_midway_is_noticed_by_its_checksum(server, path):
    other = np.random.default_rng(4).bytes(300_000)
    server.answers = [Answer(stop=100_000), Answer(content=other)]
    with pytest.raises(
        DownloadError, match=f"found MD5 {md5(CONTENT[:100_000] + other[100_000:])}"
    ):
        fetch(server, path)


def test_a_new_version_never_goes_on_from_the_old_one(server, path):
    server.answers = [Answer(stop=100_000)] + [Answer(status=500) for _ in range(3)]
    with pytest.raises(UnreachableError):
        fetch(server, path)
    server.content = np.random.default_rng(5).bytes(200_000)
    fetch(server, path)
    assert path.read_bytes() == server.content
    assert server.ranges[-1] is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(content=CONTENT + b"x"), "has 300001 bytes"),
        (Answer(content=CONTENT + b"x", tells_length=False), "has more bytes"),
        (Answer(headers={"Content-Encoding": "gzip"}), "found gzip coding"),
        (Answer(status=302, headers={"Location": "http://example.org/a"}), "begins with https"),
        (Answer(status=302, headers={"Location": "file:///etc/hosts"}), "answers 302|https"),
    ],
)
def test_answers_that_are_not_the_file(server, path, answer, message):
    server.answers = [answer]
    with pytest.raises(DownloadError, match=message):
        fetch(server, path)
    assert not path.exists()


@pytest.mark.parametrize("place", ["bytes 7-299999/300000", "bytes 100000-299999", "nonsense"])
def test_a_part_from_another_place_is_not_taken(server, path, place):
    server.answers = [Answer(stop=100_000), Answer(headers={"Content-Range": place})]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=100000-"]


def test_a_redirect_is_followed_with_its_range(server, path):
    there = {"Location": server.remote.url}
    server.answers = [Answer(stop=100_000), Answer(status=302, headers=there)]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=100000-"


def test_a_file_that_is_there_is_checked_and_not_fetched(server, path):
    path.write_bytes(CONTENT)
    fetch(server, path)
    assert server.ranges == []


def test_a_file_that_is_there_but_wrong_is_left_alone(server, path):
    path.write_bytes(CONTENT[:1000])
    with pytest.raises(DownloadError, match=r"found 1000 bytes.*rename it to (\S+)") as caught:
        fetch(server, path)
    path.rename(path.with_name(str(caught.value).split("rename it to ")[1].split()[0]))
    fetch(server, path)
    assert server.ranges == ["bytes=1000-"]
    path.write_bytes(bytes(300_000))
    with pytest.raises(DownloadError, match=f"found MD5 {md5(bytes(300_000))}"):
        fetch(server, path)
    assert path.read_bytes() == bytes(300_000)
