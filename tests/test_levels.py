"""Dates with a wrong offset: made by hand on ground that is known, beside clouds that are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from am4cm_cli.levels import find_levels, level_notes
from am4cm_cli.witnesses import LEAST_SHARE, hear_pairs

DATES, BANDS, PIXELS = 13, 6, 90
SPECTRUM = np.array([0.03, 0.06, 0.05, 0.32, 0.2, 0.1])
CLOUD = np.array([0.52, 0.5, 0.5, 0.54, 0.4, 0.3])
NAMES = [f"date-{index}" for index in range(DATES)]
DAYS = np.arange(DATES) * 9 + 17_000


def series(*, seed=0, dates=DATES):
    """(T, B, P) of fields that differ, with a little noise; (T, P) valid."""
    rng = np.random.default_rng(seed)
    ground = SPECTRUM[:, None] * rng.uniform(0.5, 1.6, (1, PIXELS))
    reflectance = ground + rng.normal(0, 0.006, (dates, BANDS, PIXELS))
    return reflectance.astype(np.float32), np.ones((dates, PIXELS), bool)


def find(reflectance, valid=None, days=DAYS):
    seen = np.ones((len(reflectance), PIXELS), bool) if valid is None else valid
    return find_levels(reflectance, seen, days)


def clouded(date, cover):
    return (1 - cover) * date + cover * CLOUD[:, None].astype(np.float32)


def shifts(found):
    return {one.index: round(one.shift, 3) for one in found.odd}


def test_nothing_is_named_where_nothing_is_wrong():
    found = find(*series())
    assert (found.odd, found.steps) == ((), ())
    assert found.judged.all()
    assert level_notes(found, NAMES) == []


@pytest.mark.parametrize("index", [0, 1, 6, DATES - 1])
@pytest.mark.parametrize("shift", [0.1, -0.1])
def test_one_date_off_is_named_wherever_it_is(index, shift):
    reflectance, valid = series()
    reflectance[index] += shift
    found = find(reflectance, valid)
    assert shifts(found) == {index: shift}
    # Every other date is at most 75 days away from it, or it is not asked.
    near = (np.abs(DAYS - DAYS[index]) <= 75).sum() - 1
    assert found.odd[0].witnesses == near
    assert found.steps == ()


def test_numbers_without_a_sign_end_at_0():
    reflectance, valid = series()
    reflectance[4] = np.maximum(reflectance[4] - 0.1, 0)
    assert shifts(find(reflectance, valid)) == {4: -0.1}


def test_several_dates_off_are_named_as_long_as_most_are_right():
    reflectance, valid = series()
    reflectance[[2, 5, 9]] += 0.1
    reflectance[7] -= 0.1
    assert shifts(find(reflectance, valid)) == {2: 0.1, 5: 0.1, 7: -0.1, 9: 0.1}


@pytest.mark.parametrize("cover", [0.1, 0.15, 0.2, 0.25, 0.3, 0.6, 1.0])
def test_cloud_and_haze_are_not_named(cover):
    reflectance, valid = series()
    reflectance[3] = clouded(reflectance[3], cover)
    reflectance[8, :, : PIXELS // 2] = clouded(reflectance[8, :, : PIXELS // 2], cover)
    assert find(reflectance, valid).odd == ()


@pytest.mark.parametrize("light", [0.3, 0.5, 0.7, 1.2])
def test_shadow_and_low_sun_are_not_named(light):
    reflectance, valid = series()
    reflectance[6] *= light
    assert find(reflectance, valid).odd == ()


def test_a_date_under_thick_cloud_is_not_judged_even_when_off():
    reflectance, valid = series()
    reflectance[3] = clouded(reflectance[3], 0.9) + np.float32(0.1)
    found = find(reflectance, valid)
    assert found.odd == ()
    assert np.flatnonzero(~found.judged).tolist() == [3]


def test_a_date_off_is_named_between_cloudy_ones():
    reflectance, valid = series()
    for index in (1, 3, 5, 7, 8, 10):
        reflectance[index] = clouded(reflectance[index], 0.7)
    reflectance[6] += 0.1
    assert shifts(find(reflectance, valid)) == {6: 0.1}


@pytest.mark.parametrize("first", [3, 6, 10])
@pytest.mark.parametrize("shift", [0.1, -0.1])
def test_a_step_is_named_by_its_first_date(first, shift):
    reflectance, valid = series()
    reflectance[first:] += shift
    found = find(reflectance, valid)
    assert found.odd == ()
    assert [(step.index, round(step.shift, 3)) for step in found.steps] == [(first, shift)]


def test_a_date_off_beside_a_step():
    reflectance, valid = series()
    reflectance[7:] += 0.1
    reflectance[3] += 0.1
    found = find(reflectance, valid)
    assert [step.index for step in found.steps] == [7]
    assert shifts(found) == {3: 0.1}


def test_doubles_of_a_cloudy_date_are_no_witnesses_of_each_other():
    reflectance, valid = series()
    reflectance[4] = reflectance[5] = clouded(reflectance[4], 0.8)
    days = DAYS.copy()
    days[5] = days[4]
    assert np.flatnonzero(~find(reflectance, valid, days).judged).tolist() == [4, 5]


def test_what_is_not_seen_has_no_say():
    reflectance, valid = series()
    reflectance[6] += 0.1
    valid[:, ::3] = False
    valid[2] = False
    reflectance = np.where(valid[:, None], reflectance, 0)
    found = find(reflectance, valid)
    assert shifts(found) == {6: 0.1}
    assert not found.judged[2]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50), st.floats(0, 0.5), st.integers(0, DATES - 1))
def test_neither_the_level_of_all_nor_the_order_of_pixels_matters(seed, level, index):
    reflectance, valid = series(seed=seed)
    reflectance[index] += 0.1
    order = np.random.default_rng(seed).permutation(PIXELS)
    moved = (reflectance + np.float32(level))[..., order]
    assert shifts(find(moved, valid)) == shifts(find(reflectance, valid)) == {index: 0.1}


def test_the_share_of_a_pair_counted_one_by_one():
    rng = np.random.default_rng(1)
    reflectance, valid = series(dates=2)
    reflectance[1] += 0.1
    moved = rng.random(PIXELS) < 0.3
    reflectance[1, :, moved] += 0.2
    changes = reflectance[1] - reflectance[0] - 0.1
    close = 0
    for pixel in range(PIXELS):
        mean = sum(changes[:, pixel]) / BANDS
        spread = (sum((one - mean) ** 2 for one in changes[:, pixel]) / BANDS) ** 0.5
        close += abs(mean) < 0.03 and spread < 0.03
    heard = hear_pairs(reflectance, valid, DAYS[:2])
    assert close / PIXELS >= LEAST_SHARE
    assert heard.share[1, 0] == heard.share[0, 1] == pytest.approx(close / PIXELS)
    assert (heard.rise[1, 0], heard.rise[0, 1]) == (1, -1)


def test_dates_too_far_apart_are_not_asked():
    reflectance, valid = series(dates=2)
    heard = hear_pairs(reflectance, valid, np.array([0, 76]))
    assert not heard.asked.any()


def test_notes_say_which_dates_and_what_to_do():
    reflectance, valid = series()
    reflectance[[2, 5]] += 0.1
    reflectance[9] -= 0.1
    low, high = level_notes(find(reflectance, valid), NAMES)
    assert low.startswith("date-9: reflectance lies 0.1 below that of the dates around")
    assert "applied wrongly there, or missing around" in low
    assert high.startswith("date-2, date-5: reflectance lies 0.1 above that of the dates around")
    assert "missing there, or applied wrongly around" in high
    assert all("gdal_edit.py" in note and "--offset" in note for note in (low, high))


@pytest.mark.parametrize(("shift", "missing"), [(0.1, "after"), (-0.1, "before")])
def test_a_note_of_a_step(shift, missing):
    reflectance, valid = series()
    reflectance[6:] += shift
    (note,) = level_notes(find(reflectance, valid), NAMES)
    side = "above" if shift > 0 else "below"
    assert note.startswith(f"From date-6 on, reflectance lies 0.1 {side} that of the dates before")
    assert f"missing {missing} that date" in note
