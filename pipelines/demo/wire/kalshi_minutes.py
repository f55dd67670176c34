"""Candles and trades over REST: windows with their caps, both dialects, and the two tiers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.demo.wire import kalshi_listings as listings
from pipelines.demo.wire.answers import Answer, Ask
from pipelines.demo.wire.kalshi_feed import microsecond
from pipelines.demo.wire.kalshi_pages import bad_request, not_found, number, page
from pipelines.demo.wire.kalshi_tape import Dialect, Tape, stamped_within
from pipelines.demo.wire.told import Told
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import City
from warehouse.market.money import dollars_text

CANDLES_PER_MARKET = 5_000
CANDLES_PER_BATCH = 10_000
TICKERS_PER_BATCH = 100
TRADES_PER_PAGE = 1_000
_USUAL_TRADES = 100
_PERIODS_MINUTES = (1, 60, 1_440)


@dataclass(frozen=True, kw_only=True)
class _Window:
    start_s: int
    end_s: int
    period_minutes: int

    @property
    def periods(self) -> float:
        return (self.end_s - self.start_s) / (60 * self.period_minutes)


@dataclass(frozen=True, kw_only=True)
class Minutes:
    """The endpoints of candles and trades."""

    told: Told
    tape: Tape

    def live(self, ask: Ask, series: str, ticker: str) -> Answer:
        """Answer the candles of one live market of a series."""
        return self._single(ask, ticker, "live", of_series=series, carry=_carries(ask))

    def historical(self, ask: Ask, ticker: str) -> Answer:
        """Answer the candles of one historical market; that tier does not know the price before a window."""
        return self._single(ask, ticker, "historical")

    def _single(
        self, ask: Ask, ticker: str, dialect: Dialect, *, of_series: str | None = None, carry: bool = False
    ) -> Answer:
        window = _window(ask)
        _require_within(window)
        found = self._market(ticker, dialect)
        if found is None or of_series not in (None, found[0].series):
            raise not_found("market")
        texts = self._texts(found, [ticker], window, dialect, carry=carry)[ticker]
        return _body(f'{{"ticker":"{ticker}","candlesticks":[', texts)

    def batch(self, ask: Ask) -> Answer:
        """Answer the candles of many live markets; tickers that are none are left out without a word."""
        window, tickers = _window(ask), ask.words("market_tickers")
        if not 1 <= len(tickers) <= TICKERS_PER_BATCH:
            raise bad_request(f"between 1 and {TICKERS_PER_BATCH} market_tickers must be supplied")
        if len(tickers) * window.periods > CANDLES_PER_BATCH:
            asked = len(tickers) * window.periods
            raise bad_request(
                f"requested candlesticks across all markets: {asked:.0f}, max candlesticks: {CANDLES_PER_BATCH}"
            )
        texts: dict[str, list[str]] = {}
        for name in dict.fromkeys(listings.event_of_market(ticker) for ticker in tickers):
            found = listings.event_named(self.told, name)
            if found is not None:
                of_tier = self._of_tier(found, "live")
                live = [ticker for ticker in tickers if ticker in of_tier]
                texts |= self._texts(found, live, window, "live", carry=_carries(ask))
        parts = [
            f'{{"market_ticker":"{ticker}","candlesticks":[' + ",".join(texts[ticker]) + "]}"
            for ticker in tickers
            if ticker in texts
        ]
        return Answer(body=f'{{"markets":[{",".join(parts)}]}}'.encode())

    def event(self, ask: Ask, series: str, event_ticker: str) -> Answer:
        """Answer the candles of an event's live markets, cut off where they would become too many."""
        window = _window(ask)
        found = listings.event_named(self.told, event_ticker)
        if found is None or found[0].series != series:
            raise not_found("event")
        live = list(self._of_tier(found, "live"))
        most_s = CANDLES_PER_BATCH // max(1, len(live)) * 60 * window.period_minutes
        cut = _Window(
            start_s=window.start_s,
            end_s=min(window.end_s, window.start_s + most_s),
            period_minutes=window.period_minutes,
        )
        candles = ["[" + ",".join(texts) + "]" for texts in self._texts(found, live, cut, "live").values()]
        names = ",".join(f'"{one}"' for one in live)
        said = f'"market_candlesticks":[{",".join(candles)}],"adjusted_end_ts":{cut.end_s}'
        return Answer(body=f'{{"market_tickers":[{names}],{said}}}'.encode())

    def trades(self, ask: Ask, *, archived: bool) -> Answer:
        """Answer trades, newest first; a filter that the exchange does not know, it ignores, and tells everybody's."""
        cutoff = pl.lit(self.told.cutoff_utc, UTC_TYPE)
        of_tier = pl.col("ts_utc") < cutoff if archived else pl.col("ts_utc") >= cutoff
        within = stamped_within(number(ask, "min_ts", 0), number(ask, "max_ts", 2**40))
        ticker = ask.one("ticker")
        mine = pl.col("market_ticker") == ticker if ticker else pl.lit(value=True)
        wanted = of_tier & within & mine & pl.lit(ask.one("is_block_trade") != "true")
        frames = [self.tape.trades(*event).filter(wanted) for event in self._events(ticker)]
        tape = pl.concat(frames) if frames else pl.DataFrame(schema={"text": pl.String})
        if len(frames) > 1:
            tape = tape.sort("ts_utc", descending=True, maintain_order=True)
        texts, cursor = page(tape["text"].to_list(), ask, usual=_USUAL_TRADES, most=TRADES_PER_PAGE)
        return _body('{"trades":[', texts, f'],"cursor":"{cursor}"}}')

    def _events(self, ticker: str) -> Iterator[tuple[City, date]]:
        if ticker:
            found = listings.event_named(self.told, listings.event_of_market(ticker))
            yield from [found] if found else []
            return
        for city in self.told.cities:
            yield from ((city, day) for day in self.told.world.event_dates if listings.is_listed(self.told, city, day))

    def _market(self, ticker: str, dialect: Dialect) -> tuple[City, date] | None:
        """Return the event of a market that the tier of a dialect has."""
        event = listings.event_named(self.told, listings.event_of_market(ticker))
        return event if event and ticker in self._of_tier(event, dialect) else None

    def _of_tier(self, event: tuple[City, date], dialect: Dialect) -> dict[str, None]:
        """Return the markets of an event that a tier has, coldest first."""
        tiers = listings.tiers_of(self.told, *event)
        return {ticker: None for ticker, tier in tiers.items() if tier == dialect}

    def _texts(
        self,
        event: tuple[City, date],
        tickers: Iterable[str],
        window: _Window,
        dialect: Dialect,
        *,
        carry: bool = False,
    ) -> dict[str, list[str]]:
        """Return the candles of some markets of an event, by market."""
        now_us = microsecond(self.told.clock())
        lanes = self.tape.candles(*event, period_minutes=window.period_minutes, dialect=dialect)
        texts: dict[str, list[str]] = {ticker: [] for ticker in tickers}
        for ticker in texts.keys() & lanes.keys():
            lane = lanes[ticker]
            found = lane.within(window.start_s, window.end_s, now_us=now_us)
            before = lane.within(0, window.start_s - 1, now_us=now_us) if carry else slice(0)
            texts[ticker] = [*_carried(lane.price_close_ticks[before], window), *lane.texts[found]]
        return texts


def _window(ask: Ask) -> _Window:
    start_s, end_s, period = (number(ask, name) for name in ("start_ts", "end_ts", "period_interval"))
    if period not in _PERIODS_MINUTES:
        raise bad_request("period_interval must be one of 1, 60, 1440")
    if end_s < start_s:
        raise bad_request("end_ts must not be before start_ts")
    return _Window(start_s=start_s, end_s=end_s, period_minutes=period)


def _require_within(window: _Window) -> None:
    if window.periods > CANDLES_PER_MARKET:
        raise bad_request(
            f"requested time range with candlesticks: {window.periods:f}, max candlesticks: {CANDLES_PER_MARKET}"
        )


def _carries(ask: Ask) -> bool:
    return ask.one("include_latest_before_start") == "true"


def _carried(prices_ticks: pl.Series, window: _Window) -> Iterator[str]:
    """Say the last price before a window, as a candle at its first boundary that has nothing else."""
    before = prices_ticks.drop_nulls()
    if before.is_empty():
        return
    period_s = 60 * window.period_minutes
    boundary_s = (window.start_s // period_s + 1) * period_s
    price = f'{{"previous_dollars":"{dollars_text(before[-1])}"}}'
    nothing = '"volume_fp":"0.00","open_interest_fp":"0.00"'
    yield f'{{"end_period_ts":{boundary_s},"yes_bid":{{}},"yes_ask":{{}},"price":{price},{nothing}}}'


def _body(head: str, texts: Iterable[str], tail: str = "]}") -> Answer:
    return Answer(body=(head + ",".join(texts) + tail).encode())
