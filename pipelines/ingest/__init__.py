"""Ingest: plan the questions, fetch what is missing, archive it, fold it into one publish.

A replay starts at the third step.
"""

from __future__ import annotations
