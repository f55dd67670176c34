"""What the fuse commands say: days, leaderboards and comparisons, in tables for people and plain for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
import polars as pl

from kwx.cli.show import ROWS_SHOWN, console, table_of
from kwx.cli.tell import built_as_json, tell_built, tell_next
from kwx.fuse.run import HELD, MARKET_ONLY, NO_WEATHER, FuseRun, Told

if TYPE_CHECKING:
    from kwx.fuse.fit.judged import Estimate, Judged
    from kwx.fuse.fit.tune import Tuned, TuneRun
    from kwx.fuse.market_scores import Comparison


def day_rows(days: Sequence[Told]) -> pl.DataFrame:
    """Return one row for each day of a run."""
    schema = {"city": pl.String, "event_date": pl.Date, "state": pl.String, "weights": pl.String, "notes": pl.String}
    rows = [(day.city, day.event_date, day.state, day.weights, "; ".join(day.notes)) for day in days]
    return pl.DataFrame(rows, schema=schema, orient="row")


def run_summary(done: FuseRun) -> dict[str, Any]:
    """Return what a run came to."""
    return {"seconds": round(done.seconds, 2), "built": built_as_json(done.built) if done.built else None}


def tell_run(done: FuseRun) -> None:
    """Print what became of the days, city by city, under which weights, then what was published."""
    out = console()
    counts = Counter((day.city, day.state) for day in done.days)
    states = list(dict.fromkeys(state for _, state in counts))
    cities = list(dict.fromkeys(city for city, _ in counts))
    rows = [(city, *(counts[city, state] or None for state in states)) for city in cities]
    out.print(table_of(("city", *states), rows))
    for weights, days in Counter(day.weights for day in done.days if day.weights).items():
        out.print(f"{days} days under {weights}", soft_wrap=True)
    _tell_notes(done)
    if done.built is None:
        held = sum(day.state == HELD for day in done.days)
        out.print(f"nothing to do: the lake holds all {held} days, made of what it holds now", soft_wrap=True)
        return
    following = _following(next(day for day in done.days if day.state != HELD))
    out.print("")
    if done.built.changed:
        tell_built(done.built, following)
    else:
        out.print(f"nothing differed from snapshot {done.built.snapshot.number}", soft_wrap=True)
        tell_next(following)


def _tell_notes(done: FuseRun) -> None:
    for day in [day for day in done.days if day.notes][:ROWS_SHOWN]:
        click.echo(f"note: {day.city} {day.event_date}: {'; '.join(day.notes)}", err=True)
    bare = sum(day.state == NO_WEATHER for day in done.days)
    if bare:
        click.echo(
            f"note: {bare} days have no weather, so the market stands alone; kwx hazard backfill makes it", err=True
        )
    alone = sum(day.state == MARKET_ONLY for day in done.days)
    if alone:
        click.echo(
            f"note: {alone} days have p_mkt alone: no accepted weights end before their eves;"
            " kwx fuse tune makes some, --weight 0.7 says one",
            err=True,
        )


def _following(day: Told) -> list[tuple[str, str]]:
    """Return what to type after a run."""
    event = f"city = '{day.city}' and event_date = '{day.event_date}'"
    ladder = f"select ts_utc, market_ticker, p_wx, p_mkt, w_mkt, p_fused_norm from pmf_minute where {event} limit 5"
    return [(f'kwx sql "{ladder}"', "the probabilities"), ("kwx score", "how good they were")]


def board_rows(done: TuneRun) -> pl.DataFrame:
    """Return one row for each span, kind and city (`all` is all together), the best kind of a span first."""
    return pl.DataFrame([row for tuned in done.tuned for row in _board(tuned)], infer_schema_length=None)


def _board(tuned: Tuned) -> list[dict[str, Any]]:
    rows = []
    for place, judged in enumerate(tuned.board, start=1):
        for city, held in {"all": judged.overall, **judged.by_city}.items():
            rows.append(
                {
                    "until": tuned.split.until, "held_since": tuned.split.held_since, "place": place, "city": city,
                    "pool": judged.kind.pool, "method": judged.kind.method, "minutes": held.minutes,
                    "dates": held.dates,
                    **_flat("loss", held.loss), **_flat("market", held.market), **_flat("weather", held.weather),
                    **_flat("on_market", held.on_market), **_flat("on_weather", held.on_weather),
                    **_flat("winner_loss", held.winner_loss), **_flat("brier", held.brier),
                    **_flat("weight", held.weight),
                    "accepted": _is_accepted(tuned, judged, city),
                }
            )  # fmt: skip
    return rows


def _flat(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _is_accepted(tuned: Tuned, judged: Judged, city: str) -> bool:
    """Tell whether the kind's set of a city was accepted."""
    return any(
        one.accepted
        for one in tuned.sets
        if (one.city, one.pool, one.method) == (city, judged.kind.pool, judged.kind.method)
    )


def tune_summary(done: TuneRun) -> dict[str, Any]:
    """Return what was stored."""
    sets = [asdict(one) for tuned in done.tuned for one in tuned.sets]
    return {"snapshot": done.built.snapshot.number, "added": done.added, "sets": sets, "notes": done.notes}


def tell_tuned(done: TuneRun) -> None:
    """Print the leaderboard of each span, the weights of the best kind, and what was stored."""
    out = console()
    for tuned in done.tuned:
        _tell_board(tuned)
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    if done.added:
        out.print(f"snapshot {done.built.snapshot.number}; {done.added} sets added to fusion_params", soft_wrap=True)
    else:
        out.print(f"nothing differed from snapshot {done.built.snapshot.number}: these sets are held", soft_wrap=True)
    if not any(one.accepted for tuned in done.tuned for one in tuned.sets):
        return
    first = min(tuned.split.until for tuned in done.tuned) + timedelta(days=2)
    out.print(
        f"next: kwx fuse run; sets serve event dates from {first} on, earlier ones need earlier sets:", soft_wrap=True
    )
    out.print("      kwx fuse tune --every 7 makes a walk of them", soft_wrap=True)


def _tell_board(tuned: Tuned) -> None:
    out, split, best = console(), tuned.split, tuned.best.overall
    out.print(
        f"snapshot {tuned.sets[0].snapshot}: fitted {split.since} … {split.fitted_until},"
        f" judged {split.held_since} … {split.until}: {best.dates} dates, {best.minutes:,} minutes",
        soft_wrap=True,
    )
    headers = ("pool", "method", "log loss", "interval", "on market", "interval", "on weather", "interval", "w_mkt")
    rows = [
        (
            judged.kind.pool, judged.kind.method, *_told(judged.overall.loss), *_told(judged.overall.on_market),
            *_told(judged.overall.on_weather), round(judged.overall.weight.value, 3),
        )
        for judged in tuned.board
    ]  # fmt: skip
    out.print(table_of(headers, rows))
    out.print(f"the market alone: {best.market.value:.4f}; the weather alone: {best.weather.value:.4f}", soft_wrap=True)
    out.print("on market, on weather: log loss minus that of one side alone; below zero is better", soft_wrap=True)
    out.print(
        "intervals are of whole dates, and do not know that the best of several kinds is chosen\n", soft_wrap=True
    )
    _tell_sets(tuned)


def _tell_sets(tuned: Tuned) -> None:
    """Print the weights of the best kind, city by city, and which of them may be used."""
    headers = ("city", "days", "own share", "α0", "α volume", "α hazard", "α volatility", "a", "b", "accepted")
    rows = [
        (
            one.city,
            one.days,
            round(one.metrics["own_share"], 2),
            *_rounded(one.alphas.numbers),
            round(one.beta_a, 3),
            round(one.beta_b, 3),
            one.accepted,
        )
        for one in tuned.sets
        if (one.pool, one.method) == (tuned.best.kind.pool, tuned.best.kind.method)
    ]
    out = console()
    out.print(
        f"{tuned.best.kind}, fitted again on all dates; own share: how much is the city's own fit", soft_wrap=True
    )
    out.print(table_of(headers, rows))
    if not any(row[-1] for row in rows):
        click.echo("note: none is accepted: on the held-out dates the market alone was better", err=True)


def _rounded(numbers: Sequence[float]) -> list[float]:
    return [round(number, 3) for number in numbers]


def _told(estimate: Estimate) -> tuple[float, str]:
    """Return a number and its interval as people read them."""
    interval = "·" if estimate.low is None or estimate.high is None else f"{estimate.low:.4f} … {estimate.high:.4f}"
    return round(estimate.value, 4), interval


def comparison_summary(found: Comparison) -> dict[str, Any]:
    """Return what all days come to, recipe by recipe."""
    return {"snapshot": found.snapshot, "summary": found.summary.to_dicts()}


def tell_comparison(found: Comparison) -> None:
    """Print each recipe's scores beside those of the first."""
    out = console()
    out.print(
        f"snapshot {found.snapshot}: {found.events} events of {found.dates} dates, {found.instants:,} instants",
        soft_wrap=True,
    )
    headers = ("price", "overround", "log loss", "interval", "on plain mids", "interval", "RPS", "mean °F", "median °F")
    rows = [
        (
            line["price"], line["overround"], round(line["log_loss"], 4), _interval(line, "log_loss"),
            round(line["difference"], 5), _interval(line, "difference"), round(line["rps"], 4),
            round(line["mean_rmse_f"], 3), round(line["median_mae_f"], 3),
        )
        for line in found.summary.iter_rows(named=True)
    ]  # fmt: skip
    out.print(table_of(headers, rows))
    out.print(
        "on plain mids: log loss minus that of mids divided by their sum; mean °F: root mean square error of the\n"
        "implied mean; median °F: mean error of the implied median; intervals (--json: all) are of whole dates",
        soft_wrap=True,
    )
    for note in found.notes:
        click.echo(f"note: {note}", err=True)


def _interval(line: dict[str, Any], name: str) -> str:
    low, high = line[f"{name}_low"], line[f"{name}_high"]
    return "·" if low is None else f"{low:.4f} … {high:.4f}"
