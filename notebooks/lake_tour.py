"""A tour of the lake: what is in it, why joins look backward on `known_utc`, one event, and how good its price was."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A tour of the lake")


@app.cell
def _():
    import marimo as mo
    import polars as pl

    from kwx.ask import ready_question
    from kwx.lab import open_lab
    from kwx.plots.ladder import ladder_day_chart
    from kwx.plots.lines import lines_chart
    from kwx.plots.theme import themed

    return ladder_day_chart, lines_chart, mo, open_lab, pl, ready_question, themed


@app.cell
def _(mo):
    mo.md("""
    # A tour of the lake

    What a snapshot holds, what an honest join is, one event from its opening to its close, and how good its price was.
    **The lake must hold** settled events with prices: what `make lake-build` makes is enough.
    """)
    return


@app.cell
def _(mo, open_lab):
    lab = open_lab("events")
    mo.stop(bool(lab.lacking), mo.callout(mo.md(lab.advice), kind="warn"))
    con = lab.con
    mo.md(f"This is {lab.where}. It does not change while the notebook is open, whatever is published meanwhile.")
    return con, lab


@app.cell
def _(lab, mo):
    tables = [
        {"table": name, "rows": entry.rows, "since": entry.since, "until": entry.until}
        for name, entry in lab.snapshot.manifest.tables.items()
        if entry.rows
    ]
    mo.ui.table(tables, selection=None, page_size=20)
    return


@app.cell
def _(mo):
    mo.md("""
    ## Nothing is used before it was known

    A forecast has an `issued_utc`, and a later `known_utc` at which we could have had it. `forecast_in_force` looks
    backward on the second. The ready query below asks what a join on the first would have shown, hour by hour.
    """)
    return


@app.cell
def _(con, mo, ready_question):
    hindsight = mo.sql(ready_question("forecast_hindsight"), engine=con)
    return (hindsight,)


@app.cell
def _(hindsight, mo, pl):
    hours = hindsight["hours"].sum()
    shares = hindsight.select(pl.exclude("city", "hours") * pl.col("hours")).sum().row(0, named=True)
    early, known_error_f, issued_error_f = (
        shares[name] / hours for name in ("early_share", "known_error_f", "issued_error_f")
    )
    better_f = known_error_f - issued_error_f
    effect = f"{abs(better_f):.2f} °F {'smaller' if better_f > 0 else 'larger'}"
    said = (
        f"In {early:.0%} of {hours:,} hours a join on the time of issue shows a forecast that nobody could have had:"
        f" its mean error looks {effect} than that of what was known."
    )
    mo.callout(mo.md(said))
    return (said,)


@app.cell
def _(con, mo):
    events = (
        con.sql(
            "select distinct event_ticker, event_date from markets semi join settlement_label using (city, event_date)"
            " semi join candles_dense using (market_ticker) order by event_date desc, event_ticker"
        )
        .pl()["event_ticker"]
        .to_list()
    )
    event = mo.ui.dropdown(events, value=events[0], label="event", searchable=True)
    mo.vstack([mo.md("## One event, from its opening to its close"), event])
    return (event,)


@app.cell
def _(con, event, mo, ready_question):
    ladder = mo.sql(
        f"""
        select ts_utc, bracket, bracket_order, p_mid_norm as p
        from ({ready_question("ladder_life")})
        where event_ticker = '{event.value}' and p_mid_norm is not null
        """,
        engine=con,
    )
    return (ladder,)


@app.cell
def _(event, ladder, ladder_day_chart, themed):
    themed(ladder_day_chart(ladder, title=f"{event.value}: the market's chances of each bracket"))
    return


@app.cell
def _(mo):
    mo.md("""
    ## How good was the price?

    What happened minus what was paid, by tenth of the mid; and, in the demo world, which alone knows it, how far the
    market's ladder lay from the true chances, hour by hour.
    """)
    return


@app.cell
def _(con, mo, ready_question):
    mids = mo.sql(ready_question("calibration_of_mids"), engine=con)
    return (mids,)


@app.cell
def _(lines_chart, mids, themed):
    themed(lines_chart(mids.select(x="mean_mid", y="gap"), x_title="mid", y_title="share that paid, less the mid"))
    return


@app.cell
def _(con, mo):
    # No ready question reads the truth, so nothing that decides can; this looks back. wrong_share is half the sum of
    # the distances between the market's shares and the true chances: 0 where they agree.
    gaps = mo.sql(
        """
        with ladders as (
            select
                ladder.city,
                ladder.event_ticker,
                ladder.ts_utc,
                (epoch_us(markets.close_utc) - epoch_us(ladder.ts_utc)) // 3600000000 as hours_left,
                sum(abs(ladder.p_mid_norm - truth.p_true)) / 2 as wrong_share
            from event_ladder as ladder
            join markets using (city, event_date, market_ticker)
            join truth_probabilities as truth using (city, event_date, market_ticker, ts_utc)
            where epoch_us(ladder.ts_utc) % 3600000000 = 0 and ladder.brackets = ladder.brackets_priced
            group by ladder.city, ladder.event_ticker, ladder.ts_utc, hours_left
        )

        select
            city,
            hours_left,
            count(*) as ladders,
            round(avg(wrong_share), 4) as wrong_share,
            round(max(wrong_share), 4) as largest_wrong_share
        from ladders
        group by city, hours_left
        order by city, hours_left desc
        """,
        engine=con,
    )
    return (gaps,)


@app.cell
def _(gaps, lines_chart, mo, pl, themed):
    mo.stop(gaps.is_empty(), mo.md("This lake is of the real world: nobody knows the truth."))
    by_hour = gaps.select(x=-pl.col("hours_left"), y="wrong_share", series="city")
    _y = "part of the ladder on wrong brackets"
    themed(lines_chart(by_hour, x_title="hours, to the close at 0", y_title=_y))
    return


@app.cell
def _(gaps, mo, pl):
    _weighed = pl.col("wrong_share").dot("ladders") / pl.col("ladders").sum()
    of_hours = gaps.group_by("hours_left").agg(_weighed.alias("wrong_share")).sort("wrong_share")
    best, worst = (of_hours.row(place, named=True) for place in (0, -1))
    said_of_truth = (
        f"The market is farthest from the truth {worst['hours_left']} hours before the close, with"
        f" {worst['wrong_share']:.1%} of its ladder on wrong brackets, and nearest {best['hours_left']} hours before,"
        f" with {best['wrong_share']:.1%}."
    )
    mo.callout(mo.md(said_of_truth))
    return (said_of_truth,)


if __name__ == "__main__":
    app.run()
