"""Batches made harder, by chance that belongs to each series."""

import torch
from torch import Tensor

from am4cm_cli.chance import Draws
from am4cm_cli.datasets.batches import Batch
from am4cm_cli.training.config import TrainConfig

DATE_SHARE, DATE_LUCK, NOISE, BAND_CHOICE, BAND_SHARE, BAND_LUCK, SHADE_LUCK, LIGHT = range(8)
"""Uses of chance."""

DARKEST, BRIGHTEST = 0.1, 0.7
"""Share of the light that is left in a shade."""


def harden(batch: Batch, config: TrainConfig, draws: Draws, *, mean: Tensor) -> Batch:
    """Hide dates, shade dates, add noise and hide bands as the config says.

    Args:
        batch: left as it is.
        config: how much of each.
        draws: for the series of the batch, in its order.
        mean: (B,) reflectance that a hidden band shows.
    """
    valid, reflectance = batch.valid, batch.reflectance
    if config.drop_dates:
        valid = drop_dates(valid, most=config.drop_dates, draws=draws)
    if config.shade:
        reflectance = shade(reflectance, share=config.shade, draws=draws)
    if config.noise:
        reflectance = add_noise(reflectance, sd=config.noise, draws=draws)
    if config.drop_bands:
        reflectance = drop_bands(reflectance, share=config.drop_bands, mean=mean, draws=draws)
    return batch._replace(reflectance=reflectance, valid=valid)


def drop_dates(valid: Tensor, *, most: float, draws: Draws) -> Tensor:
    """Hide a share, drawn evenly from 0 to `most`, of each series' dates; never its last one."""
    share = draws.uniform((1,), use=DATE_SHARE) * most
    return valid & _kept(draws.uniform(valid.shape[1:], use=DATE_LUCK), share, among=valid)


def shade(reflectance: Tensor, *, share: float, draws: Draws) -> Tensor:
    """Darken a share of the dates of (P, T, B), so that attention learns that shade tells little.

    Each loses its own part of the light, the same in all bands: shadows of all depths.
    """
    dates = (reflectance.shape[1],)
    light = DARKEST + (BRIGHTEST - DARKEST) * draws.uniform(dates, use=LIGHT)
    spared = draws.uniform(dates, use=SHADE_LUCK) >= share
    return reflectance * light.masked_fill(spared, 1)[..., None]


def add_noise(reflectance: Tensor, *, sd: float, draws: Draws) -> Tensor:
    """Blur (P, T, B) reflectance, so that no weight rests on a fine difference between bands."""
    return reflectance + draws.normal(reflectance.shape[1:], use=NOISE) * sd


def drop_bands(reflectance: Tensor, *, share: float, mean: Tensor, draws: Draws) -> Tensor:
    """Show the mean instead of some bands, on all dates, in a share of the (P, T, B) series.

    A series that is chosen loses a share of its bands drawn evenly from 0 to 1; never its last.
    """
    bands = (reflectance.shape[-1],)
    spared = draws.uniform((1,), use=BAND_CHOICE) >= share
    lost = draws.uniform((1,), use=BAND_SHARE).masked_fill(spared, 0)
    luck = draws.uniform(bands, use=BAND_LUCK)
    kept = _kept(luck, lost, among=torch.ones_like(luck, dtype=torch.bool))
    return torch.where(kept[:, None], reflectance, mean)


def _kept(luck: Tensor, share: Tensor, *, among: Tensor) -> Tensor:
    """Which of (P, N) have more luck than the share (P, 1) that goes, and the luckiest anyway."""
    luck = luck.masked_fill(~among, -1)
    return (luck >= share) | (luck == luck.amax(1, keepdim=True))
