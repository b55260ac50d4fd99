import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.simulation import spectra
from am4cm_cli.simulation.responses import read_table, responses, seen_by_bands

ROOT = Path(__file__).parents[1]
TABLE = read_table("canopies.json")
BANDS = list(BAND_METRES)


@pytest.fixture(scope="module")
def bench():
    """bench/spectra.py, where PROSAIL is installed."""
    pytest.importorskip("prosail")
    spec = importlib.util.spec_from_file_location("bench_spectra", ROOT / "bench/spectra.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("satellite", "band", "centre"),
    # Central wavelengths in ESA's table of the radiometric resolution of both satellites.
    [
        ("A", "B02", 492.4),
        ("A", "B8A", 864.7),
        ("A", "B10", 1373.5),
        ("A", "B12", 2202.4),
        ("B", "B02", 492.1),
        ("B", "B07", 779.7),
        ("B", "B09", 943.2),
        ("B", "B12", 2185.7),
    ],
)
def test_bands_lie_where_esa_says(satellite, band, centre):
    assert responses(satellite)[band].centre == pytest.approx(centre, abs=0.2)


@settings(max_examples=20, deadline=None)
@given(level=st.floats(0, 1), slope=st.floats(-1, 1), satellite=st.sampled_from("AB"))
def test_a_straight_spectrum_is_seen_at_the_centre(level, slope, satellite):
    wavelength = np.arange(350, 2600)
    seen = seen_by_bands(satellite, wavelength, level + slope * wavelength / 1000)
    centres = np.array([band.centre for band in responses(satellite).values()])
    np.testing.assert_allclose(seen, level + slope * centres / 1000, atol=1e-9)


def test_a_canopy_again_by_prosail_itself(bench):
    # Not through bench.reflectance(): the numbers of "ripe" in the order of run_prosail.
    import prosail

    leaf = TABLE["leaves"]["ripe"]
    seen = prosail.run_prosail(
        n=leaf["layers"],
        cab=leaf["chlorophyll"],
        car=leaf["carotenoid"],
        cbrown=leaf["brown"],
        cw=leaf["water"],
        cm=leaf["matter"],
        lai=8.0,
        lidfa=leaf["angle"],
        hspot=0.05,
        tts=45.0,
        tto=0.0,
        psi=0.0,
        prospect_version="D",
        rsoil=1.0,
        psoil=0.5,
    ) * (1 - leaf["shade"])
    for satellite in "AB":
        np.testing.assert_allclose(
            seen_by_bands(satellite, np.arange(400, 2501), seen),
            TABLE["dense"]["ripe"][satellite],
            atol=1e-4,
        )


def test_the_table_is_what_the_bench_makes(bench):
    assert {kind: bench.asdict(leaves) for kind, leaves in bench.KINDS.items()} == TABLE["leaves"]
    for kind in ("cereal", "conifer"):
        seen = bench._by_satellite(bench.dense(bench.KINDS[kind]))
        np.testing.assert_allclose(seen["A"], TABLE["dense"][kind]["A"], atol=1e-4)
    np.testing.assert_allclose(bench.fit_extinction()[0], TABLE["extinction"], atol=1e-3)


def test_canopies_have_the_marks_of_leaves():
    blue, green, red, edge, nir, swir = (
        LAND_BANDS.index(band) for band in ("B02", "B03", "B04", "B05", "B08", "B11")
    )
    for canopy in (spectra.CEREAL, spectra.BROAD_LEAF, spectra.MAIZE, spectra.CONIFER):
        assert canopy[green] > max(canopy[blue], canopy[red])
        assert canopy[nir] > 4 * canopy[edge] > 4 * canopy[red]
        assert canopy[swir] < 0.5 * canopy[nir]
    assert (np.diff(spectra.RIPE[:8]) > 0).all()
    assert spectra.EXTINCTION[red] > spectra.EXTINCTION[swir] > spectra.EXTINCTION[nir]


def test_what_is_white_for_one_satellite_is_white_for_both():
    for matrix in spectra.SATELLITES.values():
        assert matrix.shape == (13, 10)
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-4)
    land = [BANDS.index(band) for band in LAND_BANDS]
    np.testing.assert_array_equal(spectra.SATELLITES["A"][land], np.eye(10))


@pytest.mark.parametrize("kind", sorted(TABLE["dense"]))
def test_the_second_satellite_is_told_from_the_first(kind):
    dense = TABLE["dense"][kind]
    land = np.array(dense["A"])[[BANDS.index(band) for band in LAND_BANDS]]
    told = spectra.SATELLITES["B"] @ land
    # B10 and B09 lie in water's bands of the leaf, far from the others: told more roughly.
    for band, a, b in zip(BANDS, told, dense["B"], strict=True):
        assert a == pytest.approx(b, abs={"B10": 0.12, "B09": 0.04}.get(band, 0.006)), band


def test_tables_are_small_and_plain():
    folder = ROOT / "src/am4cm_cli/simulation/data"
    for path in folder.glob("*.json"):
        assert path.stat().st_size < 40_000
        assert json.loads(path.read_text(encoding="utf-8"))["source"]
