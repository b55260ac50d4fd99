import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from am4cm_cli.simulation import COVERS, SimulationConfig
from am4cm_cli.simulation.ground import canopy, ground_reflectance
from am4cm_cli.simulation.instrument import blur, detect
from am4cm_cli.simulation.landscape import lay_out
from am4cm_cli.simulation.parcels import cut_parcels
from am4cm_cli.simulation.spectra import CEREAL, DRY_SOIL, SNOW
from am4cm_cli.simulation.weather import Weather, weather_of

NUMBER = {cover.name: number for number, cover in enumerate(COVERS, start=1)}
RED, NIR = 2, 6


@pytest.fixture(scope="module")
def landscape():
    return lay_out(SimulationConfig(size=128, seed=2))


def look(landscape, day, *, snow=0.0, wetness=0.4):
    return ground_reflectance(landscape, day, Weather(wetness=wetness, snow=snow, season=day % 365))


def ndvi(landscape, name, day):
    """Median over the pixels of a class."""
    ground = look(landscape, day)[:, landscape.labels == NUMBER[name]]
    return np.median((ground[NIR] - ground[RED]) / (ground[NIR] + ground[RED]))


def test_winter_wheat_is_green_in_may_and_stubble_in_august(landscape):
    greenness = {day: ndvi(landscape, "winter wheat", day) for day in range(5, 360, 10)}
    assert 115 <= max(greenness, key=greenness.get) <= 165
    assert ndvi(landscape, "winter wheat", 140) > 0.8
    assert ndvi(landscape, "winter wheat", 225) < 0.35


def test_maize_is_bare_in_may_and_green_in_august(landscape):
    assert ndvi(landscape, "maize", 132) < 0.35
    assert ndvi(landscape, "maize", 215) > 0.8


def test_water_and_villages_stay_without_leaves(landscape):
    for day in (30, 140, 230):
        assert ndvi(landscape, "water", day) < 0.3
        assert ndvi(landscape, "built", day) < 0.45


def test_conifers_stay_green_and_broad_leaves_fall(landscape):
    assert ndvi(landscape, "conifer forest", 20) > 0.7
    broad = [ndvi(landscape, "broadleaf forest", day) for day in (60, 180, 345)]
    assert broad[1] > 0.8
    assert max(broad[0], broad[2]) < broad[1] - 0.2


def test_rapeseed_in_flower_is_yellow(landscape):
    field = landscape.labels == NUMBER["winter rapeseed"]
    days = [np.median(look(landscape, day)[:3, field], axis=1) for day in range(100, 140, 5)]
    blue, green, red = max(days, key=lambda colour: colour[2] / colour[0])
    assert green > 2.2 * blue
    assert red > 1.8 * blue


def test_fields_of_a_crop_differ(landscape):
    ground = look(landscape, 100)[NIR]
    labelled = landscape.labels == NUMBER["winter wheat"]
    fields = np.unique(landscape.fields[labelled])
    means = [ground[labelled & (landscape.fields == field)].mean() for field in fields]
    assert np.std(means) > 0.02


def test_dry_soil_is_brighter_but_never_as_blue_as_cloud(landscape):
    crops = np.isin(landscape.labels, [NUMBER["maize"], NUMBER["potatoes"]])
    dry, wet = (look(landscape, 128, wetness=wetness)[:, crops] for wetness in (0.0, 1.0))
    assert (np.median(dry, axis=1) > np.median(wet, axis=1)).all()
    assert np.percentile(dry[0], 99) < 0.2
    assert np.percentile(dry[2], 95) > 0.18


def test_snow_covers_fields_but_not_water(landscape):
    bare, snowy = look(landscape, 20), look(landscape, 20, snow=2.0)
    water = landscape.labels == NUMBER["water"]
    wheat = landscape.labels == NUMBER["winter wheat"]
    np.testing.assert_array_equal(snowy[:, water], bare[:, water])
    assert np.median(snowy[0, wheat]) == pytest.approx(0.9 * SNOW[0], abs=0.05)
    assert np.median(snowy[8, wheat]) < 0.2


def test_snow_lies_for_days_and_only_in_winter():
    for seed in range(5):
        year = weather_of(SimulationConfig(seed=seed))
        snowy = [day for day, weather in enumerate(year) if weather.snow > 0]
        assert snowy
        assert all(day < 85 or day > 330 for day in snowy)
        assert all(0 <= weather.wetness <= 1 for weather in year)


def test_leaves_over_soil_by_hand():
    soil = DRY_SOIL[:, None, None] * np.ones((1, 2), np.float32)
    dense = CEREAL[:, None, None] * np.ones((1, 2), np.float32)
    seen = canopy(soil, dense, np.array([[0.0, 1.0]], np.float32))
    np.testing.assert_allclose(seen[:, 0, 0], DRY_SOIL, rtol=1e-6)
    # Near infrared 0.25 over soil, 0.4494 dense: 0.4494 - 0.1994 * exp(-0.36236).
    assert seen[6, 0, 1] == pytest.approx(0.3106, abs=2e-4)


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(8, 90), cols=st.integers(8, 90), seed=st.integers(0, 999))
def test_parcels_cover_the_grid_with_numbered_fields(rows, cols, seed):
    parcels = cut_parcels(np.random.default_rng(seed), (rows, cols))
    assert parcels.fields.shape == (rows, cols)
    assert set(np.unique(parcels.fields)) - {0} == set(range(1, parcels.count + 1))


def test_borders_and_lanes_carry_no_label(landscape):
    fields, labels = landscape.fields, landscape.labels
    assert (labels[fields == 0] == 0).all()
    for names, classes in ((fields, labels), (fields.T, labels.T)):
        changes = names[:, 1:] != names[:, :-1]
        assert (classes[:, 1:][changes] == 0).all()
        assert (classes[:, :-1][changes] == 0).all()


def test_one_field_has_one_label(landscape):
    labelled = landscape.labels > 0
    pairs = np.unique(np.stack([landscape.fields[labelled], landscape.labels[labelled]]), axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1]


def test_blur_keeps_the_sum_and_mixes_neighbours():
    spot = np.zeros((10, 21, 23), np.float32)
    spot[:, 10, 11] = 1
    seen = blur(spot, np.random.default_rng(0))
    np.testing.assert_allclose(seen.sum(axis=(1, 2)), 1, rtol=1e-5)
    assert (seen[:, 10, 11] < 0.9).all()
    assert (seen[:, 10, 10] > 0.02).all()


def test_coarse_bands_repeat_their_pixels_even_at_an_odd_edge():
    seen = detect(np.full((10, 7, 9), 0.3, np.float32), np.random.default_rng(0))
    assert seen.shape == (10, 7, 9)
    red_edge = seen[3]
    np.testing.assert_array_equal(red_edge[0:6:2, :], red_edge[1:7:2, :])
    np.testing.assert_array_equal(red_edge[:, 0:8:2], red_edge[:, 1:9:2])
    assert (seen[0, 0:6:2] != seen[0, 1:7:2]).mean() > 0.9
    # 0.0015 + 0.8 % of 0.3.
    assert seen[0].std() == pytest.approx(0.0039, rel=0.4)
