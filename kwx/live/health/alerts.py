"""Alerts: rules that hold a metric against a value; they fire once it was so for long enough, and resolve likewise.

A rule fires when its metric was on the wrong side at every look for `for_seconds`, and resolves when it was on the
right side for as long, at least for half a minute: what goes to and fro fires once. A metric of which nothing is known
is on the right side. Rules of the configuration stand beside the built-in ones, or instead of one of the same name.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from kwx.config.live import AlertRule
from kwx.live.health.log import tell
from kwx.live.health.watched import Watched, is_known

logger = logging.getLogger(__name__)

LEAST_QUIET_S = 30.0
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


def _rule(name: str, metric: str, value: float, meaning: str, **said: Any) -> AlertRule:
    return AlertRule(name=name, metric=metric, value=value, meaning=meaning, **said)


DEFAULT_RULES = (
    _rule("no_tick", "seconds_since_tick", 30, "the loop has not looked for half a minute", severity="critical"),
    _rule("no_minute", "seconds_since_minute", 180, "no minute was decided for three minutes", severity="critical"),
    _rule("stale_prices", "stale_seconds{source=prices}", 90, "prices are old: no new risk", for_seconds=30),
    _rule("stale_weather", "stale_seconds{source=weather}", 900, "weather is old: no new risk", for_seconds=60),
    _rule("clock", "clock_off", 0, "our clock is off, or nobody knows: no new risk", severity="critical"),
    _rule("left_out", "left_out", 0, "an event that is open is not traded", for_seconds=120),
    _rule("late_fills", "waiting{queue=fills}", 0, "fills wait for the settlement of their date", for_seconds=3_600),
    _rule("spool", "waiting{queue=spool}", 0, "signals wait for the database", for_seconds=300),
    _rule("halted", "halted", 0, "trading is halted: a mismatch, or the kill switch", severity="critical"),
    _rule("day_halted", "mode", 1, "the loss of a day has stopped a city", severity="critical"),
    _rule("drawdown", "drawdown_share", 0.05, "fell by a twentieth of the bankroll", severity="critical"),
    _rule("brier_drift", "brier_drift", 0.02, "settled predictions score worse than the model's card"),
    _rule("ece_drift", "ece_drift", 0.03, "settled predictions are less calibrated than the model's card"),
    _rule("denied_all", "denied_all_seconds", 7_200, "all that was wanted was stopped for two hours"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A rule that fired, since when, and the value that it was last seen at."""

    name: str
    severity: str
    meaning: str
    metric: str
    value: float
    since_utc: datetime
    stands: bool = True

    def __str__(self) -> str:
        return f"{self.name} ({self.severity}) since {self.since_utc:%H:%M:%S}Z: {self.meaning} ({self.value:g})"


@dataclass
class _Followed:
    """Where a rule stands: since when its metric is on one side, and the alert while it fires."""

    rule: AlertRule
    is_wrong: bool = False
    turned_utc: datetime | None = None
    alert: Alert | None = None


class Alerts:
    """All rules of a loop, held against its metrics at every look."""

    def __init__(
        self, watched: Watched, rules: Sequence[AlertRule], *, run: Callable[[AlertRule, Alert], None]
    ) -> None:
        self._watched = watched
        self._run = run
        by_name = {rule.name: rule for rule in (*DEFAULT_RULES, *rules)}
        for rule in by_name.values():
            watched.find(rule.metric)
        self._followed = [_Followed(rule) for rule in by_name.values()]
        self._lock = threading.Lock()

    def look(self, now_utc: datetime) -> list[Alert]:
        """Hold every rule against its metric; return those that fired or resolved now."""
        with self._lock:
            changed = [alert for one in self._followed if (alert := self._follow(one, now_utc)) is not None]
            self._count()
        for alert in changed:
            self._tell(alert)
        return changed

    def standing(self) -> tuple[Alert, ...]:
        """Return the alerts that fired and did not resolve, in the order of the rules."""
        with self._lock:
            return tuple(one.alert for one in self._followed if one.alert is not None)

    def _follow(self, one: _Followed, now_utc: datetime) -> Alert | None:
        value = self._watched.value(one.rule.metric)
        is_wrong = is_known(value) and (
            value > one.rule.value if one.rule.compare == "above" else value < one.rule.value
        )
        if is_wrong != one.is_wrong or one.turned_utc is None:
            one.is_wrong, one.turned_utc = is_wrong, now_utc
        stood_s = (now_utc - one.turned_utc).total_seconds()
        if is_wrong:
            return self._fired(one, value, stood_s)
        if one.alert is not None and stood_s >= max(one.rule.for_seconds, LEAST_QUIET_S):
            resolved = Alert(**{**asdict(one.alert), "value": value, "stands": False})
            one.alert = None
            return resolved
        return None

    def _fired(self, one: _Followed, value: float, stood_s: float) -> Alert | None:
        rule, before = one.rule, one.alert
        if before is None and stood_s < rule.for_seconds:
            return None
        since_utc = one.turned_utc if before is None else before.since_utc
        assert since_utc is not None
        one.alert = Alert(
            name=rule.name, severity=rule.severity, meaning=rule.meaning, metric=rule.metric, value=value,
            since_utc=since_utc,
        )  # fmt: skip
        return one.alert if before is None else None

    def _count(self) -> None:
        standing = [one.alert.severity for one in self._followed if one.alert is not None]
        for severity in _LEVELS:
            self._watched.alerts.set(standing.count(severity), severity=severity)

    def _tell(self, alert: Alert) -> None:
        level = _LEVELS[alert.severity] if alert.stands else logging.INFO
        tell(logger, "alert" if alert.stands else "resolved", level=level, **asdict(alert))
        rule = next(one.rule for one in self._followed if one.rule.name == alert.name)
        if rule.command:
            self._run(rule, alert)
