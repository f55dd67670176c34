"""How long a vendor is waited for, and what is waited between the attempts of one question."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from pipelines.asking.breaker import REST_S
from pipelines.asking.rates import Monotonic

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait: for a connection, for the next bytes, for a whole answer, and between attempts.

    `rest_s` is how long a vendor that failed several times in a row is left alone.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    answer_s: float = 120.0
    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    total_s: float = 300.0
    rest_s: float = REST_S


class AskAgain(Exception):
    """One attempt failed in a way that another may not. `may_be_done` is false where nothing was done for certain."""

    def __init__(self, why: str, *, wait_s: float | None = None, may_be_done: bool = True) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        self.may_be_done = may_be_done


@dataclass(kw_only=True)
class Waits:
    """The waits between the attempts of one question: full jitter below a ceiling that doubles, or what was asked.

    `may_be_done` says whether one of the attempts so far may have been carried out.
    """

    asked: str
    patience: Patience
    chance: random.Random
    monotonic: Monotonic
    began_s: float
    failures: int = 0
    may_be_done: bool = False

    def before_next(self, error: Exception) -> bool | float:
        """Return the seconds to wait before another attempt, False when there is none."""
        if not isinstance(error, AskAgain):
            return False
        self.failures += 1
        self.may_be_done = self.may_be_done or error.may_be_done
        patience = self.patience
        if self.failures >= patience.attempts:
            return False
        ceiling_s = min(patience.longest_wait_s, patience.first_wait_s * 2 ** (self.failures - 1))
        wait_s = max(self.chance.uniform(0, ceiling_s), error.wait_s or 0.0)
        if self.monotonic() - self.began_s + wait_s > patience.total_s:
            return False
        logger.info("%s: %s; attempt %d in %.1f s", self.asked, error, self.failures + 1, wait_s)
        return wait_s
