"""How a model did on the last of its training dates, which neither fitted nor chose it, against its class prior.

Of many candidates the luckiest beats the prior on the very dates that chose it, whatever it knows. So other dates
judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from kwx.models.artifact import NOT_JUDGED
from kwx.models.windows import PURGED_DAYS

Floats = NDArray[np.float64]

LEAST_CUT_DATES = 3
"""One date to choose by, one to judge by, and one between them."""
LEAST_DATES_JUDGED = 2
_LUCKY = 0.1


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Mean log losses over held-out dates, each date counting once, in nats.

    standard_error: of prior_log_loss − log_loss over the dates; 0 where there are too few.
    """

    dates: int
    rows: int
    log_loss: float
    prior_log_loss: float
    standard_error: float

    @property
    def is_judged(self) -> bool:
        """Whether there are dates enough to tell a gain from chance."""
        return self.dates >= LEAST_DATES_JUDGED

    @property
    def chance(self) -> float:
        """The gain that a model which knows nothing exceeds once in ten times: by Student's law over the dates."""
        return float(stdtrit(max(self.dates - 1, 1), 1 - _LUCKY)) * self.standard_error

    @property
    def objection(self) -> str | None:
        """Say that the model gains no more than chance may bring, None where it does or nobody can tell."""
        if not self.is_judged or self.prior_log_loss - self.log_loss > self.chance:
            return None
        return (
            f"on {self.dates} held-out dates its log loss {self.log_loss:.4f} is no better than the class prior's"
            f" {self.prior_log_loss:.4f}: chance alone may make {self.chance:.4f}"
        )

    def notes(self, *, of: str = "") -> list[str]:
        """Say so where the dates are too few to tell whether the model is better than its class prior."""
        told = f"{NOT_JUDGED}: {of}{self.dates} held-out date{'s' * (self.dates != 1)}, {LEAST_DATES_JUDGED} are needed"
        return [] if self.is_judged else [told]


def held_out(losses: Floats, priors: Floats, days: NDArray[np.datetime64]) -> HeldOut:
    """Return what a model and its class prior lose [N] on rows of some dates [N]."""
    # Summed in the order of rows, however many threads Polars has.
    _, date_of, count = np.unique(days, return_inverse=True, return_counts=True)
    ours, theirs = (np.bincount(date_of, weights=values) / count for values in (losses, priors))
    number = len(count)
    deviation = float((theirs - ours).std(ddof=1)) if number > 1 else 0.0
    return HeldOut(
        dates=number, rows=len(losses), log_loss=float(ours.mean()), prior_log_loss=float(theirs.mean()),
        standard_error=deviation / number**0.5,
    )  # fmt: skip


def choosing_and_judging(dates: Sequence[date]) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Cut three dates or more, in their order, into those that choose and the later ones that judge.

    Later, for the weather of a day is much like that of its neighbours, and the luck of a choice would come over.
    As between the fit and the test, whole days between the two serve neither.
    """
    middle = (len(dates) + 1) // 2
    judging = tuple(dates[middle:])
    last = judging[0] - timedelta(days=PURGED_DAYS)
    return tuple(day for day in dates[:middle] if day < last), judging
