"""What was seen of some pixels over time, as it is stored."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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

    def reflectance(self) -> Tensor:
        """(T, B, P) reflectance in the precision of `scale`, 0 where not valid."""
        dn = self.dn.to(self.scale.dtype)
        reflectance = dn * self.scale[..., None] + self.offset[..., None]
        return reflectance.masked_fill(~self.valid[:, None], 0.0)

    def project(self, weight: Tensor) -> Tensor:
        """Weighted sums over bands, (S, T, P) for (S, B) weights per unit of reflectance.

        Scale and offset go into the weights, so reflectance itself is never made. Where not valid
        the sums mean nothing.
        """
        scaled = weight * self.scale[:, None]  # (T, S, B)
        constant = self.offset @ weight.T  # (T, S)
        sums = torch.baddbmm(constant[..., None], scaled, self.dn.to(scaled.dtype))
        return sums.transpose(0, 1)
