"""Small Sentinel-2 products: ESA's folders, names and XML, and small lossless JPEG 2000.

Made after ESA's Products Specification Document 14.9 and what GDAL's Sentinel-2 driver documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import rasterio
from affine import Affine

from am4cm_cli.sensors import BAND_METRES
from stacks import CORNER, CRS

TILE = "T31UFQ"
ORBIT = 51
L2A_AT = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B02", "B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B02", "B8A", "B09"),
}
"""Bands in each of the folders R10m, R20m and R60m; of their coarser copies, which are averages,
only some."""
LAYERS_AT = {10: ("AOT", "TCI", "WVP"), 20: ("SCL",)}
OFFSET_SINCE = "04.00"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a product is made of."""

    level: str
    baseline: str
    day: str
    """ISO date."""
    clock: str = "105031"
    cloud: str = "12.5"
    """Percent, as the metadata write it."""

    @property
    def moment(self) -> str:
        return f"{self.day.replace('-', '')}T{self.clock}"

    @property
    def name(self) -> str:
        number = self.baseline.replace(".", "")
        return f"S2A_MSI{self.level}_{self.moment}_N{number}_R{ORBIT:03}_{TILE}_20300101T000000"

    @property
    def granule(self) -> str:
        return f"{self.level}_{TILE}_A016279_{self.moment}"

    @property
    def offset(self) -> int:
        return -1000 if self.baseline >= OFFSET_SINCE else 0


def write_safe(folder: Path, made: Made, dn: Mapping[str, np.ndarray]) -> Path:
    """Write a product, `....SAFE`.

    Args:
        folder: to write into.
        made: what it is.
        dn: (Y, X) of each band on its own pixels, as a user of baselines without offset knows them;
            the offset is added, but 0 stays 0.
    """
    safe = folder / f"{made.name}.SAFE"
    images = safe / "GRANULE" / made.granule / "IMG_DATA"
    for band, numbers in dn.items():
        stored = np.where(numbers == 0, 0, numbers.astype(int) - made.offset).astype(np.uint16)
        _write_band(images, made, band, stored)
    _write_layers(images, made, dn["B02"].shape)
    write_metadata(safe, made)
    return safe


def zip_safe(safe: Path, folder: Path) -> Path:
    """Pack a product into a folder as the Copernicus hubs do."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{safe.stem}.zip"
    with ZipFile(archive, "w", ZIP_DEFLATED) as packed:
        for path in sorted(safe.rglob("*")):
            packed.write(path, path.relative_to(safe.parent))
    return archive


def write_jp2(path: Path, numbers: np.ndarray, *, metres: int) -> None:
    """Write (Y, X) or (B, Y, X) numbers without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = numbers if numbers.ndim == 3 else numbers[None]
    count, height, width = layers.shape
    with rasterio.open(
        path,
        "w",
        driver="JP2OpenJPEG",
        width=width,
        height=height,
        count=count,
        dtype=layers.dtype,
        crs=CRS,
        transform=CORNER @ Affine.scale(metres / 10),
        QUALITY="100",
        REVERSIBLE="YES",
    ) as raster:
        raster.write(layers)


def write_metadata(safe: Path, made: Made, *, old: bool = False) -> Path:
    """Write the product's metadata, and what stands beside it; `old` as before 02.12."""
    text = metadata(made, old=old)
    path = safe / f"MTD_MSI{made.level}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    (safe / "manifest.safe").write_text("<manifest/>")
    granule = safe / "GRANULE" / made.granule
    granule.mkdir(parents=True, exist_ok=True)
    (granule / "MTD_TL.xml").write_text("<tile/>")
    return path


def metadata(made: Made, *, old: bool = False) -> str:
    """The XML of a product, cut down to the elements that tools read, in their places."""
    level = made.level[1:]
    info = "L2A_Product_Info" if old else "Product_Info"
    characteristics = (
        "L2A_Product_Image_Characteristics" if old else "Product_Image_Characteristics"
    )
    uri = "PRODUCT_URI_2A" if old else "PRODUCT_URI"
    start = f"{made.day}T{made.clock[:2]}:{made.clock[2:4]}:{made.clock[4:]}.024Z"
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{level}_User_Product
    xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <n1:General_Info>
    <{info}>
      <PRODUCT_START_TIME>{start}</PRODUCT_START_TIME>
      <PRODUCT_STOP_TIME>{start}</PRODUCT_STOP_TIME>
      <{uri}>{made.name}.SAFE</{uri}>
      <PROCESSING_LEVEL>Level-{level}</PROCESSING_LEVEL>
      <PRODUCT_TYPE>S2MSI{level}</PRODUCT_TYPE>
      <PROCESSING_BASELINE>{made.baseline}</PROCESSING_BASELINE>
      <GENERATION_TIME>2030-01-01T00:00:00.000000Z</GENERATION_TIME>
      <Datatake datatakeIdentifier="GS2A_{made.moment}_016279_N{made.baseline}">
        <SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME>
        <DATATAKE_SENSING_START>{start}</DATATAKE_SENSING_START>
        <SENSING_ORBIT_NUMBER>{ORBIT}</SENSING_ORBIT_NUMBER>
        <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
      </Datatake>
    </{info}>
    <{characteristics}>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>
        <SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
      </Special_Values>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>
        <SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX>
      </Special_Values>
{_radiometry(made, old=old)}
    </{characteristics}>
  </n1:General_Info>
  <n1:Quality_Indicators_Info>
    <Cloud_Coverage_Assessment>{made.cloud}</Cloud_Coverage_Assessment>
  </n1:Quality_Indicators_Info>
</n1:Level-{level}_User_Product>
"""


def _radiometry(made: Made, *, old: bool) -> str:
    if made.level == "L1C":
        name, place = "RADIO_ADD_OFFSET", "Radiometric_Offset_List"
        lines = ['<QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>']
    elif old:
        name, place = "", ""
        lines = [
            "<L1C_L2A_Quantification_Values_List>",
            '<L1C_TOA_QUANTIFICATION_VALUE unit="none">1000</L1C_TOA_QUANTIFICATION_VALUE>',
            '<L2A_BOA_QUANTIFICATION_VALUE unit="none">10000</L2A_BOA_QUANTIFICATION_VALUE>',
            "</L1C_L2A_Quantification_Values_List>",
        ]
    else:
        name, place = "BOA_ADD_OFFSET", "BOA_ADD_OFFSET_VALUES_LIST"
        lines = [
            "<QUANTIFICATION_VALUES_LIST>",
            '<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>',
            '<AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>',
            "</QUANTIFICATION_VALUES_LIST>",
        ]
    if made.offset:
        lines += [f"<{place}>"]
        lines += [
            f'<{name} band_id="{number}">{made.offset}</{name}>'
            for number in range(len(BAND_METRES))
        ]
        lines += [f"</{place}>"]
    return "\n".join(f"      {line}" for line in lines)


def _write_band(images: Path, made: Made, band: str, stored: np.ndarray) -> None:
    stem = f"{TILE}_{made.moment}_{band}"
    own = BAND_METRES[band]
    if made.level == "L1C":
        write_jp2(images / f"{stem}.jp2", stored, metres=own)
        return
    for metres, bands in L2A_AT.items():
        if band in bands and metres >= own:
            coarse = _coarser(stored, metres // own)
            write_jp2(images / f"R{metres}m" / f"{stem}_{metres}m.jp2", coarse, metres=metres)


def _write_layers(images: Path, made: Made, shape: tuple[int, int]) -> None:
    """What is no reflectance: scene classes, true colour, quality; all of it misleading."""
    stem = f"{TILE}_{made.moment}"
    quality = images.parent / "QI_DATA"
    small = np.full((shape[0] // 6, shape[1] // 6), 7, np.uint8)
    write_jp2(quality / "MSK_QUALIT_B02.jp2", small, metres=60)
    write_jp2(quality / f"{stem}_PVI.jp2", np.stack([small] * 3), metres=60)
    if made.level == "L1C":
        write_jp2(images / f"{stem}_TCI.jp2", np.full((3, *shape), 90, np.uint8), metres=10)
        return
    for metres, names in LAYERS_AT.items():
        ones = np.full((shape[0] * 10 // metres, shape[1] * 10 // metres), 90, np.uint8)
        for name in names:
            write_jp2(images / f"R{metres}m" / f"{stem}_{name}_{metres}m.jp2", ones, metres=metres)


def _coarser(numbers: np.ndarray, factor: int) -> np.ndarray:
    height, width = numbers.shape
    blocks = numbers.reshape(height // factor, factor, width // factor, factor)
    return blocks.mean(axis=(1, 3)).round().astype(numbers.dtype)
