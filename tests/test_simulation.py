from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from am4cm_cli.simulation import COVERS, SimulationConfig, simulate, simulate_scenes
from am4cm_cli.simulation.acquisitions import acquisition_times
from am4cm_cli.simulation.fractals import fractal
from am4cm_cli.simulation.shares import deal
from am4cm_cli.simulation.sky import SKIES, skies_of

CLEAR, THICK, THIN, SHADOW = range(4)
BLUE, RED, NIR = 0, 2, 6


@pytest.fixture(scope="module")
def year():
    """Reflectance (T, B, Y, X), truth (T, Y, X) and skies of a small stack."""
    scenes = list(simulate_scenes(SimulationConfig(size=64, dates=30, seed=4, cloudiness=0.6)))
    return (
        np.stack([scene.reflectance for scene in scenes]),
        np.stack([scene.truth for scene in scenes]),
        [scene.sky for scene in scenes],
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), dates=st.integers(1, 146))
def test_passes_are_of_two_orbits_within_a_year(seed, dates):
    start = date(2019, 9, 1)
    times = acquisition_times(SimulationConfig(seed=seed, dates=dates, start=start))
    days = np.array([(time.date() - start).days for time in times])
    assert len(times) == dates
    assert (np.diff(days) > 0).all()
    assert days.min() >= 0
    assert days.max() < 365
    assert set(days % 5) <= {0, 3}
    assert {time.hour for time in times} <= {10, 11}


@pytest.mark.parametrize("seed", range(4))
def test_dates_are_no_even_ladder(seed):
    times = acquisition_times(SimulationConfig(seed=seed))
    gaps = np.diff([time.toordinal() for time in times])
    assert len(set(gaps.tolist())) >= 4
    assert gaps.max() >= 15


@settings(max_examples=50, deadline=None)
@given(
    shares=st.lists(st.integers(1, 50), min_size=1, max_size=9),
    count=st.integers(0, 80),
    seed=st.integers(0, 99),
)
def test_dealt_kinds_keep_their_shares_to_one(shares, count, seed):
    dealt = np.bincount(deal(np.random.default_rng(seed), shares, count), minlength=len(shares))
    assert dealt.sum() == count
    assert (np.abs(dealt - count * np.array(shares) / sum(shares)) < 1 + 1e-9).all()


@pytest.mark.parametrize(("cloudiness", "cloudy"), [(0, 0), (0.5, 20), (0.3, 12), (1, 40)])
def test_cloudiness_is_the_share_of_cloudy_dates(cloudiness, cloudy):
    config = SimulationConfig(cloudiness=cloudiness)
    skies = skies_of(config, acquisition_times(config))
    assert sum(sky != "clear" for sky in skies) == cloudy


def test_a_year_has_skies_of_every_kind():
    config = SimulationConfig(dates=50)
    assert set(skies_of(config, acquisition_times(config))) == {"clear", *SKIES}


def test_fractals_repeat_beyond_their_edges():
    field = fractal(np.random.default_rng(1), (60, 90), slope=3.5)
    inside = np.abs(np.diff(field, axis=0)).mean()
    across_the_edge = np.abs(field[0] - field[-1]).mean()
    assert field.shape == (60, 90)
    assert across_the_edge < 2 * inside
    assert field.std() == pytest.approx(1, abs=1e-4)


def test_stretched_fractals_vary_least_along_their_length():
    field = fractal(np.random.default_rng(1), (96, 128), slope=3, stretch=5, angle=0)
    down, across = (np.abs(np.diff(field, axis=axis)).mean() for axis in (0, 1))
    assert down > 2 * across


def test_the_seed_decides():
    config = SimulationConfig(size=24, dates=3, seed=7)
    first, again = (next(simulate_scenes(config)).reflectance for _ in range(2))
    other = next(simulate_scenes(SimulationConfig(size=24, dates=3, seed=8))).reflectance
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_crops_do_not_depend_on_the_weather_of_the_sky():
    calm, cloudy = (
        simulate(SimulationConfig(size=40, dates=5, cloudiness=share)) for share in (0, 1)
    )
    np.testing.assert_array_equal(calm[0].labels, cloudy[0].labels)
    assert all((scene.truth == CLEAR).all() for scene in calm[1])
    assert any((scene.truth != CLEAR).any() for scene in cloudy[1])


def test_scenes_have_the_promised_form():
    scene = next(simulate_scenes(SimulationConfig(size=33, dates=2)))
    assert scene.reflectance.shape == (10, 33, 33)
    assert scene.reflectance.dtype == np.float32
    assert scene.truth.shape == (33, 33)
    assert scene.truth.dtype == np.uint8
    assert scene.time.tzinfo is None


def test_thick_cloud_is_brighter_in_the_blue_than_the_clear_ground(year):
    reflectance, truth, _ = year
    clear = np.nanmedian(np.where(truth == CLEAR, reflectance[:, BLUE], np.nan), axis=0)
    thick = truth == THICK
    assert 0.1 < thick.mean() < 0.6
    brighter = reflectance[:, BLUE] > clear + 0.1
    assert brighter[thick].mean() > 0.99


def test_shadows_darken_the_near_infrared(year):
    reflectance, truth, _ = year
    clear = np.nanmedian(np.where(truth == CLEAR, reflectance[:, NIR], np.nan), axis=0)
    shadow = (truth == SHADOW) & (clear > 0.12)
    assert shadow.sum() > 1000
    assert np.median((reflectance[:, NIR] / clear)[shadow]) < 0.6


def test_haze_lifts_the_blue_more_than_the_infrared(year):
    reflectance, truth, skies = year
    hazy = np.array([sky == "haze" for sky in skies])
    usual = np.nanmedian(
        np.where((truth == CLEAR)[:, None], reflectance, np.nan), axis=0
    )  # (B, Y, X)
    lift = np.median(reflectance[hazy] - usual, axis=(0, 2, 3))
    assert hazy.any()
    assert lift[BLUE] > 0.02
    assert lift[BLUE] > lift[RED] > lift[9]


def test_overcast_dates_show_nothing_of_the_fields(year):
    reflectance, truth, skies = year
    overcast = [i for i, sky in enumerate(skies) if sky == "overcast" and (truth[i] == THICK).all()]
    clear = reflectance[[sky == "clear" for sky in skies], RED].mean(axis=0)
    likeness = [np.corrcoef(reflectance[i, RED].ravel(), clear.ravel())[0, 1] for i in overcast]
    assert len(likeness) >= 2
    assert np.median(np.abs(likeness)) < 0.25


def test_all_covers_are_present_at_the_default_size():
    labels = simulate(SimulationConfig(dates=1))[0].labels
    assert set(np.unique(labels)) == set(range(len(COVERS) + 1))
    assert 0.55 < (labels > 0).mean() < 0.85


@pytest.mark.parametrize(
    ("option", "value"), [("size", 4), ("dates", 0), ("dates", 147), ("cloudiness", 1.5)]
)
def test_impossible_configurations_are_refused(option, value):
    with pytest.raises(ValueError, match=option):
        SimulationConfig(**{option: value})


@pytest.mark.parametrize(("start", "harvest"), [(date(2018, 1, 1), 2018), (date(2017, 9, 1), 2018)])
def test_the_harvest_year_holds_most_of_the_dates(start, harvest):
    config = SimulationConfig(start=start)
    assert config.harvest_year == harvest
    first = acquisition_times(config)[0]
    assert config.crop_day(first) == first.toordinal() - date(harvest, 1, 1).toordinal()


def test_a_year_may_start_on_a_leap_day():
    config = SimulationConfig(size=16, dates=146, start=date(2020, 2, 29), cloudiness=0)
    times = [scene.time.date() for scene in simulate_scenes(config)]
    assert len(times) == 146
    assert times[-1] - config.start < timedelta(days=365)
