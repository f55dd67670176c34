"""The small family of the registry's tests, with pilots of two cities."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if "tiny_family" not in sys.modules:
    _path = Path(__file__).parents[1] / "registry" / "tiny.py"
    _spec = importlib.util.spec_from_file_location("tiny_family", _path)
    sys.modules["tiny_family"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["tiny_family"])

_tiny_family = sys.modules["tiny_family"]._tiny_family
shelf_made = sys.modules["tiny_family"].shelf_made
shelf_root = sys.modules["tiny_family"].shelf_root
