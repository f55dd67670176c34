"""Everything that speaks with the exchange: its records, of every era, turned into rows of the lake."""

from __future__ import annotations
