"""Which formats GDAL reads and writes here."""

from collections.abc import Iterator

from am4cm_cli.health.findings import Finding, State
from am4cm_cli.health.probes import probe

TOPIC = "GDAL"
NEEDED = {"GTiff": "images and masks", "VRT": "images in other grids"}
USEFUL = {
    "JP2OpenJPEG": "Sentinel-2's own products (.SAFE)",
    "COG": "copies by other programs",
    "netCDF": "NetCDF by GDAL",
    "Zarr": "Zarr by GDAL",
    "GPKG": "polygons",
}

CODE = """
import json, rasterio
from rasterio.env import Env
with Env() as env:
    print(json.dumps({"gdal": rasterio.__gdal_version__, "drivers": sorted(env.drivers())}))
"""


def look_at_drivers() -> Iterator[Finding]:
    """Find GDAL, and its drivers that matter."""
    answer = probe(CODE)
    if answer.wrong:
        yield Finding(
            topic=TOPIC, name="GDAL", found=answer.wrong, state=State.BROKEN, remedy="see rasterio"
        )
        return
    yield Finding(topic=TOPIC, name="GDAL", found=answer.facts["gdal"])
    there = set(answer.facts["drivers"])
    for name, use in NEEDED.items():
        yield _driver(name, use, there=name in there, needed=True)
    for name, use in USEFUL.items():
        yield _driver(name, use, there=name in there, needed=False)


def _driver(name: str, use: str, *, there: bool, needed: bool) -> Finding:
    missing = State.BROKEN if needed else State.MISSING
    return Finding(
        topic=TOPIC,
        name=name,
        found="there" if there else "not in this build of GDAL",
        state=State.GOOD if there else missing,
        remedy=f"for {use}",
        needed=needed,
    )
