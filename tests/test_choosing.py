"""Scenes by day and by the cloud that metadata tell of."""

from datetime import date, datetime

import pytest

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.choosing import choose_scenes
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.drafts import draft_scenes
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.products import Product
from stacks import every_days, write_stack

DAYS = every_days(5, step=10)


@pytest.fixture
def dated(tmp_path):
    """Makes scenes of a cloud share each, None for not told."""
    from dataclasses import replace

    write_stack(tmp_path, days=DAYS, bands=["B02"])
    drafts, _ = draft_scenes(sorted(tmp_path.glob("*.tif")), band_names=None)

    def make(*shares):
        return [
            (
                replace(draft, product=Product(source="MTD.xml", cloud_share=share)),
                Moment(time=datetime.fromisoformat(day), has_clock=False),
            )
            for draft, day, share in zip(drafts, DAYS, shares, strict=True)
        ]

    return make


def days(scenes):
    return [moment.time.date().isoformat() for _, moment in scenes]


def test_first_and_last_day_are_taken(dated):
    options = StackOptions(
        first_day=date.fromisoformat(DAYS[1]), last_day=date.fromisoformat(DAYS[3])
    )
    chosen, notes = choose_scenes(dated(*[None] * 5), options)
    assert days(chosen) == DAYS[1:4]
    assert notes == ["2 of 5 scenes lie outside the days asked for."]


def test_no_day_is_left(dated):
    with pytest.raises(StackError, match="no image from 2019-01-01; found 5, from 2018-01-01 to"):
        choose_scenes(dated(*[None] * 5), StackOptions(first_day=date(2019, 1, 1)))


def test_days_the_wrong_way_round():
    with pytest.raises(StackError, match="ends before it begins"):
        StackOptions(first_day=date(2019, 1, 1), last_day=date(2018, 1, 1))


def test_cloudy_scenes_are_left_out_and_silent_ones_taken(dated):
    chosen, notes = choose_scenes(dated(0.1, 0.5, None, 0.51, 1.0), StackOptions(max_cloud=0.5))
    assert days(chosen) == DAYS[:3]
    assert notes[0] == "2 of 5 scenes are cloudier than 50% by their metadata."
    assert notes[1].startswith("1 of 5 scenes have no metadata on cloud")


def test_cloud_that_nothing_tells_of(dated):
    with pytest.raises(StackError, match="no metadata tell how cloudy"):
        choose_scenes(dated(*[None] * 5), StackOptions(max_cloud=0.5))


def test_all_too_cloudy(dated):
    with pytest.raises(StackError, match="the clearest has 60%"):
        choose_scenes(dated(0.6, 0.7, None, 0.9, 1.0)[:2], StackOptions(max_cloud=0.5))


@pytest.mark.parametrize("share", [-0.1, 60, float("nan")])
def test_a_share_beyond_its_range(share):
    with pytest.raises(StackError, match="expected a share from 0 to 1"):
        StackOptions(max_cloud=share)
