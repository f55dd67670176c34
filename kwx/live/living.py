"""A loop and the watch over it: every look goes into the metrics, the health file and the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from kwx.config.live import BudgetFields
from kwx.exec.codes import FIRST_BLOCKED, Verb
from kwx.exec.venue.told import Did, Outcome
from kwx.live.health.file import FAILING, HALTED, RUNNING, STARTING, STOPPED, STOPPING, Health
from kwx.live.health.log import tell
from kwx.live.health.running import RunningDrift
from kwx.live.health.watch import Watch
from kwx.live.journal.record import BOOKS, PRICES, TRADES, WEATHER
from kwx.live.looked import Looked
from kwx.live.loop import Loop
from kwx.live.meantime import Between
from kwx.live.ticks import Tick
from warehouse.errors import KwxError

logger = logging.getLogger(__name__)

SOURCES: Mapping[str, tuple[str, ...]] = {
    PRICES: ("candles",),
    TRADES: ("trades",),
    BOOKS: ("books",),
    WEATHER: ("metar", "vc_obs"),
}
"""Which feeds speak for which source."""
_MILLISECONDS = 1_000
_MICROS_PER_DOLLAR = 1_000_000
MOST_FAILURES = 10
"""So many looks in a row may fail before the loop gives up."""


@dataclass(kw_only=True, eq=False)
class Living:
    """One loop that runs. A look that fails is told and the next one goes on; what was to be sent in it was not.

    stopping: whether somebody said stop.
    """

    loop: Loop
    watch: Watch
    mode: str
    bankroll_dollars: float
    started_utc: datetime
    drift: RunningDrift | None = None
    stopping: Callable[[], bool] = bool
    failures: int = 0
    _best_dollars: float = 0.0
    _in_a_row: int = 0
    _denied_since: datetime | None = None

    def __post_init__(self) -> None:
        self._last = Health(state=STARTING, mode=self.mode, started_utc=self.started_utc)

    def look(self, tick: Tick) -> Looked | None:
        """Look once; None where that failed."""
        try:
            looked = self.loop.tick()
        except Exception as error:
            self._failed(error)
            return None
        finally:
            self.watch.watched.ticks.add(1)
            self.watch.watched.ticks_missed.add(tick.missed)
        self._in_a_row = 0
        self._count(looked)
        self._judge(looked)
        self._log(looked)
        self._last = self._health(looked)
        self.watch.ticked(self._last)
        return looked

    def decided_between(self, found: Between) -> None:
        """Hear what was decided between two looks, from the thread that did."""
        self.watch.watched.stage_seconds.observe(found.took_s, stage="between")
        self._tell_over_budget({"between": found.took_s})
        _log_orders(found.outcomes)

    def failed_between(self, error: BaseException) -> None:
        """Halt: nobody asks any more whether what rests is still wanted. The next look says so as well."""
        why = f"what decides between two minutes failed: {type(error).__name__}: {error}"
        logger.critical("%s", why, exc_info=error)
        self.loop.desk.trader.halt(why)

    def _failed(self, error: Exception) -> None:
        """Take out what rests, say so, and go on; give up when every look fails."""
        self.failures, self._in_a_row = self.failures + 1, self._in_a_row + 1
        hint = error.hint if isinstance(error, KwxError) else ""
        is_known = isinstance(error, KwxError)
        tell(logger, "look failed", level=logging.ERROR, why=f"{type(error).__name__}: {error}", hint=hint)
        if not is_known:
            logger.error("look failed", exc_info=error)
        self._retreat()
        self._last = replace(self._last, state=FAILING, why=str(error))
        self.watch.ticked(self._last)
        if self._in_a_row >= MOST_FAILURES:
            raise error

    def _retreat(self) -> None:
        try:
            self.loop.retreat()
        except KwxError as error:
            tell(logger, "retreat failed", level=logging.CRITICAL, why=str(error), hint=error.hint)

    def close(self) -> None:
        """Leave no order behind, and say so."""
        self.watch.ticked(replace(self._last, state=STOPPING))
        try:
            self.loop.close()
        finally:
            self.watch.ticked(replace(self._last, state=STOPPED))

    def _health(self, looked: Looked) -> Health:
        loop = self.loop
        return Health(
            state=HALTED if looked.stopped else RUNNING, mode=self.mode, started_utc=self.started_utc,
            tick_utc=looked.at_utc, minute_utc=loop.desk.decided_utc, event_dates=tuple(sorted(loop.desk.days)),
            run_ids=tuple(day.run_id for _, day in sorted(loop.desk.days.items())), stale_s=_ages(looked),
            failed=looked.failed, waiting=_waiting(loop), left_out=looked.left_out, clock_ahead_s=looked.ahead_s,
            is_killed=bool(loop.desk.stops()), open_orders=_open_orders(loop), why=looked.stopped,
        )  # fmt: skip

    def _count(self, looked: Looked) -> None:
        """Put what a look did into the metrics."""
        watched = self.watch.watched
        for stage, seconds in looked.seconds.items():
            watched.stage_seconds.observe(seconds, stage=stage)
        self._tell_over_budget(looked.seconds)
        watched.minutes_decided.add(int(looked.spoke))
        watched.minutes_missed.add(len(looked.minutes) - int(looked.spoke))
        for city in looked.stale:
            watched.stale_minutes.add(int(looked.spoke), city=city)
        for source, age_s in _ages(looked).items():
            watched.stale_seconds.set(age_s, source=source)
            watched.source_down.set(int(any(feed in looked.failed for feed in SOURCES[source])), source=source)
        for day, actions in looked.actions.items():
            watched.did(day.isoformat(), actions)
        self._count_denials(looked)
        watched.open_orders.set(_open_orders(self.loop))
        watched.halted.set(int(bool(looked.stopped)))
        for queue, waiting in _waiting(self.loop).items():
            watched.waiting.set(waiting, queue=queue)
        watched.left_out.set(len(looked.left_out))
        watched.clock_off.set(int(looked.clock_off))
        if looked.ahead_s is not None:
            watched.clock_skew_seconds.set(looked.ahead_s)
        self._draw_down()

    def _tell_over_budget(self, seconds: Mapping[str, float]) -> None:
        for stage in over_budget(seconds, self.loop.settings.budgets):
            self.watch.watched.over_budget.add(1, stage=stage)

    def _count_denials(self, looked: Looked) -> None:
        """Say for how long all that was wanted was stopped: minutes in which nothing was wanted do not count."""
        acted = any((actions.verb != Verb.NONE).any() for actions in looked.actions.values())
        denied = any((actions.gate >= FIRST_BLOCKED).any() for actions in looked.actions.values())
        if acted:
            self._denied_since = None
        elif denied and self._denied_since is None:
            self._denied_since = looked.at_utc
        since = looked.at_utc if self._denied_since is None else self._denied_since
        self.watch.watched.denied_all_seconds.set((looked.at_utc - since).total_seconds())

    def _judge(self, looked: Looked) -> None:
        """Hold what was said of dates that settled against how they ended."""
        if self.drift is None or not looked.settled:
            return
        for day in looked.settled:
            self.drift.settled(self.loop.desk.journal.read(day), self.loop.present)
        self.drift.show(self.watch.watched)

    def _draw_down(self) -> None:
        """Say how far money lies below its highest since the start."""
        watched = self.watch.watched
        now = self.loop.desk.worth_micros / _MICROS_PER_DOLLAR
        self._best_dollars = max(self._best_dollars, now)
        watched.drawdown_share.set((self._best_dollars - now) / self.bankroll_dollars)

    def _log(self, looked: Looked) -> None:
        for why in set(looked.left_out) - set(self._last.left_out):
            tell(logger, "not traded", level=logging.WARNING, why=why)
        for day in looked.settled:
            tell(logger, "settled", event_date=str(day))
        _log_orders(looked.outcomes)
        if looked.minutes:
            tell(
                logger, "minute", minute=f"{looked.minutes[-1]:%Y-%m-%dT%H:%MZ}", minutes=len(looked.minutes),
                spoke=looked.spoke, own_ms=round(looked.own_seconds * _MILLISECONDS, 1), stale=sorted(looked.stale),
                stopped=looked.stopped,
            )  # fmt: skip


def _log_orders(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.did not in {Did.KEPT, Did.RENEWED}:
            tell(logger, "order", did=outcome.did.value, market=outcome.market_ticker, why=outcome.why)


def _waiting(loop: Loop) -> dict[str, int]:
    """Return how much waits: signals for the database, fills for the next minute or the settlement of their date."""
    spool = {} if loop.sink is None else {"spool": loop.sink.waiting}
    return {**spool, "fills": len(loop.desk.trader.waiting)}


def over_budget(seconds: Mapping[str, float], budgets: BudgetFields) -> list[str]:
    """Return the stages of a look that took longer than they may."""
    most_ms = {
        "take_in": budgets.take_in_ms, "think": budgets.think_ms, "decide": budgets.decide_ms,
        "write": budgets.write_ms, "send": budgets.send_ms, "between": budgets.between_ms,
    }  # fmt: skip
    return [stage for stage, most in most_ms.items() if seconds.get(stage, 0) * _MILLISECONDS > most]


def _ages(looked: Looked) -> dict[str, float]:
    """Return how long ago each source was heard last; a source that was never heard is not in it."""
    ages = {}
    for source, feeds in SOURCES.items():
        heard = [utc for feed in feeds if (utc := looked.heard_utc.get(feed)) is not None]
        if heard:
            ages[source] = max((looked.at_utc - max(heard)).total_seconds(), 0.0)
    return ages


def _open_orders(loop: Loop) -> int:
    return sum(int((day.state.orders.side != 0).sum()) for day in loop.desk.days.values())
