"""Licences of what am4cm needs, as its packages tell them: writes docs/licences.md.

    python bench/licences.py docs/licences.md

Of the packages that are installed beside it, at the versions that constraints.txt has here; what an
extra needs is told only if the extra is installed, and is refused otherwise.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).with_suffix(".md")
WITHOUT_METADATA = {"prosail": "GPLv3 (`prosail.__license__`)"}
"""Where neither metadata nor a licence file tells."""


def needs(name: str, extra: str) -> Iterator[str]:
    """Packages that a package needs here, with one of its extras or none ("")."""
    for line in distribution(name).requires or ():
        wanted = Requirement(line)
        within = wanted.marker is None or wanted.marker.evaluate({"extra": extra})
        if within and not (extra and _needs_anyway(wanted)):
            yield canonicalize_name(wanted.name)


def _needs_anyway(wanted: Requirement) -> bool:
    return wanted.marker is None or wanted.marker.evaluate({"extra": ""})


def all_needs(names: Iterator[str]) -> set[str]:
    """These packages and what they need in turn; those that are not for this machine left out."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += needs(name, "")
    return found


def licence(package: Distribution) -> str:
    """By its expression, else by its classifiers, else by its own words or its licence file."""
    told = package.metadata
    if expression := told.get("License-Expression"):
        return expression
    classified = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or []
        if line.startswith("License :: OSI Approved :: ")
    ]
    if classified:
        return ", ".join(classified)
    words = (told.get("License") or "").strip().partition("\n")[0]
    if words and words != "UNKNOWN":
        return words[:60]
    return WITHOUT_METADATA.get(canonicalize_name(told["Name"])) or _of_file(package)


def _of_file(package: Distribution) -> str:
    for file in package.files or ():
        if re.match(r"LICEN[CS]E|COPYING", file.name, re.IGNORECASE):
            lines = Path(str(file.locate())).read_text(encoding="utf-8").split("\n")
            return next(line.strip() for line in lines if line.strip())
    raise SystemExit(f"{package.metadata['Name']}: tells no licence; look it up, and note it here.")


def rows() -> Iterator[str]:
    """A row for each package: what am4cm names, then what that needs in turn."""
    extras = distribution("am4cm").metadata.get_all("Provides-Extra") or []
    direct: dict[str, list[str]] = {}
    for extra in ["", *sorted(extras)]:
        for name in needs("am4cm", extra):
            direct.setdefault(name, []).append(extra or "always")
    core = all_needs(name for name, why in direct.items() if why == ["always"])
    for name in sorted(direct):
        yield _row(name, ", ".join(direct[name]))
    for name in sorted(all_needs(iter(direct)) - set(direct)):
        yield _row(name, "always, by others" if name in core else "extras, by others")


def _row(name: str, why: str) -> str:
    package = distribution(name)
    return f"| {package.metadata['Name']} | {package.version} | {licence(package)} | {why} |"


def main(out: Path) -> None:
    """Write the page."""
    try:
        table = "\n".join(rows())
    except PackageNotFoundError as error:
        raise SystemExit(f"{error}: install am4cm with all of its extras first.") from None
    out.write_text(PAGE.read_text(encoding="utf-8").replace("{table}", table), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
