from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from am4cm_cli.simulation import SimulationConfig, simulate_scenes
from am4cm_cli.simulation.atmosphere import (
    ALL_BANDS,
    Air,
    path_reflectance,
    rayleigh_depth,
    spherical_albedo,
    top_of_atmosphere,
    transmission,
    vapour_transmission,
)
from am4cm_cli.simulation.clouds import CRYSTALS, DROPLETS, Layer
from am4cm_cli.simulation.processors import NO_CORRECTION, SEN2COR, THEIA
from am4cm_cli.simulation.sun import Sun

SUN = Sun(zenith=45.0, azimuth=150.0)
CLEAN = Air(vapour=1.5, aerosol=0.0)
CIRRUS = ALL_BANDS.index("B10")


def scatter(depth, zenith, photons=150_000, seed=0):
    """Share of photons let through by a layer that scatters as air does, followed one by one."""
    rng = np.random.default_rng(seed)
    down = np.full(photons, np.cos(np.radians(zenith)))
    place = np.zeros(photons)
    out = []
    for _ in range(40):
        place = place + down * rng.exponential(size=len(place))
        inside = (place > 0) & (place < depth)
        out.append(place[~inside] >= depth)
        place, down = place[inside], down[inside]
        # Rayleigh's phase function 3/4 (1 + x^2) by rejection, then a turn about the path.
        x = rng.uniform(-1, 1, (len(place), 12))
        kept = rng.uniform(0, 2, x.shape) < 1 + x**2
        x = x[np.arange(len(x)), kept.argmax(axis=1)]
        turn = np.cos(rng.uniform(0, 2 * np.pi, len(place)))
        down = down * x + np.sqrt((1 - down**2) * (1 - x**2)) * turn
        down = np.where(np.abs(down) < 1e-6, 1e-6, down)
    return float(np.concatenate(out).mean())


@pytest.mark.parametrize(
    ("wavelength", "depth"),
    # Hansen and Travis' formula by hand: 0.008569 w^-4 (1 + 0.0113 w^-2 + 0.00013 w^-4).
    [(443.0, 0.23613), (550.0, 0.09729), (1610.0, 0.001281)],
)
def test_the_depth_of_clear_air(wavelength, depth):
    assert rayleigh_depth(np.array([wavelength]))[0] == pytest.approx(depth, rel=1e-3)


@pytest.mark.parametrize(("depth", "zenith"), [(0.236, 30), (0.236, 60), (0.05, 45)])
def test_light_comes_through_air_as_photons_do(depth, zenith):
    through = transmission(np.array([depth]), float(np.cos(np.radians(zenith))))[0]
    assert through == pytest.approx(scatter(depth, zenith), abs=0.012)


@settings(max_examples=30, deadline=None)
@given(depth=st.floats(0, 0.35), cosine=st.floats(0.2, 1))
def test_air_neither_makes_nor_keeps_light(depth, cosine):
    tau = np.array([depth])
    assert 0 < transmission(tau, cosine)[0] < 1 + 1e-9
    assert 0 <= spherical_albedo(tau)[0] < 0.25
    # Isotropic return of what did not come through is near the path light to the zenith.
    lost = 1 - transmission(tau, cosine)[0]
    assert path_reflectance(tau, cosine)[0] == pytest.approx(lost, rel=0.6, abs=0.01)


def uniform(level, layers=()):
    seen = np.full((10, 4, 5), level, np.float32)
    return top_of_atmosphere(seen, list(layers), SUN, CLEAN, satellite="A")[:, 0, 0]


def test_black_ground_shows_the_blue_sky():
    dark = uniform(0.0)
    # B01: 0.236 * 0.75 * (1 + 0.5) / (4 * 0.7071) = 0.094.
    assert dark[0] == pytest.approx(0.094, abs=0.002)
    assert (np.diff(dark[:9]) < 0).all()
    assert dark[11] < 0.001


def test_bright_ground_stays_as_bright():
    bright = uniform(0.8)
    assert bright[1] == pytest.approx(0.8, abs=0.03)


def test_only_high_clouds_show_in_the_cirrus_band():
    def sheet(height, particles):
        thickness = np.full((10, 4, 5), 2.0, np.float32)
        return Layer(thickness=thickness, height=height, particles=particles)

    low, high = (uniform(0.3, [sheet(h, CRYSTALS)])[CIRRUS] for h in (1500.0, 9500.0))
    assert uniform(0.3)[CIRRUS] < 0.001
    assert low < 0.005
    assert high > 0.02
    # A low cloud below a high one adds nothing.
    both = uniform(0.3, [sheet(1500.0, DROPLETS), sheet(9500.0, CRYSTALS)])[CIRRUS]
    assert both == pytest.approx(high, abs=0.004)


def test_vapour_hides_less_from_above():
    ground, top = (vapour_transmission(0.7, 1.5, 0.7, height=height) for height in (0.0, 4000.0))
    # exp(-0.7 sqrt(1.5 * 2.42857)) and with exp(-2) of the vapour.
    assert ground == pytest.approx(0.263, abs=2e-3)
    assert top == pytest.approx(np.exp(-0.7 * np.sqrt(1.5 * np.exp(-2) * 2.42857)), rel=1e-6)


def test_dust_brightens_dark_ground_most_in_the_blue():
    seen = np.full((10, 4, 5), 0.03, np.float32)
    lift = top_of_atmosphere(
        seen, [], SUN, replace(CLEAN, aerosol=0.3), satellite="B"
    ) - top_of_atmosphere(seen, [], SUN, CLEAN, satellite="B")
    assert 0.02 < lift[0, 0, 0] < 0.08
    assert lift[0, 0, 0] > lift[3, 0, 0] > lift[12, 0, 0] > 0


@pytest.fixture(scope="module")
def levels():
    """The same dates by three chains."""
    config = SimulationConfig(size=24, dates=16, seed=3, cloudiness=0.9)
    return {
        chain.name: list(simulate_scenes(config, processor=chain))
        for chain in (SEN2COR, THEIA, NO_CORRECTION)
    }


def test_levels_share_their_ground_and_their_truth(levels):
    for surface, above in zip(levels["Sen2Cor"], levels["L1C"], strict=True):
        assert above.bands == ALL_BANDS
        assert above.reflectance.shape == (13, 24, 24)
        assert surface.reflectance.shape == (10, 24, 24)
        np.testing.assert_array_equal(surface.truth, above.truth)
        if surface.sky == "clear":
            # A clear blue of 0.02 to 0.08 becomes about 0.1 above the air.
            lift = np.median(above.reflectance[1]) - np.median(surface.reflectance[0])
            assert 0.02 < lift < 0.09
            assert np.abs(above.reflectance[CIRRUS]).max() < 0.01


def test_satellites_take_turns(levels):
    scenes = levels["Sen2Cor"]
    assert {scene.satellite for scene in scenes} == {"A", "B"}
    for one, two in pairwise(scenes):
        if (two.time.date() - one.time.date()).days == 5:
            assert one.satellite != two.satellite


def test_theia_takes_some_of_the_haze_for_aerosol(levels):
    pairs = zip(levels["Sen2Cor"], levels["THEIA"], strict=True)
    hazy = [(a, b) for a, b in pairs if a.sky == "haze"]
    assert hazy
    for sen2cor, theia in hazy:
        assert np.median(theia.reflectance[0]) < np.median(sen2cor.reflectance[0])
