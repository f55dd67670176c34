"""The scores of stored ladders, row by row, and every bracket as a contract of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kwx.scoring import brackets, degrees
from kwx.scoring.implied import degree_shares
from kwx.scoring.inputs import Bools, Floats, Ints
from kwx.scoring.pit import randomised_pit
from kwx.scoring.sharpness import entropy_nats, largest, squares
from kwx.scoring.stored.ladders import Ladders


@dataclass(frozen=True, kw_only=True, eq=False)
class Contracts:
    """Every bracket of every row as a contract of its own: the row it is of, its forecast, what is colder, and hits."""

    row: Ints
    p: Floats
    below: Floats
    hit: Bools


def row_scores(ladders: Ladders, source: str, *, seed: int = 0) -> dict[str, Floats]:
    """Return the scores [N] of each row, by name; CRPS and PIT are of the degrees that the ladder implies."""
    p, winner, count = ladders.p[source], ladders.winner, ladders.count
    first_f, pmf = implied_rows(ladders, source)
    outcome_f = ladders.rows["label_f"].to_numpy()
    return {
        "log_loss": brackets.log_loss(p, winner=winner, count=count),
        "brier": brackets.contract_brier(p, winner=winner, count=count),
        "brier_multi": brackets.multi_brier(p, winner=winner, count=count),
        "rps": brackets.rps(p, winner=winner, count=count),
        "crps_f": degrees.crps(pmf, first_f=first_f, outcome_f=outcome_f),
        "p_largest": largest(p),
        "entropy_nats": entropy_nats(p),
        "p_squares": squares(p),
        "pit_mean": randomised_pit(pmf, first_f=first_f, outcome_f=outcome_f, seed=seed),
    }


def implied_rows(ladders: Ladders, source: str) -> tuple[Ints, Floats]:
    """Return first degrees [N] and distributions [N, J] over degrees, zeros to the right, that all rows imply."""
    shares = [degree_shares([(one.low_f, one.high_f) for one in shape.brackets]) for shape in ladders.shapes]
    widest = max(share.shape[1] for _, share in shares)
    pmf = np.zeros((len(ladders.ladder), widest))
    order = np.argsort(ladders.ladder, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(ladders.ladder, minlength=len(shares)))[:-1])
    for part, (_, share) in zip(parts, shares, strict=True):
        pmf[part, : share.shape[1]] = ladders.p[source][part, : len(share)] @ share
    return np.array([first_f for first_f, _ in shares])[ladders.ladder], pmf


def contracts_of(ladders: Ladders, source: str) -> Contracts:
    """Return every bracket as a contract."""
    p = ladders.p[source]
    place = np.arange(p.shape[1])
    row, bracket = np.nonzero(place < ladders.count[:, None])
    below = np.clip(np.cumsum(p, axis=1) - p, 0.0, 1.0)
    return Contracts(row=row, p=p[row, bracket], below=below[row, bracket], hit=bracket == ladders.winner[row])
