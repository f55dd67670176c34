"""`market_clock`: one model of every city, every five minutes from the market's open on the eve to 23:55 of the day."""

from __future__ import annotations

from kwx.features.tmax.instants import market_clock
from kwx.features.tmax.sets import MARKET_CLOCK
from kwx.models.tmax.fitted import TmaxFamily

FAMILY = TmaxFamily(set=MARKET_CLOCK)
CLOCK = market_clock
