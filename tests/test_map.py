"""docs/contributing.md: its map of the house is whole, and nothing imports from below its line."""

import ast
import re

from pages import ROOT, blocks

PAGE = ROOT / "docs" / "contributing.md"
HOUSE = ROOT / "src" / "am4cm_cli"
NAME = re.compile(r"\b(\w+\.py|\w+/)")
LAZY = {("__init__", "cube_masks")}
"""What Python programs use is imported by the package itself, once it is asked for."""


def lines():
    """(depth, text) of the map's lines, 0 for those at the repository's root."""
    (tree,) = (b.code for b in blocks(PAGE) if b.code.startswith("src/am4cm_cli/"))
    for line in tree.splitlines():
        yield (len(line) - len(line.lstrip())) // 2, line.strip()


def names():
    """Paths that the map names, in its order."""
    folders = []
    for depth, text in lines():
        words = text.split("  ")[0]
        if depth > 3:  # a line's continuation
            words = text
        else:
            folders = folders[:depth]
        here = [ROOT, *folders][-1]
        if depth <= 3 and words.endswith("/"):
            folders.append(here / words.rstrip("/"))
            yield folders[-1]
            here, words = folders[-1], text.partition("  ")[2]
        for name in NAME.findall(words):
            yield here / name


def house():
    """Top-level modules and packages in the map's order."""
    return [path.stem for path in names() if path.parent == HOUSE]


def imports(tree):
    """Modules at the top level of the package that a file imports, wherever in it."""
    types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in types:
            package, _, rest = (node.module or "").partition(".")
            if package == "am4cm_cli" and rest:
                yield rest.partition(".")[0]


def test_everything_on_the_map_exists():
    found = list(names())
    assert len(found) > 150
    assert not [path for path in found if not path.exists()]


def test_no_module_is_forgotten_or_named_twice():
    there = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert sorted(house()) == sorted(there - {"__pycache__", "_weights"})


def test_a_module_imports_only_from_lines_above_it():
    place = {name: number for number, name in enumerate(house())}
    found = {
        (own, other)
        for path in HOUSE.rglob("*.py")
        for own in [path.relative_to(HOUSE).parts[0].removesuffix(".py")]
        for other in imports(ast.parse(path.read_text()))
        if place[other] > place[own]
    }
    assert found == LAZY
