"""Days run from the lake: what is stored, what is held already, what is refused, and that nobody saw the future."""

from __future__ import annotations

import importlib.util
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.hazard.backfill import Wish, _planned, backfill, computed_day, run_day, run_task
from kwx.hazard.days import read_days
from kwx.hazard.drafts import Drafts
from kwx.hazard.fits import fit_before, fits_of
from kwx.hazard.law import HOURS, Baseline, hour_label
from kwx.hazard.recipe import Recipe
from kwx.hazard.rows import joined_degrees, joined_minutes
from kwx.hazard.run import run_days
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, PMF_DEGREES, PMF_MINUTE, Partition
from warehouse.market.cities import CITIES

_SPEC = importlib.util.spec_from_file_location("kwx_test_helpers", Path(__file__).parents[1] / "conftest.py")
