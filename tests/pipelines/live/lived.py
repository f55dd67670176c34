"""A demo world that is led by hand, and the way of a running day from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipelines.archive import scan
from pipelines.asking.secrets import Secret, Secrets
from pipelines.demo.wire import Limits, Served
from pipelines.ingest.access import Entry
from pipelines.ingest.loopback import hello_of
from pipelines.live.feeds import Feeds, Polled, live_feeds
from pipelines.live.settings import LIVE_PATIENCE, FeedSettings
from pipelines.vendors import Vendors, loopback
from warehouse.lake.store import Lake

FAST = Limits(kalshi_tokens_per_second=None, kalshi_burst_tokens=1)
QUICK = replace(LIVE_PATIENCE, first_wait_s=0.01, longest_wait_s=0.02, rest_s=0.01)
NO_HISTORY = datetime(2026, 9, 1, tzinfo=UTC)

OPENING = datetime(2026, 10, 31, 14, tzinfo=UTC)
"""When the event of the day on which the clocks go back opens, while that of the day before trades."""

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass(kw_only=True)
class Day:
    """A led world, its vendors, and a lake."""

    served: Served
    lake: Lake
    vendors: Vendors

    @property
    def entry(self) -> Entry:
        """Everything is asked of the server, as fast as it answers."""
        return Entry(
            vendors=self.vendors,
            secrets=Secrets(visual_crossing_key=Secret("key-of-the-demo")),
            origin="loopback",
        )

    @contextmanager
    def feeds(self, *, background: bool = False, **said: Any) -> Iterator[Feeds]:
        """Open the feeds of the world's cities."""
        hello = hello_of(self.entry)
        if self.served.hands.is_led:
            hello = replace(hello, clock=self.served.hands)
        with live_feeds(
            self.entry,
            self.lake,
            cities=self.served.world.cities,
            settings=FeedSettings(**({"books": False, "patience": QUICK} | said)),
            hello=hello,
            background=background,
        ) as feeds:
            yield feeds

    def at(self, feeds: Feeds, instant_utc: datetime) -> Polled:
        """Let it be later, and poll."""
        self.served.advance_to(instant_utc)
        return feeds.poll(instant_utc)

    def asked(self, kind: str) -> list[dict[str, str]]:
        """Return what was asked in the questions of one kind that were answered, oldest first."""
        found = [one for one in scan(self.lake.paths.raw) if one.payload.kind == kind]
        parts = [urlsplit(one.uri) for one in found]
        return [{name: said[-1] for name, said in parse_qs(part.query).items()} | {"": part.path} for part in parts]


def day_of(served: Served, lake: Lake) -> Day:
    """Return a day in which one server stands for every vendor."""
    return Day(served=served, lake=lake, vendors=loopback(served.url, tokens_per_second=100_000))
