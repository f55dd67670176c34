"""A sweep from the lake to its leaderboard: all sets of settings through the same minutes, read once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from kwx.backtest.run import Wish, set_up
from kwx.backtest.sweep.asked import Question
from kwx.backtest.sweep.board import Board, board_of
from kwx.backtest.sweep.gains import Gains
from kwx.backtest.sweep.tries import Pass, Skipped, chunks, passes_of, stacked, tries_of
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.notes import told
from kwx.exec.bars.read import stream_bars
from kwx.exec.engine import tally_bars
from kwx.exec.ledger.equity import settled
from pipelines.publishing import OnProgress
from warehouse.lake.store import Lake, Snapshot

HELD_OUT = 1 / 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Swept:
    """What came of a sweep; passes: how often the lake was read for it."""

    question: Question
    snapshot: int
    strategy: str
    cities: tuple[str, ...]
    dates: tuple[date, ...]
    board: Board
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    passes: int
    seconds: float


def sweep(
    question: Question, wish: Wish, lake_root: Path | str | None = None, *, held_out: float = HELD_OUT,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Swept:  # fmt: skip
    """Try every set of a question on past days of the current snapshot.

    The sets are ranked by what they gained on the first dates; what the best of them gained on the last ones, a share
    `held_out` of all, is told beside it.
    """
    started = time.perf_counter()
    snapshot = Lake(lake_root).snapshot()
    tries, skipped = tries_of(wish, question)
    passes = passes_of(wish, tries)
    gathered, notes, cities = list[Gains](), list[str](), dict[str, None]()
    for number, one in enumerate(passes):
        own, said, traded = _passed(one, snapshot, _of_pass(on_progress, number, len(passes)))
        gathered.append(own)
        notes += [note for note in said if note not in notes]
        cities |= dict.fromkeys(traded)
    gains = Gains.of_passes(gathered)
    board = board_of(
        question, gains, held_out=held_out, block_days=wish.block_days, level=wish.level, seed=wish.seed
    )  # fmt: skip
    return Swept(
        question=question, snapshot=snapshot.number, strategy=wish.strategy, cities=tuple(cities), dates=gains.dates,
        board=board, skipped=tuple(skipped), notes=tuple(notes), passes=len(passes),
        seconds=time.perf_counter() - started,
    )  # fmt: skip


def _passed(
    one: Pass, snapshot: Snapshot, on_progress: Callable[[int, int, str], None]
) -> tuple[Gains, tuple[str, ...], tuple[str, ...]]:
    """Read the lake once, and take every step of each piece for all tries."""
    setup = set_up(one.wish, snapshot)
    pieces, notes = list[Gains](), list(setup.lacking)
    on_progress(0, len(setup.plan.dates), f"{setup.plan.dates[0]} … {setup.plan.dates[-1]}")
    for bars in stream_bars(setup.plan, setup.signals, dates_at_once=one.wish.dates_at_once):
        pieces.append(tallied(one, bars))
        notes += [note for note in told(bars.notes) if note not in notes]
        done = sum(len(piece.days) for piece in pieces)
        on_progress(done, len(setup.plan.dates), f"{bars.dates[0]} … {bars.dates[-1]}")
    return Gains.of_pieces(pieces), tuple(notes), setup.plan.cities


def tallied(one: Pass, bars: Bars) -> Gains:
    """Return what each try of a pass gained on each date of some bars."""
    paid = settled(bars)
    parts = []
    for rules, own in one.kinds():
        every = list(chunks(own, lanes_of_one=bars.tickers.size))
        for chunk in every:
            params = stacked(chunk, bars.cities, length=len(every[0]))
            tally = tally_bars(rules, params, bars)
            parts.append(Gains.of_tally(chunk, tally, bars.dates, paid=np.asarray(paid)))
    return Gains.of_passes(parts)


def _of_pass(on_progress: OnProgress, number: int, passes: int) -> Callable[[int, int, str], None]:
    return lambda done, total, what: on_progress(number * total + done, passes * total, what)
