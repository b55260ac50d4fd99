import pytest

from am4cm_cli.sensors import BAND_METRES, band_name, name_bands, similar_band


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
        ("B8a", "B8A"),
        ("B08A", "B8A"),
        ("Band 8A", "B8A"),
        ("BLUE", "B02"),
        ("B2 - Blue", "B02"),
        ("B05: vegetation red edge 1", "B05"),
        ("S2A_B12", "B12"),
        ("sentinel-2 B3", "B03"),
        ("FRE_B8A", "B8A"),
        ("20180804T105022_B02", "B02"),
        ("B02 492.4 nm", "B02"),
        ("ULTRABLUE", "B01"),
        ("coastal aerosol", "B01"),
        ("RE3", "B07"),
        ("BROADNIR", "B08"),
        ("Narrow NIR", "B8A"),
        ("swir_2", "B12"),
    ],
)
def test_alias(text, band):
    assert band_name(text) == band


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B00",
        "B13",
        "B8B",
        "SCL",
        "Band 4",
        "4",
        "08",
        "B2X",
        "C02",
        "B2 - B3",
        "B02 red",
        "B2/B4",
        "B2_clouds",
        "Band 11",
    ],
)
def test_unknown(text):
    assert band_name(text) is None


def test_force_means_the_narrow_band_by_nir_beside_a_broad_one():
    edges = [f"REDEDGE{place}" for place in (1, 2, 3)]
    names = ["BLUE", "GREEN", "RED", *edges, "BROADNIR", "NIR", "SWIR1", "SWIR2"]
    assert name_bands(names) == (
        *("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"),
    )
    assert name_bands(["blue", "nir", "nir08"]) == ("B02", "B08", "B8A")
    assert name_bands(["NIR", "SCL"]) == ("B08", None)


@pytest.mark.parametrize(
    ("text", "name"), [("bleu", "blue"), ("B8B", "B8A"), ("swirl1", "swir1"), ("xyzzy?", None)]
)
def test_a_mistyped_band_resembles_one(text, name):
    assert similar_band(text) == name
