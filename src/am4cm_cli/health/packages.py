"""Which packages there are, and whether they can be imported."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from am4cm_cli.health.findings import Finding, State
from am4cm_cli.health.probes import Answer, probe

NEEDED, EXTRAS = "packages", "extras"
AT_ONCE = 2
"""Imports side by side; each takes a core and a few hundred megabytes."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package by its name on PyPI, and the module it brings."""

    name: str
    module: str


def _same(*names: str) -> tuple[Package, ...]:
    return tuple(Package(name=name, module=name) for name in names)


PACKAGES = (
    *_same("numpy", "scipy", "affine", "rasterio", "torch"),
    *_same("safetensors", "defusedxml", "rich", "typer"),
)
"""What am4cm cannot do without."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """Packages that come with am4cm[name], and what for."""

    name: str
    packages: tuple[Package, ...]
    adds: str


BY_EXTRA = (
    Extra(name="plots", packages=_same("matplotlib"), adds="draw, explain, --plot, train --report"),
    Extra(
        name="vector",
        packages=_same("geopandas", "pyarrow", "pyogrio", "pyproj", "shapely"),
        adds="polygons, parcels, Parquet",
    ),
    Extra(
        name="xarray",
        packages=_same("xarray", "zarr", "netCDF4", "rioxarray", "dask"),
        adds="Zarr and NetCDF, Python",
    ),
    Extra(
        name="stac",
        packages=(*_same("pystac"), Package(name="odc-stac", module="odc.stac")),
        adds="STAC items and catalogues",
    ),
    Extra(name="dask", packages=_same("distributed"), adds="mask --dask"),
    Extra(name="tensorboard", packages=_same("tensorboard"), adds="train --tensorboard"),
    Extra(name="spectra", packages=_same("prosail"), adds="bench/spectra.py alone"),
)


def look_at_packages() -> Iterator[Finding]:
    """Find what am4cm needs, and import it."""
    for package, answer in _import_all(PACKAGES):
        yield Finding(
            topic=NEEDED,
            name=package.name,
            found=answer.wrong or installed(package) or "installed",
            state=State.BROKEN if answer.wrong else State.GOOD,
            remedy=f"pip install --force-reinstall {package.name}" if answer.wrong else "",
        )


def look_at_extras() -> Iterator[Finding]:
    """Find what comes with extras, and import what is there of it."""
    there = [p for extra in BY_EXTRA for p in extra.packages if installed(p)]
    answers = {package.name: answer for package, answer in _import_all(there)}
    for extra in BY_EXTRA:
        yield _extra(extra, answers)


def installed(package: Package) -> str | None:
    """Its version, as its metadata tells it; None if it is not installed."""
    try:
        return version(package.name)
    except PackageNotFoundError:
        return None


def _import_all(packages: Iterable[Package]) -> list[tuple[Package, Answer]]:
    """Import packages in one process; only if that fails each in its own, which takes longer."""
    packages = list(packages)
    together = _import(*packages)
    if not together.wrong:
        return [(package, together) for package in packages]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(zip(packages, pool.map(_import, packages), strict=True))


def _import(*packages: Package) -> Answer:
    names = ", ".join(["json", *(package.module for package in packages)])
    return probe(f"import {names}; print(json.dumps(True))")


def _extra(extra: Extra, answers: dict[str, Answer]) -> Finding:
    missing = [p.name for p in extra.packages if p.name not in answers]
    wrong = {name: answers[name].wrong for name in _names(extra) if name in answers}
    broken = [f"{name}: {why}" for name, why in wrong.items() if why]
    versions = [f"{p.name} {installed(p)}" for p in extra.packages if p.name in answers]
    state = State.BROKEN if broken else State.MISSING if missing else State.GOOD
    found = {
        State.BROKEN: "; ".join(broken),
        State.MISSING: f"without {', '.join(missing)}",
        State.GOOD: ", ".join(versions),
    }
    install = f'pip install "am4cm[{extra.name}]"'
    return Finding(
        topic=EXTRAS,
        name=extra.name,
        found=found[state],
        state=state,
        remedy=extra.adds if state is State.GOOD else f"{install} adds {extra.adds}",
        needed=False,
    )


def _names(extra: Extra) -> list[str]:
    return [package.name for package in extra.packages]
