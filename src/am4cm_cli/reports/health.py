"""A look at the installation, as a table."""

from rich.table import Table
from rich.text import Text

from am4cm_cli.health.findings import Finding, Health, State

MARKS = {
    State.GOOD: ("good", "green"),
    State.MISSING: ("none", "dim"),
    State.BROKEN: ("BROKEN", "bold red"),
}


def health_table(health: Health) -> Table:
    """A row for each finding, under its topic; words, not colours alone, tell the state."""
    table = Table(box=None, pad_edge=False, show_header=False, expand=True)
    for ratio in (None, None, 3, 2):
        table.add_column(overflow="fold", ratio=ratio)
    for number, (topic, findings) in enumerate(health.topics().items()):
        if number:
            table.add_row()
        table.add_row("", Text(topic, style="bold"))
        for finding in findings:
            table.add_row(*_row(finding))
    return table


def _row(finding: Finding) -> tuple[Text, Text, Text, Text]:
    word, style = MARKS[finding.state]
    return (
        Text(word, style=style),
        Text(f"  {finding.name}"),
        Text(finding.found),
        Text(finding.remedy, style="dim"),
    )
