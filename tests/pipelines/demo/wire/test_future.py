"""A server in the middle of a world knows nothing of what comes: a world and its fork answer alike until they part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pipelines.demo import World
from pipelines.demo.wire import Limits, serve

API = "/trade-api/v2"
TIMELINE = "/VisualCrossingWebServices/rest/services/timeline"
FORK = date(2026, 11, 2)
MIDNIGHT = datetime(2026, 11, 2, 6, tzinfo=UTC)
SPAN = {"sts": "2026-10-30T00:00Z", "ets": "2026-11-05T00:00Z"}
LIFE = {"start_ts": 1793455200, "end_ts": 1793685660, "period_interval": 60}
QUESTIONS: tuple[tuple[str, dict], ...] = (
    (f"{API}/markets", {"limit": 1000}),
    (f"{API}/events", {"with_nested_markets": "true"}),
    (f"{API}/series/KXHIGHCHI/events/KXHIGHCHI-26NOV02/candlesticks", LIFE),
    (f"{API}/markets/trades", {"limit": 1000}),
    (f"{TIMELINE}/stn:KMDW/2026-10-31/2026-11-03", {"include": "obs,minutes", "key": "k"}),
    (f"{TIMELINE}/stn:KMDW/today/tomorrow", {"include": "obs,fcst,hours,minutes", "key": "k"}),
    (f"{TIMELINE}/Chicago,IL/2026-11-02", {"include": "days,hours", "forecastBasisDate": "2026-11-02", "key": "k"}),
    ("/cgi-bin/afos/retrieve.py", {"pil": "CLIMDW", "limit": 9999}),
    ("/cgi-bin/afos/retrieve.py", {"pil": "DSMMDW", "limit": 9999}),
    ("/json/cli.py", {"station": "KMDW", "year": 2026}),
    ("/cgi-bin/request/asos.py", {"station": "MDW", **SPAN}),
    ("/cgi-bin/request/mos.py", {"station": "KMDW", "model": "NBS", **SPAN}),
    ("/kalshi/api/climate/primary", {"date": "2026-11-01"}),
    ("/kalshi/api/climate/primary", {"date": "2026-11-02"}),
)


@pytest.fixture(scope="module")
def answers(asking: Callable) -> list[list[bytes]]:
    """Every answer of a world and of its fork, at the midnight at which they part and an hour later."""
    world = World(days=3, until=date(2026, 11, 3), cities=("chicago",), seed=11)
    found = []
    for now in (MIDNIGHT, MIDNIGHT.replace(hour=18)):
        for one in (world, replace(world, fork=FORK)):
            with serve(one, now=now, limits=Limits(kalshi_tokens_per_second=None)) as served:
                found.append([asking(served)(path, **query).body for path, query in QUESTIONS])
    return found


@pytest.mark.parametrize(
    "place", range(len(QUESTIONS)), ids=lambda place: f"{place}-{QUESTIONS[place][0].rpartition(chr(47))[2]}"
)
def test_an_answer_does_not_know_which_future_comes(answers: list[list[bytes]], place: int) -> None:
    """Until the fork both worlds are one."""
    assert answers[0][place] == answers[1][place]


def test_the_fork_is_real(answers: list[list[bytes]]) -> None:
    """Half a day later they have parted."""
    parted = [one != other for one, other in zip(answers[2], answers[3], strict=True)]

    assert sum(parted) >= 8
