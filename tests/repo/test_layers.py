"""The one law: warehouse ← pipelines ← kwx. Data flows up, imports point down."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("warehouse", "pipelines", "kwx")
# Inside kwx: a room may import the rooms of earlier groups; rooms of one group do not import each other.
ROOMS = (
    ("scoring", "plots"),
    ("hazard", "fuse", "features"),
    ("models",),
    ("signals",),
    ("exec",),
    ("backtest", "live", "audits"),
    ("monitor", "parity"),
    ("nightly",),
    ("cli",),
)


def imported_modules(path: Path) -> set[str]:
    """Return every module that a file imports, at any depth, as dotted names."""
    tree = ast.parse(path.read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return plain | {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def upward_imports(layer: str) -> list[str]:
    """Return the imports of a layer that point at a layer above it."""
    above = set(LAYERS[LAYERS.index(layer) + 1 :])
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / layer).rglob("*.py"))
        for module in sorted(imported_modules(path))
        if module.split(".")[0] in above
    ]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_downward(layer):
    """A package may use only the packages below it."""
    assert [] == upward_imports(layer)


def test_rooms_of_kwx_import_only_earlier_rooms():
    """Inside kwx the order of thought is the order of imports."""
    height = {room: number for number, group in enumerate(ROOMS) for room in group}
    broken = []
    for path in sorted((ROOT / "kwx").rglob("*.py")):
        room = path.relative_to(ROOT / "kwx").parts[0].removesuffix(".py")
        targets = {module.split(".")[1] for module in imported_modules(path) if module.startswith("kwx.")}
        broken += [
            f"{path.relative_to(ROOT)} imports kwx.{t}"
            for t in sorted(targets)
            if t != room and room in height and height.get(t, -1) >= height[room]
        ]

    assert [] == broken


def test_the_law_sees_an_upward_import(tmp_path):
    """The reader of imports finds them at any depth, also inside functions."""
    path = tmp_path / "low.py"
    path.write_text("def f():\n    from kwx import cli\n    import pipelines.build\n")

    assert {"kwx.cli", "pipelines.build"} == imported_modules(path)


def test_only_the_clock_reads_the_time():
    """Everything that needs the time of day takes a clock."""
    readers = [
        str(path.relative_to(ROOT))
        for layer in LAYERS
        for path in sorted((ROOT / layer).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today", "time"}
        and isinstance(node.value, ast.Name)
    ]

    assert ["warehouse/clock.py"] == sorted(set(readers))
