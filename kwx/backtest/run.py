"""A backtest from the lake to what it came to: read, step, account, hold against the laws of money, measure, keep."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from kwx.backtest.funds import overdrawn
from kwx.backtest.metrics import Measured, measured
from kwx.backtest.sensitivity import Sensed, sense, sensed
from kwx.config.file import Configuration, load_config
from kwx.config.trading import TradeConfig, trading_of
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.notes import Note
from kwx.exec.bars.notes import told as notes_told
from kwx.exec.bars.outcomes import require_same_outcomes
from kwx.exec.bars.plan import DATES_AT_ONCE, BarsPlan, BarsRecipe, planned
from kwx.exec.bars.read import Signals, stream_bars
from kwx.exec.codes import Gate
from kwx.exec.engine import run_bars
from kwx.exec.ledger.conserved import require_conserved
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.ledger import Ledger, ledger_of, together
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.runs.asked import Asked, config_of
from kwx.exec.runs.kept import SENSITIVITY, keeping
from kwx.exec.settings import params_of
from kwx.signals.read import signals_of
from kwx.signals.registry import strategy as strategy_of
from kwx.signals.settings import SignalSettings, signal_settings
from kwx.signals.strategy import Strategy
from pipelines.publishing import Built, OnProgress
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CANDLES_DENSE
from warehouse.market.cities import CITIES, city


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be tested; None and nothing are the default of each.

    strategy: a name, or the path of a file. said: settings beside the file's, by key. keep: write the run to the lake.
    with_sensitivity: run every other model of fills and the other maker's fee as well. block_days: neighbouring dates
    that are drawn together for intervals. with_rows: give orders and decisions back, of a year some gigabytes; kept
    they are either way.
    """

    strategy: str
    fill: Fill = Fill.QUEUE
    cities: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    configuration: Configuration = field(default_factory=load_config)
    profile: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    level: float = 0.95
    block_days: int = 1
    keep: bool = True
    with_sensitivity: bool = True
    with_rows: bool = False
    dates_at_once: int = DATES_AT_ONCE


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What came of a backtest; `built` is None where it was not kept. The ledger has all its rows where wished for.

    bars: in how many minutes of brackets something could be decided.
    """

    asked: Asked
    configs: Mapping[str, TradeConfig]
    measured: Measured
    ledger: Ledger
    sensitivity: tuple[Sensed, ...]
    notes: tuple[str, ...]
    bars: int
    built: Built | None
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """A wish held against a lake: what is read, under which rules and parameters, and the name of the run.

    lacking: what is to be said of cities that nobody asked for by name and the lake has no quotes of.
    """

    asked: Asked
    strategy: Strategy
    configs: Mapping[str, TradeConfig]
    plan: BarsPlan
    rules: Rules
    params: Params
    signals: Signals
    lacking: tuple[str, ...] = ()


def backtest(
    wish: Wish, lake_root: Path | str | None = None, *, on_progress: OnProgress = lambda done, total, what: None
) -> Outcome:
    """Run a strategy over past days of the current snapshot."""
    started = time.perf_counter()
    lake = Lake(lake_root)
    snapshot = lake.snapshot()
    setup = set_up(wish, snapshot)
    cities, since, until = setup.plan.cities, setup.plan.dates[0], setup.plan.dates[-1]
    outcomes = setup.plan.outcomes.filter(pl.col("city").is_in(cities), pl.col("event_date").is_between(since, until))
    ledgers, cases, noted = [], [], list[Note]()
    on_progress(0, len(setup.plan.dates), f"{since} … {until}")
    with ExitStack() as stack:
        keeper = stack.enter_context(keeping(lake, setup.asked)) if wish.keep else None
        for bars in stream_bars(setup.plan, setup.signals, dates_at_once=wish.dates_at_once):
            require_same_outcomes(bars, outcomes)
            ledger = _run(setup, bars, money_alone=not (wish.keep or wish.with_rows))
            ledgers.append(ledger if wish.with_rows else ledger.money())
            noted += bars.notes
            if wish.with_sensitivity:
                cases.append(sense(setup.rules, setup.params, bars))
            if keeper is not None:
                keeper.put(ledger)
            done = sum(len(one.equity["event_date"].unique()) for one in ledgers)
            on_progress(done, len(setup.plan.dates), f"{bars.dates[0]} … {bars.dates[-1]}")
        whole = together(ledgers)
        found = measured(
            whole.fills, whole.equity, outcomes, block_days=wish.block_days, level=wish.level, seed=wish.seed
        )  # fmt: skip
        remarks = [
            *without_opinion(setup.strategy, whole), *overdrawn(found.days, int(setup.params.bankroll_micros)),
        ]  # fmt: skip
        cases_told = sensed(pl.concat(cases), found.by_date) if cases else ()
        built = None if keeper is None else keeper.finish(
            _summary(found, cases_told, [*notes_told(_within(setup.plan, noted)), *remarks])
        )  # fmt: skip
    return Outcome(
        asked=setup.asked, configs=setup.configs, measured=found, ledger=whole, sensitivity=cases_told,
        notes=(*setup.lacking, *notes_told(noted), *remarks), bars=int(whole.gates["minutes"].sum()), built=built,
        seconds=time.perf_counter() - started,
    )  # fmt: skip


def set_up(wish: Wish, snapshot: Snapshot) -> Setup:
    """Read the settings of a wish and plan what is read; refuse what contradicts itself or is not there."""
    strategy = strategy_of(wish.strategy)
    keys = tuple(dict.fromkeys(city(word).key for word in wish.cities)) or _quoted(snapshot)
    configs = trading_of(wish.configuration, keys, profile=wish.profile, said=wish.said)
    account = configs[keys[0]].trade
    recipe = BarsRecipe(
        guard_minutes=account.guard_minutes, fee_rounding=account.fee_rounding, maker_fee=account.maker_fee,
        with_sizes=True,
    )  # fmt: skip
    plan = planned(snapshot, cities=keys, since=wish.since, until=wish.until, recipe=recipe)
    settings = {
        key: signal_settings(wish.configuration, key, fields=configs[key].signals, profile=wish.profile) for key in keys
    }
    asked = Asked.of(
        snapshot, strategy=strategy.name, fill_model=wish.fill.value, config=config_of(configs, settings, plan.cities),
        cities=plan.cities, since=plan.dates[0], until=plan.dates[-1], seed=wish.seed, level=wish.level,
        block_days=wish.block_days, source=strategy.source,
    )  # fmt: skip
    return Setup(
        asked=asked, strategy=strategy, configs=configs, plan=plan, params=params_of(configs, plan.cities),
        rules=Rules(fill=wish.fill, sizing=Sizing(account.sizing)), signals=_signals(strategy, settings),
        lacking=() if wish.cities else _lacking(keys),
    )  # fmt: skip


def _quoted(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the cities with quotes, all of them where none has any."""
    held = {day.city for day in snapshot.partitions(CANDLES_DENSE.name)}
    return tuple(key for key in CITIES if key in held) or tuple(CITIES)


def _lacking(quoted: Sequence[str]) -> tuple[str, ...]:
    lacking = ", ".join(key for key in CITIES if key not in quoted)
    return (f"no quotes in the lake: {lacking}",) if lacking else ()


def _signals(strategy: Strategy, settings: Mapping[str, SignalSettings]) -> Signals:
    def read(snapshot: Snapshot, key: str, since: date, until: date) -> pl.DataFrame:
        return signals_of(snapshot, strategy, city=key, since=since, until=until, settings=settings[key])

    return read


def _run(setup: Setup, bars: Bars, *, money_alone: bool) -> Ledger:
    """Take all steps of some bars and tell them as rows; whose money does not add up is never told."""
    trace = run_bars(setup.rules, setup.params, bars)
    run_id = setup.asked.run_id
    known = Known.of(setup.plan.snapshot, cities=bars.cities, since=bars.dates[0], until=bars.dates[-1])
    ledger = ledger_of(
        run_id, setup.asked.strategy, bars, trace.actions, known=known, money_alone=money_alone
    )  # fmt: skip
    require_conserved(run_id, bars, trace.actions, trace.final, ledger, params=setup.params)
    return ledger


def _within(plan: BarsPlan, notes: Sequence[Note]) -> list[Note]:
    """Return what is said of the cities and dates that name the run; a wider question may find more to say."""
    cities, since, until = set(plan.cities), plan.dates[0], plan.dates[-1]
    return [note for note in notes if note.city in cities and since <= note.event_date <= until]


def without_opinion(strategy: Strategy, ledger: Ledger) -> list[str]:
    """Say on how many dates a strategy held no bracket to be worth anything, and what it lacks if on all of them."""
    silent = [Gate.CLOSED.word, Gate.NO_QUOTE.word, Gate.NO_PROBABILITY.word]
    spoke = pl.col("gate").is_in(silent).not_().any()
    dates = ledger.gates.group_by("event_date").agg(spoke=spoke)["spoke"]
    if not strategy.needs or dates.all():
        return []
    if not dates.any():
        return [f"{strategy.name} held no bracket to be worth anything in any minute; it needs {strategy.needs}"]
    return [
        f"on {len(dates) - dates.sum()} of {len(dates)} dates {strategy.name} held no bracket to be worth anything:"
        " they count as dates that gained nothing, and --since or --until leaves them out"
    ]


def _summary(found: Measured, cases: Sequence[Sensed], notes: Sequence[str]) -> dict[str, Any]:
    return {
        "metrics": found.metrics.plain(),
        SENSITIVITY: [told(case) for case in cases],
        "notes": list(notes),
    }


def told(sensed_case: Sensed) -> dict[str, Any]:
    """Return a case as a flat row."""
    net = sensed_case.net
    return {
        "fill": sensed_case.case.fill.value, "maker_fee": sensed_case.case.maker_fee,
        "net_dollars": sensed_case.net_micros / 1e6, "low_dollars": net.low / 1e6, "high_dollars": net.high / 1e6,
        "fees_dollars": sensed_case.fees_micros / 1e6, "maker_fills": sensed_case.maker_fills,
        "taker_fills": sensed_case.taker_fills,
    }  # fmt: skip
