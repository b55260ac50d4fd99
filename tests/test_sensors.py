import pytest

from am4cm_cli.sensors import BAND_METRES, band_name


@pytest.mark.parametrize("band", BAND_METRES)
def test_band_knows_its_own_name(band):
    assert band_name(band) == band
    assert band_name(f" {band.lower()} ") == band
    assert band_name(band.replace("B0", "B")) == band
    assert band_name(f"{band}_10m") == band


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("8a", "B8A"),
        ("blue", "B02"),
        ("Green", "B03"),
        ("red", "B04"),
        ("NIR", "B08"),
        ("nir08", "B8A"),
        ("Red Edge 1", "B05"),
        ("swir16", "B11"),
        ("B4, central wavelength 665 nm", "B04"),
        ("B11 (1610 nm)", "B11"),
    ],
)
def test_alias(text, band):
    assert band_name(text) == band


@pytest.mark.parametrize(
    "text", ["", "B00", "B13", "B8B", "SCL", "Band 4", "4", "08", "B2X", "C02"]
)
def test_unknown(text):
    assert band_name(text) is None
