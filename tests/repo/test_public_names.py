"""Every public name says what it is; every module says what lives in it."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for layer in ("warehouse", "pipelines", "kwx")
    for path in (ROOT / layer).rglob("*.py")
)


def public_definitions(tree: ast.AST):
    """Yield the public classes and functions of a module, methods included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node)


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_a_sentence(name):
    """A module, a class or a function that others may use says what it is for."""
    base = ROOT / name.replace(".", "/")
    tree = ast.parse((base / "__init__.py" if base.is_dir() else base.with_suffix(".py")).read_text())
    silent = [node.name for node in public_definitions(tree) if not ast.get_docstring(node)]

    assert ast.get_docstring(tree), f"{name} does not say what lives in it"
    assert [] == silent


@pytest.mark.parametrize("name", [name for name in MODULES if (ROOT / name.replace(".", "/")).is_dir()])
def test_a_package_lists_only_names_that_it_has(name):
    """`__all__` is true: each name is there."""
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", [])

    assert [] == [entry for entry in listed if not hasattr(module, entry)]
    assert sorted(set(listed), key=listed.index) == list(listed)


def test_every_module_can_be_imported_alone():
    """No module needs another to have been imported before it."""
    found = {
        info.name
        for layer in ("warehouse", "pipelines", "kwx")
        for info in pkgutil.walk_packages([str(ROOT / layer)], f"{layer}.")
    }

    assert found <= set(MODULES)
    for name in sorted(found - {"kwx.__main__"}):
        importlib.import_module(name)
