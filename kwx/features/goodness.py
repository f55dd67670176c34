"""How well a law of self-exciting events tells events that it was not fitted to: by its own clock they are Poisson's.

The integral of the rate from one event to the next is of Exp(1), each apart, if the law is true (Brown et al. 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import kolmogorov

from kwx.features.hawkes import Floats, Law, Tapes, excitation, residuals
from warehouse.errors import Refused


@dataclass(frozen=True, kw_only=True)
class Goodness:
    """How well a law tells events: how far their waits lie from those of a true law, and how often chance does that.

    distance: of Kolmogorov and Smirnov, between the waits by the law's own clock and Exp(1). branching: of the law.
    """

    events: int
    branching: float
    distance: float
    p_value: float


def goodness(law: Law, tapes: Tapes) -> Goodness:
    """Return how well a law tells the events of some tapes; refuse tapes without any."""
    count = len(tapes.times_minutes)
    if not count:
        raise Refused("no event tells how well a law fits", hint="say more days")
    expected = -np.expm1(-np.sort(_waits(law, tapes)))
    distance = float(
        max((np.arange(1, count + 1) / count - expected).max(), (expected - np.arange(count) / count).max())
    )
    # Stephens' correction brings the limit law of the distance to samples of any size.
    p_value = float(kolmogorov(distance * (count**0.5 + 0.12 + 0.11 / count**0.5)))
    return Goodness(events=count, branching=law.branching, distance=distance, p_value=p_value)


def _waits(law: Law, tapes: Tapes) -> Floats:
    """Return the residuals [N] with what was left of the tapes between: the end of a tape cuts no wait short."""
    lifted = 1.0 + excitation(tapes, law.beta_per_minute)
    last = np.flatnonzero(np.append(tapes.is_first[1:], [True]))
    left = law.mu_per_minute * (tapes.end_minutes - tapes.start_minutes)
    after = (tapes.end_minutes[tapes.of_tape] - tapes.times_minutes)[last]
    left[tapes.of_tape[last]] = law.mu_per_minute * after - law.branching * lifted[last] * np.expm1(
        -law.beta_per_minute * after
    )
    first = np.flatnonzero(tapes.is_first)
    before = np.concatenate([[0.0], np.cumsum(left)])[tapes.of_tape[first]]
    waits = residuals(law, tapes)
    waits[first] += np.diff(before, prepend=0.0)
    return waits
