"""Everything that speaks with weather vendors and offices: their answers turned into rows of the lake."""

from __future__ import annotations
