from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.dates import Moment, find_moment, read_dates, read_tag, refine

times = st.datetimes(datetime(1985, 1, 1), datetime(2099, 12, 31)).map(
    lambda time: time.replace(microsecond=0)
)


@pytest.mark.parametrize(
    ("name", "time", "has_clock"),
    [
        ("S2_L2A_20180804", "2018-08-04", False),
        ("s2_ROIs2017_146_ImgNo_0_2018-01-06_patch_0", "2018-01-06", False),
        ("scene_2018_01_06", "2018-01-06", False),
        ("T31UFQ_20180804T105022", "2018-08-04T10:50:22", True),
        (
            "S2A_MSIL2A_20180804T105031_N0208_R051_T31UFQ_20180805T120000",
            "2018-08-04T10:50:31",
            True,
        ),
        ("SENTINEL2A_20180408-104539-942_L2A_T31UFQ_C_V2-2", "2018-04-08T10:45:39", True),
        ("20180804105022", "2018-08-04T10:50:22", True),
        ("2018-08-04T10:50:22Z", "2018-08-04T10:50:22", True),
        ("20181332_20180804", "2018-08-04", False),
        ("20180230-20180804", "2018-08-04", False),
        ("a_20180804_20180901", "2018-08-04", False),
        ("a_20180804_996100", "2018-08-04", False),
    ],
)
def test_date_in_a_name(name, time, has_clock):
    assert find_moment(name) == Moment(time=datetime.fromisoformat(time), has_clock=has_clock)


@pytest.mark.parametrize(
    "name", ["", "image", "20181332", "120180804", "201808041", "2018-0804", "18000101", "v2018"]
)
def test_no_date_in_a_name(name):
    assert find_moment(name) is None


@given(
    time=times, form=st.sampled_from(["%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d-%H%M%S-123"])
)
def test_what_is_written_is_found(time, form):
    found = find_moment(f"S2A_T31UFQ_{time.strftime(form)}_L2A")
    assert found == Moment(time=time, has_clock=True)


@given(time=times, separator=st.sampled_from(["", "-", "_", "."]))
def test_a_day_is_found(time, separator):
    found = find_moment(f"x_{time.strftime(separator.join(['%Y', '%m', '%d']))}_y")
    assert found is not None
    assert found.time.date() == time.date()
    assert not found.has_clock


@given(st.text())
def test_any_name_can_be_read(text):
    found = find_moment(text)
    assert found is None or str(found.time.year) in text


def test_tag_gives_the_time_of_day_where_it_agrees():
    day = Moment(time=datetime(2017, 8, 4), has_clock=False)
    tag = read_tag("2017:08:04 10:53:28")
    assert refine(day, tag) == tag
    assert refine(day, read_tag("2020:01:01 00:00:01")) == day
    assert refine(day, None) == day
    clock = Moment(time=datetime(2017, 8, 4, 9, 9, 9), has_clock=True)
    assert refine(clock, tag) == clock


@pytest.mark.parametrize("text", [None, "", "yesterday", "2017:13:04 10:53:28"])
def test_tag_that_tells_nothing(text):
    assert read_tag(text) is None


@pytest.mark.parametrize("header", ["", "file,date\n"])
def test_table_of_dates(tmp_path, header):
    table = tmp_path / "dates.csv"
    table.write_text(f"{header}a.tif,2018-08-04\n\n b/c.tif , 2018-08-05T10:00:00\n")
    assert read_dates(table) == [
        ("a.tif", Moment(time=datetime(2018, 8, 4), has_clock=False)),
        ("b/c.tif", Moment(time=datetime(2018, 8, 5, 10), has_clock=True)),
    ]


@pytest.mark.parametrize("name", ["S2_20180501.tif", "monday.TIF", "S2_20180501", " first "])
def test_first_row_of_an_image_is_no_header(tmp_path, name):
    table = tmp_path / "dates.csv"
    table.write_text(f"{name},2018-13-45\na.tif,2018-08-04\n")
    with pytest.raises(StackError, match=r"dates\.csv: row 1 is .*2018-13-45"):
        read_dates(table, known={"first"})


@pytest.mark.parametrize("row", ["a.tif", "a.tif,soon", "a.tif,2018-08-04,x"])
def test_table_with_a_bad_row(tmp_path, row):
    table = tmp_path / "dates.csv"
    table.write_text(f"file,date\n{row}\n")
    with pytest.raises(StackError, match=r"dates\.csv: row 2 is .* expected two columns"):
        read_dates(table)


def test_table_that_is_missing_or_no_text(tmp_path):
    with pytest.raises(StackError, match=r"none\.csv: cannot be read"):
        read_dates(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(StackError, match=r"binary\.csv: cannot be read"):
        read_dates(tmp_path / "binary.csv")
