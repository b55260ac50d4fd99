"""What a look at the installation found."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How something is."""

    GOOD = "good"
    MISSING = "missing"
    """Not there, and masks do not need it."""
    BROKEN = "broken"
    """Masks need it, or it is there and does not work."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    """What it is one of, such as packages."""
    name: str
    found: str
    """A version, a size, or what is wrong."""
    state: State = State.GOOD
    remedy: str = ""
    """What to do about it, or what it would add."""
    needed: bool = True
    """Whether masks need it."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """All that was looked at."""

    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether everything that masks need works."""
        return not any(f.needed and f.state is not State.GOOD for f in self.findings)

    def topics(self) -> Mapping[str, list[Finding]]:
        """The findings by topic, in their order."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.topic, []).append(finding)
        return found

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"whole": self.whole, "findings": [asdict(finding) for finding in self.findings]}


def gather(findings: Iterable[Finding]) -> Health:
    """Put findings together."""
    return Health(findings=tuple(findings))
