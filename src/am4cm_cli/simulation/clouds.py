"""Clouds, fog and haze as layers: how thick, how high, and what they reflect and let through."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation.fractals import Field
from am4cm_cli.simulation.spectra import WAVELENGTH, Spectrum

BandField = NDArray[np.float32]
"""(B, Y, X)"""

SHORT_WAVE = [8, 9]
"""B11 and B12 in LAND_BANDS."""


@dataclass(frozen=True, kw_only=True)
class Particles:
    """What a layer is made of."""

    backscatter: float
    """Share of the light scattered back per unit of optical thickness, many scatterings in."""
    deflected: float
    """Share of the scattered light that leaves its path so far that it blurs the ground."""
    scatter: Spectrum
    """(B,) optical thickness relative to that at 550 nm."""
    white: Spectrum
    """(B,) reflectance of an endless layer: absorption darkens the short-wave infrared."""

    def grown(self, size: float) -> Self:
        """The same of greater grains, which absorb more of the short-wave infrared.

        Args:
            size: 0 leaves them as they are; B11's brightness falls with `exp(-size)`, B12's more.
        """
        darker = np.ones(len(WAVELENGTH))
        darker[SHORT_WAVE] = np.exp(-np.maximum(size, -0.25) * np.array([1.0, 1.1]))
        return replace(self, white=(self.white * darker).astype(np.float32))


DELAY = (0, 0.527, 1.005, 1.269, 1.525, 1.79, 0.264, 2.055, 1.468, 2.085)
"""Seconds after B02 at which each of LAND_BANDS sees a place (Sentinel-2's detectors in a row)."""

ADVANCE = 7400 / 786_000
"""Flight a second over height of flight: how fast the line of sight tilts."""

FLAT = np.ones(len(WAVELENGTH), np.float32)

DROPLETS = Particles(
    backscatter=0.085,
    deflected=0.28,
    scatter=FLAT,
    white=np.array([1, 0.97, 0.95, 0.97, 0.99, 1, 1.01, 0.99, 0.68, 0.55], np.float32),
)
# Ice and dust scatter forward, by a degree or so: hardly less light, yet from height it blurs the
# ground. Cirrus and haze of flanders-2018 take half the contrast where they add 0.06 to the blue.
CRYSTALS = Particles(
    backscatter=0.1,
    deflected=0.7,
    scatter=FLAT,
    white=np.array([1, 0.98, 0.96, 0.97, 0.98, 0.98, 0.98, 0.97, 0.5, 0.38], np.float32),
)
DUST = Particles(
    backscatter=0.12,
    deflected=0.7,
    scatter=((WAVELENGTH / 550) ** -1.4).astype(np.float32),
    white=FLAT,
)
"""Fine haze scatters blue light most (Angstrom exponent 1.4)."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of the sky; (Y, X) as the image, repeating beyond its edges."""

    thickness: BandField
    """Optical thickness at 550 nm, (Y, X), or (B, Y, X) where the bands see it from aside."""
    height: float
    """Metres above the ground."""
    particles: Particles
    gain: BandField | float = 1.0
    """Brightness of its lumps and sides relative to a flat layer."""
    side_loss: float = 1.0
    """Of the light let through by a wide sheet, finite clouds lose more through their sides."""

    def returned(self, cosine: float) -> BandField:
        """(B, Y, X) share of the light sent back, were nothing absorbed (two-stream formula).

        Args:
            cosine: Of the solar zenith; slanting light meets more particles.
        """
        return self._returned(self.particles.scatter, cosine)

    def contrast(self) -> BandField:
        """(B, Y, X) share of the light from the ground that keeps its path and draws a picture."""
        depth = self.particles.deflected * self.thickness
        straight: BandField = np.exp(-self.particles.scatter[:, None, None] * depth)
        return straight

    def in_view(self, shape: tuple[int, int], *, pixel: float) -> Self:
        """The part over an image (Y, X), (B, Y, X) as each band sees it on its way.

        A high cloud lies elsewhere against the ground for each band, whence its coloured rims.
        """
        shifts = [round(self.height * delay * ADVANCE / pixel) for delay in DELAY]
        gain = self.gain if isinstance(self.gain, float) else _moved(self.gain, shifts, shape)
        return replace(self, thickness=_moved(self.thickness, shifts, shape), gain=gain)

    def shadow(self, cosine: float) -> Field:
        """(Y, X) share of the direct light left below the layer."""
        # In the blue alone: it is asked of the whole canvas, and one band costs a tenth of all.
        through = 1 - self._returned(self.particles.scatter[:1], cosine)[0]
        # 1 / (1 + x) with side_loss times the x of a wide sheet.
        left: Field = through / (through + self.side_loss * (1 - through))
        return left

    def _returned(self, scatter: Spectrum, cosine: float) -> BandField:
        depth = self.particles.backscatter * self.thickness / np.float32(cosine**0.5)
        x = scatter[:, None, None] * depth
        share: BandField = x / (1 + x)
        return share


def _moved(field: Field, shifts: list[int], shape: tuple[int, int]) -> BandField:
    return np.stack([np.roll(field, shift, axis=0)[: shape[0], : shape[1]] for shift in shifts])
