"""Which markets a listing holds: the exchange's filter words and which of them go together, checked before asking.

A wrong word is not an error to the exchange: it answers with nothing, or with everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from warehouse.errors import Usage

STATUS_WORDS = ("unopened", "open", "paused", "closed", "settled")

_WORD_OF_PAYLOAD = {
    "initialized": "unopened",
    "active": "open",
    "inactive": "paused",
    "determined": "closed",
    "disputed": "closed",
    "amended": "closed",
    "finalized": "settled",
}
_STATUS_OF_FAMILY: Mapping[str, tuple[str | None, ...]] = {
    "created": ("unopened", "open", None),
    "close": ("closed", None),
    "settled": ("settled", None),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class MarketFilter:
    """What to list: by name, by one status, and by one family of times that suits the status."""

    series_ticker: str | None = None
    event_ticker: str | None = None
    tickers: tuple[str, ...] = ()
    status: str | None = None
    min_created_utc: datetime | None = None
    max_created_utc: datetime | None = None
    min_close_utc: datetime | None = None
    max_close_utc: datetime | None = None
    min_settled_utc: datetime | None = None
    max_settled_utc: datetime | None = None
    min_updated_utc: datetime | None = None
    mve_filter: str | None = None

    def __post_init__(self) -> None:
        if self.status is not None:
            require_status_word(self.status)
        families = [family for family in _STATUS_OF_FAMILY if self._times(family)]
        if len(families) > 1:
            raise Usage(
                f"times of {' and '.join(families)} do not go together in one listing", hint="ask once for each"
            )
        if families and self.status not in (fitting := _STATUS_OF_FAMILY[families[0]]):
            words = " or ".join(word or "no status" for word in fitting)
            raise Usage(f"times of {families[0]} do not go with status {self.status!r}", hint=f"they go with {words}")
        self._require_lone_update()

    @property
    def query(self) -> dict[str, str]:
        """Return the filter in the words of the exchange."""
        said = {
            "series_ticker": self.series_ticker,
            "event_ticker": self.event_ticker,
            "tickers": ",".join(self.tickers) or None,
            "status": self.status,
            "mve_filter": self.mve_filter,
            **{name: str(unix_s(at)) for family in _STATUS_OF_FAMILY for name, at in self._times(family).items()},
            "min_updated_ts": None if self.min_updated_utc is None else str(unix_s(self.min_updated_utc)),
        }
        return {name: value for name, value in said.items() if value is not None}

    def _times(self, family: str) -> dict[str, datetime]:
        both = {f"{side}_{family}_ts": getattr(self, f"{side}_{family}_utc") for side in ("min", "max")}
        return {name: at for name, at in both.items() if at is not None}

    def _require_lone_update(self) -> None:
        if self.min_updated_utc is None:
            return
        others = self.query.keys() - {"min_updated_ts", "mve_filter", "series_ticker"}
        if others or self.mve_filter not in {None, "exclude"} or (self.series_ticker and self.mve_filter is None):
            raise Usage(
                "min_updated goes with no other filter than mve_filter=exclude, and with a series only beside that",
                hint="leave the others out, and choose among what comes",
            )


def require_status_word(status: str) -> None:
    """Refuse a status that would list nothing: payloads say `finalized`, filters say `settled`, one at a time."""
    if status in STATUS_WORDS:
        return
    right = _WORD_OF_PAYLOAD.get(status)
    hint = f"the filter word is {right!r}" if right else f"one of {' '.join(STATUS_WORDS)}, one for each listing"
    raise Usage(f"status {status!r} is not a word to list by", hint=hint)


def unix_s(at_utc: datetime) -> int:
    """Return whole seconds since 1970; a time without a zone is refused rather than guessed."""
    if at_utc.tzinfo is None:
        raise Usage(f"{at_utc.isoformat()} has no time zone", hint="say it in UTC")
    return (at_utc - _EPOCH) // timedelta(seconds=1)
