"""What was seen of some pixels over time, as it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from am4cm_cli.orders import BATCH

WIDTH = BATCH
"""Pixels computed at once, always: the products of a narrower batch may be summed in another order
and so differ in their last bits."""

DATES = 4
"""Turned into floats at once, so that these stay in a processor's own cache."""


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Numbers as files hold them, and how they become reflectance."""

    dn: Tensor
    """(T, B, P) of any real dtype; anything finite where not valid."""
    valid: Tensor
    """(T, P) bool"""
    scale: Tensor
    """(T, B)"""
    offset: Tensor
    """(T, B); reflectance = dn * scale + offset."""

    @classmethod
    def of_reflectance(cls, reflectance: Tensor, valid: Tensor) -> Observations:
        """Take (T, B, P) reflectance as it is."""
        ones = reflectance.new_ones(reflectance.shape[:2])
        return cls(dn=reflectance, valid=valid, scale=ones, offset=torch.zeros_like(ones))

    @property
    def pixels(self) -> int:
        """How many, P."""
        return self.valid.shape[-1]

    @property
    def complete(self) -> bool:
        """Whether everything is valid."""
        # As bytes, since torch is many times slower with bool.
        return self.pixels == 0 or bool(self.valid.view(torch.uint8).amin())

    def seen(self) -> Tensor | None:
        """(T, P) 1 where valid, else 0, in the precision of `scale`; None if everything is."""
        return None if self.complete else self.valid.view(torch.uint8).to(self.scale.dtype)

    def reflectance(self) -> Tensor:
        """(T, B, P) reflectance in the precision of `scale`, 0 where not valid."""
        dn = self.dn.to(self.scale.dtype)
        reflectance = dn * self.scale[..., None] + self.offset[..., None]
        return reflectance.masked_fill(~self.valid[:, None], 0.0)

    def project(self, weight: Tensor, constant: Tensor | float = 0.0) -> Tensor:
        """Weighted sums over bands.

        Scale and offset go into the weights, so reflectance itself is never made. Where not valid
        the sums mean nothing.

        Args:
            weight: (S, B) per unit of reflectance.
            constant: (S,) to add, or a number.

        Returns:
            (T, S, P), contiguous.
        """
        scaled = weight * self.scale[:, None]  # (T, S, B)
        constants = self.offset @ weight.T + constant  # (T, S)
        weights = torch.cat([scaled, constants[..., None]], dim=-1)
        sums = weights.new_empty(len(weights), len(weight), self.pixels)
        # The constants go with a band of ones, which is cheaper than to add them. Always from one
        # place in memory, since the last bits may depend on how numbers lie there.
        buffer = weights.new_ones(DATES, weights.shape[-1], self.pixels)
        for first in range(0, len(weights), DATES):
            some = slice(first, first + DATES)
            dn = self.dn[some]
            buffer[: len(dn), :-1].copy_(dn)
            torch.bmm(weights[some], buffer[: len(dn)], out=sums[some])
        return sums

    def at(self, places: Tensor) -> Observations:
        """Only the pixels at (N,) places."""
        return replace(self, dn=self.dn[..., places], valid=self.valid[:, places])

    def blocks(self, width: int) -> Iterator[Observations]:
        """Cut into blocks of so many pixels, the last one filled up with dark valid ones."""
        for first in range(0, max(1, self.pixels), width):
            dn, valid = (x[..., first : first + width] for x in (self.dn, self.valid))
            more = width - valid.shape[-1]
            if more:
                dn = torch.cat([dn, dn.new_zeros(*dn.shape[:-1], more)], dim=-1)
                valid = torch.cat([valid, valid.new_ones(len(valid), more)], dim=-1)
            yield replace(self, dn=dn, valid=valid)


def in_blocks(score: Callable[[Observations], Tensor], observations: Observations) -> Tensor:
    """Score (..., P) in blocks of WIDTH, so that a pixel's answer depends on it alone.

    An answer is the same to the last bit wherever the pixel stands, whatever stands beside it. A
    GPU would starve on such blocks, so it is given all at once; its last bits may differ.
    """
    if observations.dn.device.type != "cpu":
        return score(observations)
    parts = [score(block) for block in observations.blocks(WIDTH)]
    whole = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
    return whole[..., : observations.pixels]
