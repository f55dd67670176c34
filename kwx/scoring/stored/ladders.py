"""What the lake holds of each event at each instant asked: whole ladders of probabilities by source, and who won.

A row is an event and an instant. Its probabilities are those of the newest minute of pmf_minute that was not after the
instant, at most an hour old. All sources are read at that one minute and only rows that have all of them are kept, so
that sources are compared on the same rows; how many were left out, and why, is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from kwx.scoring.inputs import ROUNDING, SUM_TOLERANCE, Floats, Ints
from kwx.scoring.stored.labels import labels_of
from kwx.scoring.stored.moments import instants_of
from warehouse.errors import ContractBroken, Refused, Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS, PMF_MINUTE
from warehouse.market.ladder import Ladder

SOURCES = ("p_wx", "p_mkt", "p_fused_norm")
MADE_BY = {"p_wx": "kwx hazard backfill", "p_mkt": "kwx fuse run", "p_fused_norm": "kwx fuse run"}
"""The command that makes each source."""
OLDEST_MINUTES = 60

NOT_TRADED = "not traded then"
NOT_SETTLED = "no settled high yet"
NOT_TILED = "brackets do not tile the degrees"
NOT_EVALUATED = f"nothing stored in the {OLDEST_MINUTES} minutes before"
NOT_WHOLE = "a bracket has no row"

_EVENT = ("city", "event_date", "event_ticker")
_ROW = ("event_ticker", "minute_lst")


@dataclass(frozen=True, kw_only=True, eq=False)
class Ladders:
    """Rows that can be scored, in the order of the arrays.

    rows: city, event_date, event_ticker, minute_lst, instant_utc, ts_utc (of the minute read), close_utc, label_f,
        hazard_next_60m.
    p: of each source [N, widest], coldest bracket first, zeros to the right.
    count, winner: [N] how many brackets there are, and which one won.
    ladder: [N] which of `shapes` a row has. left_out: how many of the `asked` rows are not here, by reason.
    """

    snapshot: int
    rows: pl.DataFrame
    p: Mapping[str, Floats]
    count: Ints
    winner: Ints
    ladder: Ints
    shapes: tuple[Ladder, ...]
    asked: int
    left_out: Mapping[str, int]

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources, in the order in which they are told."""
        return tuple(self.p)


def read_ladders(
    snapshot: Snapshot,
    minutes_lst: Sequence[int],
    *,
    sources: Sequence[str] = (),
    cities: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
) -> Ladders:
    """Return what is stored of the listed events at some minutes; of all sources that are there when none is said."""
    _require_known(sources)
    span = {"cities": cities, "since": since, "until": until}
    minutes = snapshot.scan(PMF_MINUTE, **span)  # type: ignore[arg-type]
    used = sources or _there(minutes)
    if not used:
        raise Refused("nothing to score: pmf_minute holds no probabilities of these days", hint=_how_to_make(SOURCES))
    markets = snapshot.scan(MARKETS, **span).collect()  # type: ignore[arg-type]
    ladders = _tiling(markets)
    contracts = _contracts(ladders)
    asked = instants_of(_events(markets), minutes_lst)
    found = _in_force(minutes, contracts, asked, used)
    labels = labels_of(snapshot, since=since, until=until)
    told = _told(asked.join(labels, on=("city", "event_date"), how="left"), found, ladders, used)
    rows = told.filter(pl.col("left_out").is_null()).drop("left_out")
    left_out = told["left_out"].drop_nulls().value_counts(sort=True)
    if rows.is_empty():
        _refuse_nothing(dict(left_out.iter_rows()), used)
    return _gathered(snapshot.number, rows, found, ladders, used, asked=asked.height, left_out=left_out)


def _require_known(sources: Sequence[str]) -> None:
    unknown = [source for source in sources if source not in SOURCES]
    if unknown:
        raise Usage(f"there is no source {unknown[0]!r}", hint=f"sources: {' '.join(SOURCES)}")


def _there(minutes: pl.LazyFrame) -> tuple[str, ...]:
    """Return the sources of which there is any probability."""
    counts = minutes.select(pl.col(source).count() for source in SOURCES).collect().row(0, named=True)
    return tuple(source for source in SOURCES if counts[source])


def _how_to_make(sources: Iterable[str]) -> str:
    told = dict.fromkeys(MADE_BY[source] for source in sources)
    return "make them with: " + ", then ".join(told)


def _events(markets: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each event: it is open from when all of its markets are to when the first of them closes."""
    trading = (pl.col("open_utc").max(), pl.col("close_utc").min())
    return markets.group_by(_EVENT).agg(*trading).sort(_EVENT)


def _tiling(markets: pl.DataFrame) -> dict[str, Ladder]:
    """Return the ladders of the events whose brackets tile the degrees."""
    found = {}
    for (event,), part in markets.sort(_EVENT).partition_by("event_ticker", as_dict=True).items():
        try:
            found[str(event)] = Ladder.of_event(part)
        except ContractBroken:
            continue  # told as left out, row by row
    return found


def _contracts(ladders: Mapping[str, Ladder]) -> pl.DataFrame:
    """Return the place of each market in its ladder."""
    rows = [
        (event, name, place, len(ladder.names))
        for event, ladder in ladders.items()
        for place, name in enumerate(ladder.names)
    ]
    schema = {"event_ticker": pl.String, "market_ticker": pl.String, "place": pl.Int64, "brackets": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _in_force(
    minutes: pl.LazyFrame, contracts: pl.DataFrame, asked: pl.DataFrame, sources: Sequence[str]
) -> pl.DataFrame:
    """Return the rows of the newest minute of each event at each instant: not after it, and at most an hour old."""
    of_events = minutes.select("market_ticker", "ts_utc", "hazard_next_60m", *sources).join(
        contracts.lazy(), on="market_ticker", how="inner"
    )
    there = of_events.select("event_ticker", "ts_utc").unique().collect().sort("event_ticker", "ts_utc")
    newest = asked.sort("event_ticker", "instant_utc").join_asof(
        there.with_columns(instant_utc="ts_utc"),
        on="instant_utc",
        by="event_ticker",
        tolerance=f"{OLDEST_MINUTES}m",
        check_sortedness=False,  # both are sorted just above
    )
    wanted = newest.filter(pl.col("ts_utc").is_not_null()).select(*_ROW, "ts_utc", "instant_utc")
    if (wanted["ts_utc"] > wanted["instant_utc"]).any():
        raise ContractBroken("a minute after the instant was read", hint="sort both sides of the join by time")
    found = of_events.join(wanted.lazy(), on=("event_ticker", "ts_utc"), how="inner").collect()
    _require_single(found)
    return found


def _require_single(found: pl.DataFrame) -> None:
    """Refuse a market that has two rows of one minute: which of them was known cannot be told."""
    twice = found.filter(pl.struct("market_ticker", "minute_lst").is_duplicated())
    if not twice.is_empty():
        market, ts_utc = twice.select("market_ticker", "ts_utc").row(0)
        raise ContractBroken(
            f"pmf_minute holds {market} at {ts_utc:%Y-%m-%d %H:%MZ} twice",
            hint="kwx lake check names every such row; run the day again",
        )


def _told(
    asked: pl.DataFrame, found: pl.DataFrame, ladders: Mapping[str, Ladder], sources: Sequence[str]
) -> pl.DataFrame:
    """Return every row that was asked, with why it is left out, or null."""
    at_minute = found.group_by(_ROW).agg(
        pl.col("ts_utc", "hazard_next_60m", "brackets").first(), pl.len().alias("rows"), pl.col(sources).count()
    )
    told = asked.join(at_minute, on=_ROW, how="left", maintain_order="left")
    is_traded = (pl.col("instant_utc") >= pl.col("open_utc")) & (pl.col("instant_utc") < pl.col("close_utc"))
    why = (
        pl.when(~is_traded)
        .then(pl.lit(NOT_TRADED))
        .when(pl.col("label_f").is_null())
        .then(pl.lit(NOT_SETTLED))
        .when(~pl.col("event_ticker").is_in(list(ladders)))
        .then(pl.lit(NOT_TILED))
        .when(pl.col("ts_utc").is_null())
        .then(pl.lit(NOT_EVALUATED))
        .when(pl.col("rows") != pl.col("brackets"))
        .then(pl.lit(NOT_WHOLE))
    )
    for source in sources:
        why = why.when(pl.col(source) != pl.col("brackets")).then(pl.lit(f"no {source}"))
    return told.with_columns(left_out=why).drop(sources)


def _refuse_nothing(left_out: Mapping[str, int], sources: Sequence[str]) -> None:
    told = ", ".join(f"{why}: {number:,}" for why, number in left_out.items())
    hint = "kwx ingest settlements fetches highs" if NOT_SETTLED in left_out else _how_to_make(sources)
    if not left_out:
        hint = "kwx lake status says which days are there"
    raise Refused(f"nothing to score: no row is whole ({told or 'no event is listed'})", hint=hint)


def _gathered(
    snapshot: int,
    rows: pl.DataFrame,
    found: pl.DataFrame,
    ladders: Mapping[str, Ladder],
    sources: Sequence[str],
    *,
    asked: int,
    left_out: pl.DataFrame,
) -> Ladders:
    """Return the arrays of the rows that are kept."""
    rows = rows.sort("event_date", "city", *_ROW)
    events = rows["event_ticker"].unique(maintain_order=True).to_list()
    number = {event: place for place, event in enumerate(events)}
    shapes = tuple(ladders[event] for event in events)
    ladder = rows["event_ticker"].replace_strict(number, return_dtype=pl.Int64).to_numpy()
    ours = found.join(rows.select(_ROW).with_row_index("row"), on=_ROW, how="inner")
    row, place = ours["row"].to_numpy().astype(np.int64), ours["place"].to_numpy()
    p = {}
    for source in sources:
        p[source] = np.zeros((rows.height, max(len(one.names) for one in shapes)))
        p[source][row, place] = ours[source].to_numpy()
        _require_distributions(p[source], rows, source)
    return Ladders(
        snapshot=snapshot,
        rows=rows.select(*_EVENT, "minute_lst", "instant_utc", "ts_utc", "close_utc", "label_f", "hazard_next_60m"),
        p=p,
        count=np.array([len(one.names) for one in shapes])[ladder],
        winner=_winners(rows["label_f"].to_numpy(), ladder, shapes),
        ladder=ladder,
        shapes=shapes,
        asked=asked,
        left_out=dict(left_out.iter_rows()),
    )


def _winners(label_f: Ints, ladder: Ints, shapes: Sequence[Ladder]) -> Ints:
    """Return which bracket holds the settled high: as many are colder as have their upper bound below it."""
    widest = max(len(one.names) for one in shapes)
    upper_f = np.full((len(shapes), widest), np.inf)
    for row, shape in zip(upper_f, shapes, strict=True):
        row[: len(shape.brackets) - 1] = [bracket.high_f for bracket in shape.brackets[:-1]]
    winners: Ints = (upper_f[ladder] < label_f[:, None]).sum(axis=1)
    return winners


def _require_distributions(p: Floats, rows: pl.DataFrame, source: str) -> None:
    """Refuse NaN, negative mass and ladders that do not sum to one, by name of the event and its minute."""
    total = p.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(total - 1) <= SUM_TOLERANCE) | (p < -ROUNDING).any(axis=1))
    if len(wrong):
        event, ts_utc = rows.select("event_ticker", "ts_utc").row(int(wrong[0]))
        lowest = p[wrong[0]].min()
        why = f"holds {lowest:.6g}" if lowest < -ROUNDING else f"sums to {total[wrong[0]]:.6g}"
        raise Refused(
            f"{source} of {event} at {ts_utc:%Y-%m-%d %H:%MZ} is no distribution: it {why}"
            f" ({len(wrong)} of {len(p)} rows are like that)",
            hint=f"kwx lake check names every such minute; the day can be made again with: {MADE_BY[source]}",
        )
