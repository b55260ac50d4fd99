"""Where PASTIS keeps what, and what its numbers mean.

Garnot and Landrieu 2021, https://zenodo.org/records/5012942. PASTIS-R and PASTIS-HD add folders
for other sensors beside these; their Sentinel-2 part is the same.
"""

from pathlib import Path

SIDE = 128
"""Pixels along X and along Y of a patch."""
PIXELS = SIDE * SIDE
VOID = 19
"""Class of the pixels that nobody is to train on: parcels that lie mostly outside the patch."""
CLASSES = (
    "Background",
    "Meadow",
    "Soft winter wheat",
    "Corn",
    "Winter barley",
    "Winter rapeseed",
    "Spring barley",
    "Sunflower",
    "Grapevine",
    "Beet",
    "Winter triticale",
    "Winter durum wheat",
    "Fruits, vegetables, flowers",
    "Potatoes",
    "Leguminous fodder",
    "Soybeans",
    "Orchard",
    "Mixed cereal",
    "Sorghum",
)
"""By their number, from 0; void is none of them."""
FOLDS = (1, 2, 3, 4, 5)
GAP = -10000
"""THEIA's number for no observation, in all bands of a date."""

METADATA = "metadata.geojson"
STATISTICS = "NORM_S2_patch.json"
IMAGES = "DATA_S2"
ANNOTATIONS = "ANNOTATIONS"


def is_pastis(folder: Path) -> bool:
    """Tell a PASTIS folder, whole or not, from a stack of images."""
    return (folder / METADATA).is_file() or (folder / IMAGES).is_dir()


def images_name(patch: int) -> str:
    """Return where a patch's (T, B, Y, X) images lie in the folder."""
    return f"{IMAGES}/S2_{patch}.npy"


def target_name(patch: int) -> str:
    """Return where a patch's (3, Y, X) target lies in the folder; its channel 0 is the class."""
    return f"{ANNOTATIONS}/TARGET_{patch}.npy"
