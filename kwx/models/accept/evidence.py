"""What is known of the models in a stage: their cards, and scores made anew from the predictions that they left.

Windows may overlap: then a market and minute is spoken of several times, and counts once, by the newest window that
speaks of it, which is the one that would have served it. A window left no prediction that it may not serve.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import polars as pl

from kwx.models.registry.card import Card
from kwx.models.registry.judged import Losses, against_market, losses_of, newness
from kwx.models.registry.places import Group
from kwx.models.registry.promotion import Choice
from kwx.models.registry.shelf import Held, shelf
from kwx.models.registry.store import read_predictions
from kwx.scoring import contracts
from kwx.scoring.calibration import calibration_error
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.inputs import Bools, Floats
from warehouse.errors import Refused

_SPOKEN = ("market_ticker", "ts_utc")


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """The settled predictions of a window: [N] probabilities as they are used, outcomes and dates."""

    p: Floats
    hit: Bools
    dates: np.ndarray[tuple[int], np.dtype[np.datetime64]]


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowScores:
    """How a window did on what it would have served of its test dates; None where nothing of that has settled.

    left: how many of its settled predictions are left to newer windows.
    """

    card: Card
    judged: Judged
    log_loss: float | None
    brier: float | None
    ece: float | None
    left: int = 0

    @property
    def losses(self) -> Losses:
        """The losses of model and market, over the same rows, as the card has them."""
        return losses_of(self.card.metrics)

    @property
    def rows(self) -> int:
        """How many predictions have settled and count."""
        return len(self.judged.p)


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupEvidence:
    """The windows of one kind for one city and type of bracket, the oldest first."""

    group: Group
    windows: tuple[WindowScores, ...]

    @property
    def against_market(self) -> Losses:
        """How it did beside the market, as its cards say."""
        return against_market([one.card for one in self.windows])

    @property
    def last(self) -> WindowScores | None:
        """The last window of which something has settled."""
        return next((one for one in reversed(self.windows) if one.rows), None)

    @property
    def left(self) -> int:
        """How many settled predictions of its windows are said again by newer ones."""
        return sum(one.left for one in self.windows)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """All of a stage that was chosen; held also names what is not whole."""

    root: Path
    stage: str
    held: tuple[Held, ...]
    groups: tuple[GroupEvidence, ...]

    @property
    def cards(self) -> tuple[Card, ...]:
        """The card of every window that is whole."""
        return tuple(one.card for group in self.groups for one in group.windows)


def gather(root: Path, stage: str, choice: Choice) -> Evidence:
    """Return what is known of the chosen models of a stage."""
    held = tuple(shelf(root, stage, choice))
    if not held:
        raise Refused(
            f"there is no model of {choice} in {root / stage} to accept",
            hint="kwx models list shows what there is; kwx train makes some",
        )
    return Evidence(root=root, stage=stage, held=held, groups=tuple(_groups(held)))


def _groups(held: Sequence[Held]) -> Iterator[GroupEvidence]:
    for group, windows in groupby(held, key=lambda one: one.group):
        whole = [(one.folder, one.card) for one in windows if one.card is not None]
        if whole:
            scored = _each_once(whole)
            yield GroupEvidence(group=group, windows=tuple(sorted(scored, key=lambda one: one.card.test_since)))


def _each_once(whole: Sequence[tuple[Path, Card]]) -> Iterator[WindowScores]:
    """Score windows, the newest fit first; what it speaks of is left out of the older ones."""
    spoken = pl.DataFrame(schema={"market_ticker": pl.String, "ts_utc": pl.Datetime("us", "UTC")})
    for folder, card in sorted(whole, key=lambda one: newness(one[1]), reverse=True):
        said = read_predictions(folder)
        counted = said.join(spoken, on=_SPOKEN, how="anti", maintain_order="left")
        settled = pl.col("outcome").is_not_null()
        left = said.filter(settled).height - counted.filter(settled).height
        yield _scores(card, counted.filter(settled), left=left)
        spoken = pl.concat([spoken, counted.select(_SPOKEN)])


def _scores(card: Card, rows: pl.DataFrame, *, left: int) -> WindowScores:
    used = rows.select(
        pl.coalesce("p_calibrated", "p_model").alias("p"), "outcome", "event_date"
    )  # what is traded on: the calibrated probability where there is one
    judged = Judged(
        p=used["p"].to_numpy(), hit=used["outcome"].to_numpy(), dates=used["event_date"].to_numpy()
    )  # fmt: skip
    if not len(judged.p):
        return WindowScores(card=card, judged=judged, log_loss=None, brier=None, ece=None, left=left)
    forecasts = sort_forecasts(judged.p)
    return WindowScores(
        card=card, judged=judged, left=left,
        log_loss=float(contracts.log_loss(judged.p, hit=judged.hit).mean()),
        brier=float(contracts.brier(judged.p, hit=judged.hit).mean()),
        ece=calibration_error(forecasts, forecasts.hits(judged.hit)),
    )  # fmt: skip
