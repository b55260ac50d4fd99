"""What the code imports is what pyproject.toml declares."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from am4cm_cli.health.packages import BY_EXTRA, PACKAGES

HOUSE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]


LIMITED = {"pictures": "matplotlib", "workers.py": "distributed"}
"""What needs an extra as soon as it is imported; verbs import it on use and name the extra."""


def imported(*, on_use):
    """Foreign packages, by the modules that import them; in functions, too, if on_use."""
    return {
        (path.relative_to(HOUSE / "src" / "am4cm_cli").as_posix(), name.partition(".")[0])
        for path in (HOUSE / "src").rglob("*.py")
        for node in statements(ast.parse(path.read_text()).body, on_use=on_use)
        for name in packages(node)
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "am4cm_cli"}
    }


def statements(body, *, on_use):
    """All that can run; blocks for type checkers cannot."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        if on_use or not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            for part in ("body", "orelse", "handlers", "finalbody", "cases"):
                yield from statements(getattr(node, part, []), on_use=on_use)


def packages(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) else []


def names(requirements):
    return {re.match(r"[\w.-]+", one)[0].lower().replace("_", "-") for one in requirements}


def of(modules):
    """Distributions by what they are imported as."""
    known = packages_distributions()
    return {name: names(known[name]) for name in modules}


def test_what_every_module_needs_is_a_dependency():
    core = names(PROJECT["dependencies"])
    needed = {
        (module, name)
        for module, name in imported(on_use=False)
        if LIMITED.get(module.partition("/")[0]) != name
    }
    known = of(name for _, name in needed)
    assert {(module, name) for module, name in needed if not known[name] & core} == set()


def test_all_else_that_is_imported_is_of_an_extra():
    extras = PROJECT["optional-dependencies"].values()
    declared = names(PROJECT["dependencies"]).union(*map(names, extras))
    known = of(name for _, name in imported(on_use=True))
    assert {name for name, found in known.items() if not found & declared} == set()


def test_no_dependency_is_declared_in_vain():
    used = set().union(*of(name for _, name in imported(on_use=True)).values())
    assert names(PROJECT["dependencies"]) - used == set()


def test_doctor_looks_at_all_that_is_declared():
    looked_at = {extra.name: names(p.name for p in extra.packages) for extra in BY_EXTRA}
    declared = PROJECT["optional-dependencies"]
    assert looked_at == {extra: names(packages) for extra, packages in declared.items()}
    assert names(package.name for package in PACKAGES) == names(PROJECT["dependencies"])


def test_doctor_imports_them_by_their_modules():
    every = [*PACKAGES, *(package for extra in BY_EXTRA for package in extra.packages)]
    known = of(package.module.partition(".")[0] for package in every)
    assert [p for p in every if not names([p.name]) <= known[p.module.partition(".")[0]]] == []
