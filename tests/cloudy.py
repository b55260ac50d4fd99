"""A tiny labelled stack with clouds of known place, and weights that see them."""

import numpy as np
import torch

from am4cm_cli.models import LTAE, LTAEConfig
from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.weights import Calibration, Weights
from stacks import every_days, write_image, write_stack

SHAPE = (22, 19)
DATES = 14
GROUND = np.array([400, 700, 600, 1000, 2000, 2500, 2700, 2800, 1800, 1000])
CLOUD = np.array([5000, 5000, 5000, 5100, 5200, 5300, 5400, 5400, 3000, 2500])


def write_cloudy(folder, *, seed=0):
    """Write images/ and labels.tif; every third date is half under cloud, and one wholly.

    Returns:
        (T, Y, X) bool, True under cloud.
    """
    rng = np.random.default_rng(seed)
    cloud = np.zeros((DATES, *SHAPE), bool)
    for date in range(2, DATES, 3):
        cloud[date, :, : SHAPE[1] // 2] = True
    cloud[7] = True
    dn = np.where(cloud[:, None], CLOUD[:, None, None], GROUND[:, None, None])
    crop = np.zeros(SHAPE, np.uint8)
    crop[:10], crop[12:] = 1, 2
    swing = 1 + 0.3 * np.sin(np.arange(DATES) / 3)[:, None, None] * (crop == 1)
    dn = np.where(cloud[:, None], dn, dn * swing[:, None])
    dn = dn * rng.normal(1, 0.02, dn.shape) + rng.normal(0, 15, dn.shape)
    days = every_days(DATES, step=8)
    write_stack(folder / "images", days=days, dn=dn.round().astype(np.uint16))
    write_image(folder / "labels.tif", crop[None], tags={"CLASS_1": "maize", "CLASS_2": "meadow"})
    return cloud


def bright_weights():
    """Weights made by hand: both heads look for little blue and little SWIR.

    The covariance is that of the mixture of GROUND and CLOUD, with some noise of each band.
    """
    torch.manual_seed(0)
    mean = (GROUND + CLOUD) / 2e4
    spread = (CLOUD - GROUND) / 2e4
    config = LTAEConfig(
        bands=LAND_BANDS,
        mean=tuple(mean.tolist()),
        std=tuple((spread + 0.01).tolist()),
        classes=("maize", "meadow"),
        channels=4,
        heads=2,
        key_channels=1,
        hidden=3,
    )
    model = LTAE(config).eval()
    with torch.no_grad():
        model.embedding.weight.zero_()
        model.embedding.weight[:, 0], model.embedding.weight[:, 8] = -1, -0.5
        model.key.weight.fill_(0.1)
        model.query.fill_(1.0)
    covariance = np.outer(spread, spread) + np.diag(np.full(10, 1e-4))
    return Weights(
        model=model,
        calibration=Calibration(
            logit_sd=(1.0, 1.5), band_covariance=tuple(map(tuple, covariance.tolist()))
        ),
        record={"training": {}, "note": "made by hand"},
        name="bright",
        sha256="0" * 64,
    )
