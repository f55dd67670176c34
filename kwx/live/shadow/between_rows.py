"""What was decided between minutes, as rows of decisions: each order that was taken out because its book had moved.

Such a row stands at the instant of its decision, beside those of minutes, which stand at their ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from kwx.exec.codes import Gate
from kwx.exec.ledger.known import Known
from kwx.live.between import taken_out
from kwx.live.journal.record import Origin
from kwx.live.journal.recorded import Recorded
from kwx.live.journal.wire import Kept
from warehouse.lake.tables import DECISIONS
from warehouse.market.money import TICKS_PER_DOLLAR

WITHDRAWN = "withdraw"


def between_rows(run_id: str, recorded: Recorded, known: Known) -> pl.DataFrame:
    """Return the rows of the table decisions, with their city and event date."""
    rows = [row for segment in recorded.segments for kept in segment.between for row in _rows(segment.origin, kept)]
    schema = {**DECISIONS.path_columns, **DECISIONS.schema}
    told = [name for name in schema if name not in known.rows.columns or name in ("market_ticker", "ts_utc")]
    frame = pl.DataFrame(rows, schema={name: schema[name] for name in told}).with_columns(run_id=pl.lit(run_id))
    return known.at(frame, "ts_utc").select(
        "city", "event_date", *(pl.col(name).cast(dtype) for name, dtype in DECISIONS.schema.items())
    )


def _rows(origin: Origin, kept: Kept) -> Iterator[dict[str, Any]]:
    for name in taken_out(kept.causes):
        place = tuple(int(axis[0]) for axis in np.nonzero(origin.tickers == name))
        seen, did = kept.minute, kept.actions
        bid, ask = int(seen.bid_ticks[place]), int(seen.ask_ticks[place])
        gate = Gate(int(did.gate[place]))
        yield {
            "city": origin.cities[place[1]], "event_date": origin.event_date, "market_ticker": name,
            "ts_utc": kept.causes.decided_utc, "strategy": origin.strategy,
            "score": _finite(seen.score[place]), "p_fair": _finite(seen.p_fair[place]),
            "bid_ticks": bid if bid > 0 else None, "ask_ticks": ask if ask < TICKS_PER_DOLLAR else None,
            "edge_ticks": did.edge_ticks[place].item(), "want_centi": did.want_centi[place].item(),
            "action": WITHDRAWN, "gate": None if gate is Gate.NONE else gate.word,
        }  # fmt: skip


def _finite(value: np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None
