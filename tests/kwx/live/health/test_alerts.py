"""Alerts fire after their time, resolve after theirs, once each; the built-in rules, and a command that is run."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from kwx.config.live import AlertRule
from kwx.live.health.alerts import DEFAULT_RULES, Alerts
from kwx.live.health.commands import MOST_AT_ONCE, Commands
from kwx.live.health.watched import Watched
from warehouse.errors import Usage

START = datetime(2026, 11, 2, 15, tzinfo=UTC)


def a_rule(**said):
    usual = {"name": "old", "metric": "seconds_since_tick", "value": 30.0, "for_seconds": 60, "meaning": "it is old"}
    return AlertRule(**(usual | said))


def looked(alerts, watched, values, *, every_s=10):
    """Set the metric to each value, ten seconds apart; return what changed: (second, name, stands)."""
    told = []
    for number, value in enumerate(values):
        watched.seconds_since_tick.set(value)
        now = START + timedelta(seconds=every_s * number)
        told += [(every_s * number, one.name, one.stands) for one in alerts.look(now) if one.name == "old"]
    return told


@pytest.fixture
def watched():
    return Watched()


def made(watched, *rules):
    return Alerts(watched, rules, run=lambda rule, alert: None)


def test_a_rule_fires_after_its_time_and_resolves_after_it(watched):
    """Seven looks on the wrong side are a minute; so are seven on the right one."""
    assert [(60, "old", True), (160, "old", False)] == looked(made(watched, a_rule()), watched, [99] * 10 + [1] * 10)


def test_what_goes_to_and_fro_fires_once(watched):
    """A look on the right side begins the time of firing anew, one on the wrong side that of resolving."""
    alerts = made(watched, a_rule(for_seconds=20))

    assert [] == looked(alerts, watched, [99, 99, 1] * 5)
    assert [(20, "old", True)] == looked(made(watched, a_rule(for_seconds=20)), watched, [99] * 3 + [1, 99] * 10)


def test_a_rule_may_look_below(watched):
    """And at once."""
    alerts = made(watched, a_rule(compare="below", value=5, for_seconds=0))

    assert [(10, "old", True)] == looked(alerts, watched, [5, 4])
    assert ["old (warning) since 15:00:10Z: it is old (4)"] == [str(one) for one in alerts.standing()]
    assert 1 == watched.alerts.value(severity="warning")


def test_nothing_known_is_nothing_wrong(watched):
    """Of a metric that nobody said anything of, no rule fires."""
    assert [] == made(watched).look(START)
    assert () == made(watched).standing()


@pytest.mark.parametrize(
    ("name", "say", "after_s"),
    [
        ("no_tick", lambda w: w.seconds_since_tick.set(31), 0),
        ("no_minute", lambda w: w.seconds_since_minute.set(181), 0),
        ("stale_prices", lambda w: w.stale_seconds.set(91, source="prices"), 30),
        ("stale_weather", lambda w: w.stale_seconds.set(901, source="weather"), 60),
        ("clock", lambda w: w.clock_off.set(1), 0),
        ("left_out", lambda w: w.left_out.set(1), 120),
        ("late_fills", lambda w: w.waiting.set(1, queue="fills"), 3_600),
        ("spool", lambda w: w.waiting.set(1, queue="spool"), 300),
        ("halted", lambda w: w.halted.set(1), 0),
        ("day_halted", lambda w: w.mode.set(2, event_date="2026-11-02"), 0),
        ("drawdown", lambda w: w.drawdown_share.set(0.06), 0),
        ("brier_drift", lambda w: w.brier_drift.set(0.03, model="tod"), 0),
        ("ece_drift", lambda w: w.ece_drift.set(0.04, model="tod"), 0),
        ("denied_all", lambda w: w.denied_all_seconds.set(7_201), 0),
    ],
)
def test_the_built_in_rules(watched, name, say, after_s):
    """Each fires for what it is there for, no sooner and for nothing else."""
    alerts = made(watched)
    say(watched)

    early = alerts.look(START)
    late = early or alerts.look(START + timedelta(seconds=after_s))

    assert [name] == [one.name for one in late]
    assert (after_s == 0) == bool(early)
    assert {rule.name for rule in DEFAULT_RULES} >= {name}


def test_a_rule_of_the_configuration_takes_the_place_of_a_built_in_one(watched):
    """By its name; one of a metric that is not there is refused when the loop starts."""
    watched.halted.set(1)

    assert [] == made(watched, a_rule(name="halted", metric="halted", value=5.0)).look(START)
    with pytest.raises(Usage, match="no metric 'tick_age'"):
        made(watched, a_rule(metric="tick_age"))


def wait_for(path):
    for _ in range(200):
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"{path} was not written")


def test_a_command_is_run_with_the_alert_and_without_the_keys(watched, tmp_path, monkeypatch):
    """When it fires and when it resolves, by the alert's own words."""
    monkeypatch.setenv("KALSHI_API_KEY_ID", "planted")
    told = tmp_path / "told"
    code = f"import os,sys; open({str(told)!r},'w').write(sys.argv[1] + os.environ.get('KALSHI_API_KEY_ID','') + '\\n')"
    rule = a_rule(for_seconds=0, command=(sys.executable, "-c", code))
    alerts = Alerts(watched, [rule], run=Commands().run)

    looked(alerts, watched, [99])

    said = json.loads(wait_for(told))
    assert ("old", True, 99.0, str(START)) == (said["name"], said["stands"], said["value"], said["since_utc"])
    assert "planted" not in told.read_text()


def test_a_command_that_hangs_or_is_missing_disturbs_nobody(watched, tmp_path, caplog):
    """It is ended, and there is room for a few at once only."""
    commands = Commands(patience_s=0.2)
    alert = next(iter(made(watched, a_rule(for_seconds=0)).look(START)), None)
    rules = [a_rule(command=(sys.executable, "-c", "import time; time.sleep(60)"))] * MOST_AT_ONCE
    watched.seconds_since_tick.set(99)
    alert = next(one for one in made(watched, a_rule(for_seconds=0)).look(START) if one.name == "old")

    begun = time.monotonic()
    for rule in rules:
        commands.run(rule, alert)
    commands.run(rules[0], alert)

    assert time.monotonic() - begun < 5
    assert "alert command left out" in caplog.messages
    for _ in range(200):
        if caplog.messages.count("alert command failed") == MOST_AT_ONCE:
            break
        time.sleep(0.05)
    Commands().run(a_rule(command=(os.fspath(tmp_path / "missing"),)), alert)
    for _ in range(200):
        if caplog.messages.count("alert command failed") == MOST_AT_ONCE + 1:
            return
        time.sleep(0.05)
    raise AssertionError(caplog.messages)
