from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from am4cm_cli.simulation.clouds import CRYSTALS, DROPLETS, DUST, Layer
from am4cm_cli.simulation.light import CLEAR, SHADOW, THICK, THIN, shade, sunlight, truth, veil
from am4cm_cli.simulation.scenes import under_sky
from am4cm_cli.simulation.spectra import DRY_SOIL
from am4cm_cli.simulation.sun import Sun, sun_position

ROWS, COLS = 60, 50


def square_cloud(thickness=30.0, height=200.0):
    field = np.zeros((ROWS, COLS), np.float32)
    field[30:40, 20:28] = thickness
    return Layer(thickness=field, height=height, particles=DROPLETS, side_loss=3.0)


def sheet(thickness, particles, shape=(4, 5)):
    field = np.full(shape, thickness, np.float32)
    return Layer(thickness=field, height=0.0, particles=particles)


def ground(reflectance, shape=(4, 5)):
    spectrum = np.broadcast_to(np.asarray(reflectance, np.float32), 10)
    return np.broadcast_to(spectrum[:, None, None], (10, *shape)).copy()


@pytest.mark.parametrize(
    ("time", "latitude", "zenith"),
    [
        # Noon at the equinoxes: the zenith angle is the latitude. Noon of Greenwich is shifted
        # by the equation of time: 7 min in March.
        (datetime(2018, 3, 20, 12, 7), 50.5, 50.5),
        # At the solstices it is 23.44 degrees less, or more.
        (datetime(2018, 6, 21, 12, 2), 50.5, 50.5 - 23.44),
        (datetime(2018, 12, 21, 11, 58), 50.5, 50.5 + 23.44),
        (datetime(2018, 6, 21, 12, 2), 23.44, 0.0),
    ],
)
def test_noon_heights_of_the_sun(time, latitude, zenith):
    assert sun_position(time, latitude=latitude, longitude=0).zenith == pytest.approx(
        zenith, abs=0.25
    )


def test_the_sun_stands_in_the_south_at_noon_and_in_the_east_at_six():
    noon = sun_position(datetime(2018, 3, 20, 12, 7, 30), latitude=50.5, longitude=0)
    six = sun_position(datetime(2018, 3, 20, 6, 7, 30), latitude=0, longitude=0)
    assert noon.azimuth == pytest.approx(180, abs=0.3)
    assert six.azimuth == pytest.approx(90, abs=0.3)
    assert six.zenith == pytest.approx(90, abs=0.3)


def test_longitude_moves_noon_by_four_minutes_a_degree():
    here = sun_position(datetime(2018, 5, 1, 10, 50), latitude=50.5, longitude=3)
    there = sun_position(datetime(2018, 5, 1, 11, 2), latitude=50.5, longitude=0)
    assert here.azimuth == pytest.approx(there.azimuth, abs=0.05)


@pytest.mark.parametrize(
    ("azimuth", "rows", "cols"),
    # 200 m high, sun at 45 degrees: 20 pixels of 10 m away from the sun.
    [(180, -20, 0), (90, 0, -20), (0, 20, 0), (270, 0, 20), (135, -14, -14)],
)
def test_the_shadow_of_a_square_cloud_lies_away_from_the_sun(azimuth, rows, cols):
    light = sunlight([square_cloud()], Sun(zenith=45, azimuth=azimuth), pixel=10)
    dark = np.zeros((ROWS, COLS), bool)
    hit_rows = np.arange(30 + rows, 40 + rows) % ROWS
    hit_cols = np.arange(20 + cols, 28 + cols) % COLS
    dark[np.ix_(hit_rows, hit_cols)] = True
    np.testing.assert_array_equal(light < 0.5, dark)
    assert (light[~dark] == 1).all()


def test_cloud_hides_its_own_shadow_and_the_rest_is_clear():
    # One pixel to the north only: most of the shadow lies under the cloud.
    scene = ground(0.3, (ROWS, COLS))
    _, classes = under_sky(scene, [square_cloud(height=10)], Sun(zenith=45, azimuth=180))
    expected = np.full((ROWS, COLS), CLEAR)
    expected[29, 20:28] = SHADOW
    expected[30:40, 20:28] = THICK
    np.testing.assert_array_equal(classes, expected)


def test_without_layers_the_ground_is_seen_as_it_is():
    scene = ground(0.2)
    seen, classes = under_sky(scene, [], Sun(zenith=30, azimuth=160))
    np.testing.assert_array_equal(seen, scene)
    assert (classes == CLEAR).all()


def test_high_clouds_lie_elsewhere_in_each_band():
    # 10 km up, B12 looks 2.085 s later: 7.4 km/s * 2.085 s * 10 / 786 = 196 m.
    layer = square_cloud(height=10_000).in_view((ROWS, COLS), pixel=10)
    first = layer.thickness.max(axis=2).argmax(axis=1)
    assert first[0] == 30
    assert first[-1] == 30 + 20


def test_shadows_take_more_of_the_infrared_than_of_the_blue():
    dark = shade(ground(0.3), np.zeros((4, 5), np.float32))
    kept = dark[:, 0, 0] / 0.3
    assert kept[0] > kept[6] > kept[9] > 0
    assert kept[0] < 0.35


@settings(max_examples=40, deadline=None)
@given(
    thickness=st.floats(0, 200),
    below=st.floats(0, 0.6),
    cosine=st.floats(0.1, 1),
    particles=st.sampled_from([DROPLETS, CRYSTALS, DUST]),
)
def test_layers_send_back_no_more_light_than_they_get(thickness, below, cosine, particles):
    layer = sheet(thickness, particles)
    returned, contrast = layer.returned(cosine), layer.contrast()
    seen = veil(ground(below), layer, cosine)
    assert ((returned >= 0) & (returned < 1)).all()
    assert ((contrast >= 0) & (contrast <= 1)).all()
    assert ((seen >= 0) & (seen <= 1.02)).all()


@given(thickness=st.floats(0.01, 100), particles=st.sampled_from([DROPLETS, CRYSTALS, DUST]))
@settings(max_examples=30, deadline=None)
def test_dark_ground_brightens_with_every_bit_of_cloud(thickness, particles):
    thin, thick = (
        veil(ground(0.05), sheet(t, particles), 0.7) for t in (thickness, thickness * 1.5)
    )
    assert (thick > thin).all()


def test_no_thickness_changes_nothing():
    np.testing.assert_allclose(veil(ground(0.23), sheet(0, DROPLETS), 0.7), 0.23, rtol=1e-6)


def test_cloud_over_bright_soil_shows_most_in_the_blue():
    lift = veil(ground(DRY_SOIL), sheet(3, DROPLETS), 0.7)[:, 0, 0] / DRY_SOIL
    assert lift.argmax() == 0
    assert lift[0] > 1.5 * lift[2] > 1.5 * lift[8]


def test_ice_is_darker_than_water_in_the_short_wave_infrared():
    water, ice = (
        veil(ground(0.2), sheet(30, kind), 0.7)[-1, 0, 0] for kind in (DROPLETS, CRYSTALS)
    )
    assert ice < water < 0.6


@pytest.mark.parametrize(
    ("thickness", "particles", "expected"),
    [
        # x = 0.085 * 0.2 / sqrt(0.7) = 0.020 is below the threshold of 0.03, 0.4 gives 0.039.
        (0.2, DROPLETS, CLEAR),
        (0.4, DROPLETS, THIN),
        # exp(-0.28 * 4) = 0.33 is more than the 0.3 of a thick cloud, exp(-0.28 * 5) = 0.25 less.
        (4.0, DROPLETS, THIN),
        (5.0, DROPLETS, THICK),
    ],
)
def test_the_limits_of_the_classes(thickness, particles, expected):
    light = np.ones((4, 5), np.float32)
    assert (truth([sheet(thickness, particles)], light, 0.7) == expected).all()


def test_shadow_begins_at_a_quarter_of_the_direct_light():
    light = np.array([[0.74, 0.76]], np.float32)
    classes = truth([sheet(0, DROPLETS, (1, 2))], light, 0.7)
    assert classes.tolist() == [[SHADOW, CLEAR]]
