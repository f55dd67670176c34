"""What an order book tells of the next minutes: the lean of its queues, the flow of orders, and who strikes."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Microstructure of a book")


@app.cell
def _():
    import marimo as mo
    import polars as pl

    from kwx.ask import ready_question
    from kwx.features.book.aggression import fit_laws, laws_told
    from kwx.features.book.microstructure import microstructure_of
    from kwx.lab import open_lab
    from kwx.plots.lines import lines_chart
    from kwx.plots.theme import themed
    from warehouse.lake.tables import Partition

    return Partition, fit_laws, laws_told, lines_chart, microstructure_of, mo, open_lab, pl, ready_question, themed


@app.cell
def _(mo):
    mo.md("""
    # Microstructure of a book

    Every message of an event's order books, put together minute by minute: the imbalance of the queues at the best
    prices, the order-flow imbalance, and the rate at which orders strike, as a process that excites itself.
    **The lake must hold** recorded order books: the demo lake has them, `kwx record` records those of the exchange.
    """)
    return


@app.cell
def _(mo, open_lab):
    lab = open_lab("events", "books")
    mo.stop(bool(lab.lacking), mo.callout(mo.md(lab.advice), kind="warn"))
    con = lab.con
    mo.md(f"This is {lab.where}.")
    return con, lab


@app.cell
def _(con, mo, ready_question):
    recorded = mo.sql(ready_question("recorded_books"), engine=con)
    return (recorded,)


@app.cell
def _(mo, recorded):
    _cities = recorded["city"].unique().sort().to_list()
    city = mo.ui.dropdown(_cities, value=_cities[0], label="city")
    city
    return (city,)


@app.cell
def _(Partition, city, fit_laws, lab, microstructure_of, mo, pl, recorded):
    dates = recorded.filter(pl.col("city") == city.value)["event_date"].sort().to_list()[-4:]
    mo.stop(len(dates) < 2, mo.md("One recorded date tells no law for another: record a second one."))
    # The laws of who strikes are fitted to the earlier dates, and the last date is told by them.
    laws = fit_laws(lab.snapshot, city.value, dates[:-1])
    book_minutes = pl.concat(microstructure_of(lab.snapshot, Partition(city.value, day), laws) for day in dates)
    mo.md(f"{city.value}, {dates[0]} … {dates[-1]}: {book_minutes.height:,} minutes of books")
    return book_minutes, dates, laws


@app.cell
def _(book_minutes, city, con, dates, mo):
    con.register("book_minutes", book_minutes.to_arrow())
    moves = mo.sql(
        f"""
        with mids as (
            select event_date, market_ticker, ts_utc, mid_prob, spread_prob
            from minute_panel_base
            where city = '{city.value}' and event_date between '{dates[0]}' and '{dates[-1]}' and price_source = 'mid'
        )

        select
            now.event_date,
            now.market_ticker,
            now.ts_utc,
            now.mid_prob,
            100 * now.spread_prob as spread_cents,
            book.queue_imbalance,
            book.ofi_1m,
            book.hawkes_buy,
            book.hawkes_sell,
            100 * (now.mid_prob - before.mid_prob) as moved_cents,
            100 * (later.mid_prob - now.mid_prob) as next_5m_cents
        from mids as now
        join book_minutes as book using (market_ticker, ts_utc)
        left join mids as before
            on now.market_ticker = before.market_ticker and now.ts_utc = before.ts_utc + interval 1 minute
        left join mids as later
            on now.market_ticker = later.market_ticker and now.ts_utc = later.ts_utc - interval 5 minutes
        order by now.market_ticker, now.ts_utc
        """,
        engine=con,
    )
    return (moves,)


@app.cell
def _(mo):
    mo.md("""
    ## Which way do the queues lean?

    In ten equal parts by imbalance: how far the mid moves in the next five minutes after the queues leaned so, and how
    far it moved in the very minute in which orders flowed so. The first could be traded on, the second only explains.
    """)
    return


@app.cell
def _(mo, moves, pl):
    def _tenths(column, move):
        """Return the mean move of ten equal parts of the minutes, ordered by a column."""
        known = moves.filter(pl.col(column).is_not_null() & pl.col(move).is_not_null()).sort(
            column, "ts_utc", "market_ticker"
        )
        tenth = (pl.int_range(pl.len()) * 10 // pl.len()).alias("tenth")
        return known.group_by(tenth).agg(mean=pl.col(move).mean(), minutes=pl.len()).sort("tenth")

    by_queue, by_flow = _tenths("queue_imbalance", "next_5m_cents"), _tenths("ofi_1m", "moved_cents")
    mo.hstack([mo.ui.table(by_queue, selection=None), mo.ui.table(by_flow, selection=None)], widths="equal")
    return by_flow, by_queue


@app.cell
def _(by_flow, by_queue, lines_chart, pl, themed):
    _named = {"next 5 minutes, by queue imbalance": by_queue, "same minute, by order flow": by_flow}
    _told = pl.concat(
        rows.select(x=pl.col("tenth") + 1, y="mean", series=pl.lit(name)) for name, rows in _named.items()
    )
    themed(lines_chart(_told, x_title="tenth: from all offers to all bids", y_title="mean move of the mid, ¢"))
    return


@app.cell
def _(mo):
    mo.md("""
    ## Who strikes?

    Orders that take what rests come in bursts: λ(t) = μ + α Σ exp(−β (t − tᵢ)). The laws are fitted to the earlier half
    of the dates and told the later half; `branching` is how many others an order brings, and a small `p_value` says
    that the later orders do not come as the law has it. Below, the most restless market of the last date.
    """)
    return


@app.cell
def _(city, dates, lab, laws_told, mo, pl):
    told = laws_told(lab.snapshot, city.value, dates)
    strikes = pl.DataFrame(
        [
            {"side": side.removeprefix("hawkes_"), "orders": one.events, "branching": one.branching}
            | {"distance": one.distance, "p_value": one.p_value}
            for side, one in told.items()
            if one is not None
        ],
        schema={
            "side": pl.String,
            "orders": pl.Int64,
            "branching": pl.Float64,
            "distance": pl.Float64,
            "p_value": pl.Float64,
        },
    )
    mo.ui.table(strikes, selection=None)
    return (strikes,)


@app.cell
def _(dates, lines_chart, moves, pl, themed):
    _last = moves.filter(pl.col("event_date") == dates[-1])
    _busiest = (
        _last.group_by("market_ticker").agg(pl.col("moved_cents").abs().sum()).sort("moved_cents", "market_ticker")
    )
    busiest = _busiest["market_ticker"].last()
    _rates = (
        _last.filter(pl.col("market_ticker") == busiest)
        .select("ts_utc", buys="hawkes_buy", sells="hawkes_sell")
        .unpivot(index="ts_utc", variable_name="series", value_name="y")
        .drop_nulls()
        .rename({"ts_utc": "x"})
    )
    themed(lines_chart(_rates, y_title="orders a minute", title=f"{busiest}: the rate at which orders strike"))
    return


@app.cell
def _(by_flow, by_queue, mo, moves, strikes):
    least, most = by_queue["mean"][0], by_queue["mean"][-1]
    sold, bought = by_flow["mean"][0], by_flow["mean"][-1]
    half_spread = moves["spread_cents"].mean() / 2
    _reach = max(most, -least)
    _verdict = "less than" if _reach < half_spread else "more than"
    _brings = " and ".join(f"a {row['side']} {row['branching']:.2f}" for row in strikes.iter_rows(named=True))
    said = (
        f"Where the queues leaned most to the bids the mid moved {most:+.3f} ¢ in the next five minutes, where they"
        f" leaned most to the offers {least:+.3f} ¢: {_verdict} the {half_spread:.2f} ¢ that crossing costs on average."
    )
    said += f" The flow of orders moves the mid in its own minute, by {sold:+.2f} … {bought:+.2f} ¢."
    if _brings:
        said += f" Of the orders that strike, {_brings} others directly bring."
    mo.callout(mo.md(said))
    return (said,)


if __name__ == "__main__":
    app.run()
