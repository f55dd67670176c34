"""A day in the life of an event: its ladder, the air outside, what was expected of it, and when the market knew."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A day in the life of an event")


@app.cell
def _():
    import marimo as mo
    import polars as pl

    from kwx.ask import ready_question
    from kwx.lab import open_lab
    from kwx.plots.fan import fan_chart
    from kwx.plots.hazard import hazard_chart
    from kwx.plots.ladder import ladder_day_chart
    from kwx.plots.lines import lines_chart
    from kwx.plots.theme import themed

    return fan_chart, hazard_chart, ladder_day_chart, lines_chart, mo, open_lab, pl, ready_question, themed


@app.cell
def _(mo):
    mo.md("""
    # A day in the life of an event

    The ladder of one event beside the air outside: what was measured, what was forecast, and, where the weather was
    run, the fan of the high and the chance of a new maximum. All of it as it was known at each minute.
    **The lake must hold** settled events with prices; with `kwx hazard backfill` it shows more.
    """)
    return


@app.cell
def _(mo, open_lab):
    lab = open_lab("events")
    mo.stop(bool(lab.lacking), mo.callout(mo.md(lab.advice), kind="warn"))
    con = lab.con
    mo.md(f"This is {lab.where}.")
    return (con,)


@app.cell
def _(con, mo):
    settled = con.sql("""
        select
            markets.event_ticker,
            any_value(markets.city) as city,
            any_value(markets.event_date) as event_date,
            any_value(label_f) as label_f,
            any_value(markets.city || ' ' || markets.event_date) in (select city || ' ' || event_date from pmf_degrees)
                as is_run
        from markets
        join settlement_label using (city, event_date)
        semi join candles_dense using (market_ticker)
        group by markets.event_ticker
        order by is_run desc, event_date desc, event_ticker
    """).pl()
    _names = settled["event_ticker"].to_list()
    event = mo.ui.dropdown(_names, value=_names[0], label="event", searchable=True)
    event
    return event, settled


@app.cell
def _(event, pl, settled):
    chosen = settled.row(by_predicate=pl.col("event_ticker") == event.value, named=True)
    of_event = f"city = '{chosen['city']}' and event_date = '{chosen['event_date']}'"
    return chosen, of_event


@app.cell
def _(con, event, mo, of_event, ready_question):
    ladder = mo.sql(
        f"""
        select life.*, settled_yes
        from ({ready_question("ladder_life")}) as life
        join market_paid using (city, event_date, market_ticker)
        where {of_event} and event_ticker = '{event.value}' and p_mid_norm is not null
        """,
        engine=con,
    )
    return (ladder,)


@app.cell
def _(event, ladder, ladder_day_chart, themed):
    themed(ladder_day_chart(ladder.rename({"p_mid_norm": "p"}), title=f"{event.value}: the market's chances, UTC"))
    return


@app.cell
def _(con, mo, of_event, ready_question):
    weather = mo.sql(f"select * from ({ready_question('weather_life')}) where {of_event}", engine=con)
    return (weather,)


@app.cell
def _(con, mo, of_event, ready_question):
    fan = mo.sql(
        f"""
        select fan.*
        from ({ready_question("high_fan")}) as fan
        where {of_event} and mc_version = (select max(mc_version) from pmf_minute where {of_event})
        """,
        engine=con,
    )
    return (fan,)


@app.cell
def _(chosen, fan, fan_chart, lines_chart, pl, themed, weather):
    _air = weather.filter(pl.col("temp_f").is_not_null()).select("ts_utc", "temp_f")
    _running = weather.filter(pl.col("run_max_lo_f").is_not_null())
    _told = weather.select(
        "ts_utc",
        pl.col("temp_f").alias("temperature"),
        pl.col("forecast_high_f").alias("forecast of the high"),
        pl.col("run_max_lo_f").cast(pl.Float64).alias("running maximum"),
    ).unpivot(index="ts_utc", variable_name="series", value_name="y")
    if fan.is_empty():
        _drawn = lines_chart(_told.drop_nulls().rename({"ts_utc": "x"}), y_title="°F")
    else:
        _drawn = fan_chart(fan, temperature=_air, running=_running, high_f=chosen["label_f"])
    themed(_drawn)
    return


@app.cell
def _(hazard_chart, mo, pl, themed, weather):
    hazards = (
        weather.filter(~pl.col("is_eve"))
        .rename({"hazard_next_5m": "5 minutes", "hazard_next_60m": "60 minutes"})
        .unpivot(["5 minutes", "60 minutes"], index="ts_utc", variable_name="within", value_name="p")
        .drop_nulls()
    )
    mo.stop(hazards.is_empty(), mo.md("The weather of this event was not run: `kwx hazard backfill` does it."))
    themed(hazard_chart(hazards, title="the chance of a new maximum"))
    return


@app.cell
def _(mo):
    mo.md("""
    ## When did the market know?

    From one step of ten minutes on, the bracket that paid was the favourite and stayed it; at another the running
    maximum took the value that it ended with. Which came first?
    """)
    return


@app.cell
def _(ladder, mo, pl):
    steps = (
        ladder.sort("ts_utc", "p_mid_norm", descending=[False, True])
        .group_by("ts_utc", maintain_order=True)
        .agg(
            favourite=pl.col("bracket").first(),
            is_right=pl.col("settled_yes").first(),
            winner=pl.col("bracket").filter("settled_yes").first(),
            p_winner=pl.col("p_mid_norm").filter("settled_yes").first(),
        )
        .with_columns(stays=pl.col("is_right").reverse().cum_min().reverse())
    )
    mo.ui.table(steps, selection=None)
    return (steps,)


@app.cell
def _(mo, pl, steps, weather):
    top_seen = weather.filter(pl.col("run_max_lo_f") == pl.col("run_max_lo_f").max())["ts_utc"].min()
    right = steps.filter("stays")
    winner = steps["winner"].drop_nulls().first()
    if right.is_empty() or top_seen is None:
        said = f"The market never settled on {winner} °F, the bracket that paid."
    else:
        since, p_then = right.row(0, named=True)["ts_utc"], right.row(0, named=True)["p_winner"]
        _minutes = round((since - top_seen).total_seconds() / 60)
        _when = f"{abs(_minutes)} minutes {'after' if _minutes > 0 else 'before'}" if _minutes else "just when"
        said = (
            f"The bracket that paid, {winner} °F, was the market's favourite for good from {since:%d %H:%M} UTC on, at"
            f" {p_then:.0%}: {_when} the running maximum was seen to reach what it ended with, at"
            f" {top_seen:%d %H:%M} UTC."
        )
    mo.callout(mo.md(said))
    return (said,)


if __name__ == "__main__":
    app.run()
