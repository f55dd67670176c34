"""The panel that features are made of: rows of minute_panel_full of some days, and how each event ended.

The label stands beside the features for fitting and scoring only; `label_known_utc` says from when on it may be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

import polars as pl

from kwx.features.sharing import read_once
from warehouse.errors import Usage
from warehouse.lake.store import Snapshot

KEYS = ("city", "event_date", "event_ticker", "market_ticker", "ts_utc")
LABELS = ("label_f", "label_known_utc", "settled_yes")
STRIKE_TYPES = ("between", "greater", "less")
"""The types of bracket: models of single brackets are fitted for each apart."""


def read_panel(
    snapshot: Snapshot,
    city: str,
    *,
    since: date,
    until: date,
    every_minutes: int = 1,
    strike_types: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the panel of a city over event dates, every so many minutes of the clock, in the order of market and time.

    With `columns` only these and the keys are read, whatever else the views hold.
    """
    if every_minutes < 1:
        raise Usage(f"every {every_minutes} minutes is no step", hint="say 1 or more")
    if strangers := [kind for kind in strike_types if kind not in STRIKE_TYPES]:
        raise Usage(f"no bracket is of type {' '.join(strangers)}", hint=f"types: {' '.join(STRIKE_TYPES)}")
    wanted = tuple(dict.fromkeys((*KEYS, *columns))) if columns else ()
    rows = (snapshot.paths, snapshot.number, city, since, until, every_minutes, tuple(strike_types))
    read = partial(
        _read, snapshot, wanted, city=city, since=since, until=until, every_minutes=every_minutes,
        strike_types=strike_types,
    )  # fmt: skip
    panel = read_once(("panel", *rows, not wanted), read, serves=lambda held: set(wanted) <= set(held.columns))
    return panel.select(wanted) if wanted else panel


def _read(
    snapshot: Snapshot,
    columns: Sequence[str],
    *,
    city: str,
    since: date,
    until: date,
    every_minutes: int,
    strike_types: Sequence[str],
) -> pl.DataFrame:
    kinds = " or ".join(f"strike_type = '{kind}'" for kind in strike_types) or "true"
    question = (
        f"select {', '.join(columns) or '*'} from minute_panel_labeled"
        " where city = $city and event_date between $since and $until"
        f" and epoch_us(ts_utc) // 60000000 % $every = 0 and ({kinds})"
        " order by event_date, market_ticker, ts_utc"
    )
    with snapshot.connect() as con:
        said = {"city": city, "since": since, "until": until, "every": every_minutes}
        return pl.DataFrame(con.sql(question, params=said).pl())
