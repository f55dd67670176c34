"""Cities whose prices or weather are too old risk nothing new, and no other city is held back for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from kwx.config.live import FeedFields
from kwx.live.journal.record import PRICES, WEATHER
from kwx.live.staleness import is_off, not_fresh, stale_cities
from tests.kwx.exec.made import made_minutes

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
FIELDS = FeedFields(stale_prices_seconds=90, stale_weather_seconds=900)


def _ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def test_a_source_is_too_old_beyond_its_limit_and_one_of_two_weather_feeds_is_enough() -> None:
    heard = {
        ("metar", "miami"): _ago(2_000), ("vc_obs", "miami"): _ago(100), ("metar", "nyc"): _ago(901),
        ("vc_obs", "nyc"): None,
    }  # fmt: skip
    told = stale_cities(
        NOON, ["miami", "nyc", "austin"], priced_until={"miami": _ago(91), "nyc": _ago(90)}, heard_of=heard,
        fields=FIELDS,
    )  # fmt: skip
    assert told == {"miami": (PRICES,), "nyc": (WEATHER,), "austin": (PRICES, WEATHER)}


def test_a_clock_of_which_nobody_knows_is_off_where_it_must_be_known() -> None:
    assert [is_off(None, 2, must_be_known=must) for must in (True, False)] == [True, False]
    assert [is_off(ahead_s, 2, must_be_known=True) for ahead_s in (0.0, -2.0, 2.1)] == [False, False, True]


def test_only_the_stale_city_is_not_fresh() -> None:
    minute = made_minutes(1, brackets=2, cities=2, dates=1)
    first = minute._replace(**{name: getattr(minute, name)[0] for name in ("fresh", "open")})
    held = not_fresh(first, ["miami", "nyc"], {"nyc": (WEATHER,)})
    np.testing.assert_array_equal(held.fresh[:, 0], first.fresh[:, 0])
    assert not held.fresh[:, 1].any()
    assert first.fresh[:, 1].all(), "the minute before is left as it was"
