"""docs/licences.md, CITATION.cff, the model card and CHANGELOG.md agree with the code."""

import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from am4cm_cli import __version__
from am4cm_cli.published import DEFAULT_NAME

HOUSE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
DATED = re.compile(r"^## \[(\S+)\] - (\d{4}-\d{2}-\d{2}|unreleased)$", re.M)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def listed():
    """Cells of the table of packages, by name."""
    page = (HOUSE / "docs" / "licences.md").read_text()
    _, _, table = page.partition("| package | version | licence | needed by |")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return {normal(name): (version, licence, why) for name, version, licence, why in rows}


@pytest.mark.parametrize("extra", ["", *PROJECT["optional-dependencies"]])
def test_every_package_that_is_declared_is_listed_with_a_licence(extra):
    declared = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found = listed()
    for requirement in declared:
        name = normal(re.match(r"[\w.-]+", requirement)[0])
        version, licence, why = found[name]
        assert re.fullmatch(r"\d[\w.+]*", version)
        assert len(licence) > 2
        assert (extra or "always") in why.split(", ")


def test_versions_are_those_of_the_constraints():
    pinned = dict(
        re.match(r"([\w.-]+)==([^\s;]+)", line).groups()
        for line in (HOUSE / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#") and "python_full_version >= '3.12'" not in line
    )
    off = {
        name: (version, pinned[name])
        for name, (version, _, _) in listed().items()
        if version.partition("+")[0] != pinned[name]
    }
    assert off == {}


def test_the_model_card_names_the_default_weights_and_their_bytes():
    card = (HOUSE / "weights" / "MODEL_CARD.md").read_text()
    assert DEFAULT_NAME in card
    for path in sorted((HOUSE / "weights").glob("*.safetensors")):
        assert f"{sha256(path.read_bytes()).hexdigest()}  {path.name}" in card


def test_the_cards_figures_are_the_readmes():
    card = (HOUSE / "weights" / "MODEL_CARD.md").read_text()
    told = (HOUSE / "weights" / "README.md").read_text()
    _, _, told = told.partition("## Old and new")
    known = [(cells[0], cells[-1].replace("*", "")) for cells in cells_of(told)]
    shown = [tuple(cells) for cells in cells_of(card.partition("| on | figure |")[2])]
    assert len(shown) == 12
    assert [pair for pair in known if pair in shown] == shown


def cells_of(page):
    """The cells of the first table of a page, row by row, without its head."""
    table, _, _ = page.partition("|\n\n")
    rows = [line.strip("| ").split(" | ") for line in f"{table}|".splitlines()]
    return [row for row in rows if len(row) > 1 and "---" not in row[0]]


def test_one_version_everywhere():
    citation = yaml.safe_load((HOUSE / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["license"]
    (newest, date), *_ = DATED.findall((HOUSE / "CHANGELOG.md").read_text())
    assert newest == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", __version__)
    assert date == str(citation.get("date-released", "unreleased"))
