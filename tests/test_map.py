"""docs/contributing.md: its map of the house is whole, and nothing imports from below its line."""

import ast
import itertools
import re
from pathlib import Path

import pytest

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
    """Files of the package that a file imports, wherever in it."""
    types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) not in types:
            for name in imported(node):
                package, *parts = name.split(".")
                if package == HOUSE.name:
                    yield file_of(parts)


def imported(node):
    """Dotted names, those of what is in a module included."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert not node.level, "relative imports are not ours"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def file_of(parts):
    """A module's, by its dotted name, or by that of something in it."""
    module = HOUSE.joinpath(*parts)
    if module.with_suffix(".py").is_file() and parts:
        return module.with_suffix(".py")
    return module / "__init__.py" if module.is_dir() else file_of(parts[:-1])


def lines_of(own, other):
    """Where two files part: modules, or packages around them, side by side in one package."""
    pairs = zip(own.parts, other.parts, strict=False)
    shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return [Path(*path.parts[: shared + 1]) for path in (own, other)]


def test_everything_on_the_map_exists():
    found = list(names())
    assert len(found) > 150
    assert not [path for path in found if not path.exists()]


def test_no_module_is_forgotten_or_named_twice():
    there = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert sorted(house()) == sorted(there - {"__pycache__", "_weights"})


def test_a_module_imports_only_from_lines_above_it():
    """Within packages, too, as far as the map names their modules."""
    place = {path: number for number, path in enumerate(names())}
    found = {
        (own.stem, other.stem)
        for path in HOUSE.rglob("*.py")
        for file in set(imports(ast.parse(path.read_text()))) - {path}
        for own, other in [lines_of(path, file)]
        if own in place and other in place and place[other] > place[own]
    }
    assert found == LAZY


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("from am4cm_cli import reflectances", "reflectances.py"),
        ("from am4cm_cli import __version__", "__init__.py"),
        ("import am4cm_cli.stacks.stack as there", "stacks/stack.py"),
        ("from am4cm_cli.stacks import stack", "stacks/stack.py"),
        ("from am4cm_cli.stacks.stack import Stack", "stacks/stack.py"),
        ("from am4cm_cli.models import build", "models/__init__.py"),
        ("def late():\n    import am4cm_cli.locks", "locks.py"),
    ],
)
def test_imports_of_every_form_are_seen(line, file):
    assert list(imports(ast.parse(line))) == [HOUSE / file]


def test_what_only_type_checkers_import_is_none():
    code = "if TYPE_CHECKING:\n    from am4cm_cli.stacks.stack import Stack\nimport ast"
    assert list(imports(ast.parse(code))) == []
