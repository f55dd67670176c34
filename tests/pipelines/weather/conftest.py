"""Small answers of weather vendors, as they would come over the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.visual_crossing import parse_vc_obs


@dataclass(frozen=True)
class TimelineWorld:
    """Visual Crossing at Chicago Midway on a July afternoon; times are in minutes after 18:00 UTC."""

    start_utc: datetime = datetime(2025, 7, 15, 18, tzinfo=UTC)
    received_utc: datetime = datetime(2025, 7, 20, tzinfo=UTC)
    station: str = "KMDW"

    def at(self, minute: float) -> datetime:
        """Return an instant."""
        return self.start_utc + timedelta(minutes=minute)

    def slot(self, minute: float, temp: Any = 89.6, **said: Any) -> dict[str, Any]:
        """Return one measured minute (or hour) as the vendor writes it."""
        clock = (self.at(minute) - timedelta(hours=5)).strftime("%H:%M:%S")
        row = {"datetime": clock, "datetimeEpoch": int(self.at(minute).timestamp()), "temp": temp}
        row |= {"dew": 66.2, "humidity": 46.1, "windspeed": round(5 + minute / 7 % 9, 1), "source": "obs"}
        return row | {"stations": [self.station]} | said

    def body(self, *minutes: Any, **top: Any) -> bytes:
        """Return an answer of one day with one hour that holds these minutes."""
        hour = {"datetime": "13:00:00", "datetimeEpoch": int(self.at(0).timestamp()), "temp": 90.0, "source": "obs"}
        day = {"datetime": "2025-07-15", "tempmax": 99.9, "hours": [hour | {"minutes": list(minutes)}]}
        address = f"stn:{self.station}"
        said = {"queryCost": 288, "address": address, "resolvedAddress": address, "timezone": "America/Chicago"}
        return json.dumps(said | {"days": [day]} | top).encode()

    def payload(self, body: bytes, kind: str = "vc_obs", **asked: Any) -> Payload:
        """Return a body as received."""
        received_utc = asked.pop("received_utc", self.received_utc)
        return Payload(kind=kind, asked={"city": "chicago"} | asked, body=body, received_utc=received_utc)

    def obs(self, *minutes: Any, **asked: Any) -> Parsed:
        """Parse one answer with these minutes."""
        (parsed,) = parse_vc_obs([self.payload(self.body(*minutes), **asked)])
        return parsed


@pytest.fixture(scope="session")
def timeline() -> TimelineWorld:
    """Give a timeline."""
    return TimelineWorld()
