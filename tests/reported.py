"""A page of known numbers, and what it holds."""

import json
import re
import zlib
from base64 import b64decode
from pathlib import Path

import numpy as np

from am4cm_cli.stacks.discovery import find_stack
from cloudy import write_cloudy
from stacks import write_mask

UNKNOWN = 255


def write_site(folder: Path):
    """Write images/, mask.tif, classes.tif and truth.tif, with some pixels never observed.

    Returns:
        (T, Y, X) percent, 255 nodata; (T, Y, X) classes.
    """
    cloud = write_cloudy(folder)
    stack = find_stack(str(folder / "images"))
    rng = np.random.default_rng(0)
    percent = np.clip(rng.normal(np.where(cloud, 80, 20), 15), 0, 100).astype(np.uint8)
    percent[rng.random(percent.shape) < 0.05] = UNKNOWN
    percent[:, 3, 4] = UNKNOWN
    percent[:, 8, 2] = 77
    percent[9] = UNKNOWN
    classes = np.where(percent == UNKNOWN, UNKNOWN, (percent >= 50).astype(np.uint8))
    classes[(classes == 1) & (percent < 70)] = 2
    write_mask(folder / "mask.tif", stack, percent, tags={"AM4CM_TARGET": "cloud"})
    write_mask(folder / "classes.tif", stack, classes, tags={"AM4CM_CONTENT": "classes"})
    write_mask(
        folder / "truth.tif", stack, cloud.astype(np.uint8), tags={"AM4CM_CONTENT": "classes"}
    )
    return percent, classes


def facts_of(page: Path) -> dict:
    """What a page keeps for its script."""
    found = re.findall(
        r'<script type="application/json" id="facts">(.*?)</script>', page.read_text(), re.DOTALL
    )
    assert len(found) == 1
    return json.loads(found[0])


def numbers_of(text: str, dtype: str) -> np.ndarray:
    """Numbers that a page keeps as text."""
    return np.frombuffer(zlib.decompress(b64decode(text)), dtype)
