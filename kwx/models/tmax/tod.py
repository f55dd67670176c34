"""`tod`: one model per city, every fifteen minutes from 10:00 to 23:45 of the event day, by the wall clock."""

from __future__ import annotations

from kwx.features.tmax.instants import time_of_day
from kwx.features.tmax.sets import TOD
from kwx.models.tmax.fitted import TmaxFamily

FAMILY = TmaxFamily(set=TOD)
CLOCK = time_of_day
