"""That docs/complaints.md names tests that exist."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "complaints.md"
TESTS = Path(__file__).parent


def test_every_row_names_tests_that_exist():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 15
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row)
        assert named, row
        for file, test in named:
            assert f"\ndef {test}(" in (TESTS / file).read_text(), f"{file}::{test}"
