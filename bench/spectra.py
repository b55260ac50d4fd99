"""Spectra of plant canopies by radiative transfer: writes simulation/data/canopies.json again.

    pip install "am4cm[spectra]" && python bench/spectra.py

Leaves by PROSPECT-D, canopies by 4SAIL (the prosail package), the sun 45 degrees from the zenith,
the view straight down, then the responses of Sentinel-2A and 2B. What PROSAIL leaves out is two
numbers per kind: the share of the ground in the shade of crowns and rows, and the share of dead
leaves and stems. Leaf values lie within the ranges of published measurements; within them they
were set so that dense canopies come out as clear Sentinel-2 images show them.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import prosail
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.simulation import surfaces
from am4cm_cli.simulation.responses import SATELLITES, seen_by_bands

OUT = Path(__file__).parents[1] / "src/am4cm_cli/simulation/data/canopies.json"

WAVELENGTH = np.arange(400, 2501)
SUN, HOT_SPOT = 45.0, 0.05
DENSE = 8.0
AREAS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Leaf areas in m2 per m2 of the fit of the extinction."""
SOILS = (0.0, 1.0)
"""PROSAIL's wet and dry soil."""

Spectrum = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """What PROSAIL takes; contents per area of leaf."""

    layers: float
    """N, the structure parameter."""
    chlorophyll: float
    """ug/cm2, as the next."""
    carotenoid: float
    brown: float
    water: float
    """cm, or g/cm2."""
    matter: float
    """Dry matter, g/cm2."""
    angle: float
    """Mean inclination, degrees."""
    shade: float = 0.0
    """Share of the surface in the shade of neighbours."""
    dead: float = 0.0
    """Share of the surface that is dead leaves, stems and ears."""


def _leaves(*values: float) -> Leaves:
    return Leaves(**dict(zip(Leaves.__dataclass_fields__, values, strict=True)))


# layers, chlorophyll, carotenoid, brown, water, matter, angle, shade, dead
KINDS = {
    "cereal": _leaves(1.25, 37, 7, 0.08, 0.0140, 0.0035, 66, 0.05, 0.10),
    "broad leaf": _leaves(1.45, 38, 8, 0.02, 0.0125, 0.0032, 52, 0.00, 0.09),
    "maize": _leaves(1.25, 36, 7, 0.08, 0.0125, 0.0035, 61, 0.10, 0.11),
    "rapeseed": _leaves(1.45, 36, 7, 0.05, 0.0125, 0.0033, 63, 0.02, 0.11),
    "legume": _leaves(1.45, 36, 8, 0.03, 0.0115, 0.0033, 50, 0.06, 0.10),
    "grass": _leaves(1.6, 37, 8, 0.13, 0.0135, 0.0035, 38, 0.24, 0.13),
    "broad wood": _leaves(1.3, 40, 11, 0.10, 0.0125, 0.0040, 48, 0.23, 0.08),
    "conifer": _leaves(1.3, 38, 8, 0.15, 0.0140, 0.0080, 60, 0.57, 0.10),
    "vine": _leaves(1.6, 38, 8, 0.15, 0.0125, 0.0035, 34, 0.37, 0.12),
    "ripe": _leaves(2.2, 0.7, 1.4, 0.62, 0.0005, 0.0032, 58, 0.40, 0.0),
    "withered": _leaves(2.3, 0.9, 0.9, 0.60, 0.0006, 0.0035, 68, 0.42, 0.0),
}
DRY = ("ripe", "withered")


def main() -> None:
    """Write the table, the same bytes each time."""
    extinction, rms = fit_extinction()
    table = {
        "source": "bench/spectra.py with prosail 2.0.5 (PROSPECT-D, 4SAIL) and responses.json",
        "bands": list(BAND_METRES),
        "extinction": _rounded(extinction),
        "extinction_rms": _rounded(rms),
        "leaves": {kind: asdict(leaves) for kind, leaves in KINDS.items()},
        "dense": {kind: _by_satellite(dense(leaves)) for kind, leaves in KINDS.items()},
        "satellites": {name: _rounded(fit_satellite(name)) for name in SATELLITES},
    }
    OUT.write_text(_compact(table), encoding="utf-8")
    print(f"{OUT}: {OUT.stat().st_size} bytes")
    print("extinction", dict(zip(LAND_BANDS, _rounded(extinction), strict=True)))
    print("rms       ", dict(zip(LAND_BANDS, _rounded(rms), strict=True)))


def reflectance(leaves: Leaves, *, area: float, soil: float) -> Spectrum:
    """(2101,) of a canopy of a leaf area over wet (0) to dry (1) soil, nothing shaded or dead."""
    spectrum: Spectrum = prosail.run_prosail(
        leaves.layers,
        leaves.chlorophyll,
        leaves.carotenoid,
        leaves.brown,
        leaves.water,
        leaves.matter,
        area,
        leaves.angle,
        HOT_SPOT,
        SUN,
        0.0,
        0.0,
        prospect_version="D",
        typelidf=2,
        rsoil=1.0,
        psoil=soil,
    )
    return spectrum


def dense(leaves: Leaves) -> Spectrum:
    """(2101,) of a canopy that hides the soil, with its shade and its dead parts."""
    own = (1 - leaves.shade) * reflectance(leaves, area=DENSE, soil=0.5)
    if not leaves.dead:
        return own
    return own + leaves.dead * (dense(KINDS["ripe"]) - own)


def fit_extinction() -> tuple[Spectrum, Spectrum]:
    """(10,) k of `dense + (soil - dense) exp(-k area)`, and the deviation of what it leaves."""
    above, gap = [], []
    for kind, leaves in KINDS.items():
        for soil in () if kind in DRY else SOILS:
            end = _land(reflectance(leaves, area=DENSE, soil=soil))
            contrast = _land(reflectance(leaves, area=0.0, soil=soil)) - end
            seen = [_land(reflectance(leaves, area=area, soil=soil)) for area in AREAS]
            above.append((seen - end).T)
            gap.append(contrast)
    over, under = np.stack(above, axis=1), np.stack(gap, axis=1)[:, :, None]  # (B, K, A), (B, K, 1)
    fits = [_fit_rate(o, u) for o, u in zip(over, under, strict=True)]
    rates, deviations = zip(*fits, strict=True)
    return np.array(rates), np.array(deviations)


def _fit_rate(over: Spectrum, under: Spectrum) -> tuple[float, float]:
    def loss(rate: float) -> float:
        return float(np.mean((under * np.exp(-rate * np.array(AREAS)) - over) ** 2))

    fit = minimize_scalar(loss, bounds=(0.05, 4.0), method="bounded")
    return float(fit.x), float(fit.fun) ** 0.5


NEIGHBOURS = {
    "B01": ("B02", "B03", "B04"),
    "B09": ("B8A", "B11"),
    "B10": ("B11", "B8A"),
}
"""Land bands, the likest first, from which a band that is none is told."""


def fit_satellite(name: str) -> Spectrum:
    """(13, 10) every band of a satellite from the land bands of Sentinel-2A.

    Each row sums to 1, so that what is white for one is white for both.
    """
    spectra = _library()
    known = np.array([_land(spectrum) for spectrum in spectra])
    seen = np.array([seen_by_bands(name, WAVELENGTH, spectrum) for spectrum in spectra])
    rows = [_fit_row(band, known, seen[:, i]) for i, band in enumerate(BAND_METRES)]
    identity = np.eye(len(LAND_BANDS))
    for row, band in zip(rows, BAND_METRES, strict=True):
        if name == "A" and band in LAND_BANDS:
            row[:] = identity[LAND_BANDS.index(band)]
    return np.array(rows)


def _fit_row(band: str, known: Spectrum, seen: Spectrum) -> Spectrum:
    place = [LAND_BANDS.index(name) for name in NEIGHBOURS.get(band) or _around(band)]
    steps = known[:, place[1:]] - known[:, place[:1]]
    ridge = 1e-5 * len(known) * np.eye(len(place) - 1)
    weights = np.linalg.solve(steps.T @ steps + ridge, steps.T @ (seen - known[:, place[0]]))
    row = np.zeros(len(LAND_BANDS))
    row[place] = 1 - weights.sum(), *weights
    return row


def _around(band: str) -> tuple[str, ...]:
    place = LAND_BANDS.index(band)
    return (band, *LAND_BANDS[max(place - 1, 0) : place], *LAND_BANDS[place + 1 : place + 2])


def _library() -> list[Spectrum]:
    """Canopies over two soils, and the surfaces without plants, drawn out between their bands."""
    canopies = [
        reflectance(leaves, area=area, soil=soil)
        for leaves in KINDS.values()
        for soil in SOILS
        for area in (0.0, *AREAS)
    ]
    centres = [443.0, *surfaces.spectra.WAVELENGTH]
    bare = [np.interp(WAVELENGTH, centres, [s[0], *s]) for s in surfaces.SURFACES.values()]
    return canopies + bare


def _land(spectrum: Spectrum) -> Spectrum:
    bands = seen_by_bands("A", WAVELENGTH, spectrum)
    return bands[[name in LAND_BANDS for name in BAND_METRES]]


def _by_satellite(spectrum: Spectrum) -> dict[str, list[float]]:
    return {name: _rounded(seen_by_bands(name, WAVELENGTH, spectrum)) for name in SATELLITES}


def _rounded(values: Spectrum) -> Any:
    # Adding 0 turns a -0.0, which differs in its bytes, into 0.0.
    return (np.round(values, 5) + 0.0).tolist()


def _compact(table: dict[str, Any]) -> str:
    """JSON with a line for each innermost list."""
    text = json.dumps(table, indent=1)
    head, *rest = text.split("[")
    parts = [head]
    for part in rest:
        inner, closed, after = part.partition("]")
        flat = " ".join(inner.split()) if closed else inner
        parts.append("[" + (flat if "[" not in inner else inner) + closed + after)
    return "".join(parts) + "\n"


if __name__ == "__main__":
    main()
