from pathlib import Path

import pytest

from am4cm_cli.stacks.names import is_other_layer, told_by_name

PRODUCT = "S2B_MSIL1C_20220301T104851_N0400_R051_T31UFQ_20220301T120000"


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        (f"{PRODUCT}.tif", ("L1C", "04.00", "T31UFQ", 51)),
        (f"/data/{PRODUCT}.SAFE/x/T31UFQ_20220301T104851_B02.tif", ("L1C", "04.00", "T31UFQ", 51)),
        ("S2_L2A_20180106.tif", ("L2A", None, None, None)),
        ("S2A_MSIL2A_20180804.tif", ("L2A", None, None, None)),
        (
            "SENTINEL2A_20180408-104539-942_L2A_T31UFQ_C_V2-2_FRE_B2.tif",
            ("L2A", None, "T31UFQ", None),
        ),
        ("20180804_LEVEL2_SEN2A_TOA.tif", ("L1C", None, None, None)),
        ("S2A1C_20180804_051_Name_TOA_10.tif", ("L1C", None, None, 51)),
        ("20180804T105019_20180804T105022_T31UFQ.B2.tif", (None, None, "T31UFQ", None)),
    ],
)
def test_facts_in_names(path, facts):
    product = told_by_name(Path(path))
    assert (product.level, product.baseline, product.tile, product.orbit) == facts


@pytest.mark.parametrize("path", ["lazio-l1c/2018-01-06.tif", "L2A/scene.tif", "XL2AX.tif"])
def test_names_that_tell_nothing(path):
    assert told_by_name(Path(path)) is None


# Granules and when they were seen, by the names of the products that they lie in.
@pytest.mark.parametrize(
    ("orbit", "day"),
    [("000162", "2015-07-04"), ("000638", "2015-08-06"), ("002599", "2015-12-21")],
)
def test_the_day_of_an_orbit(orbit, day):
    name = f"S2A_OPER_MSI_L1C_TL_EPA__20160605T113933_A{orbit}_T33UUP_N02.02"
    assert told_by_name(Path(name)).moment.time.date().isoformat() == day


@pytest.mark.parametrize(
    "name",
    [
        "T31UFQ_20180804T105021_SCL_20m",
        "L2A_T31UFQ_20180804T105021_AOT_10m",
        "S2A2A_20180804_051_Name_NDVI_10",
        "20180804_LEVEL2_SEN2A_QAI",
        "20180804_LEVEL2_LND08_BOA",
    ],
)
def test_other_layers(name):
    assert is_other_layer(Path(f"{name}.tif"))


@pytest.mark.parametrize(
    "name", ["T31UFQ_20180804T105021_B02", "S2A2A_20180804_051_Name_BOA_10", "SCL", "a_SCL"]
)
def test_no_other_layers(name):
    assert not is_other_layer(Path(f"{name}.tif"))
