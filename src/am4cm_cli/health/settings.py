"""Whether settings files can be used."""

from collections.abc import Iterator, Sequence

from am4cm_cli.errors import SettingsError
from am4cm_cli.health.findings import Finding, State


def look_at_settings(faults: Sequence[SettingsError]) -> Iterator[Finding]:
    """Tell what settings files say that cannot be; nothing where all is well."""
    for fault in faults:
        yield Finding(
            topic="settings",
            name="file",
            found=str(fault),
            state=State.BROKEN,
            remedy="mend the file; am4cm config shows what else is set",
        )
