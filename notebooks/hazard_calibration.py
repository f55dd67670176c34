"""The weather's chances against what came: reliability with its band, where the highs fell, hour by hour."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Hazard and its calibration")


@app.cell
def _():
    import marimo as mo
    import numpy as np
    import polars as pl

    from kwx.ask import ready_question
    from kwx.lab import open_lab
    from kwx.plots.lines import lines_chart
    from kwx.plots.pit import pit_chart
    from kwx.plots.reliability import reliability_chart
    from kwx.plots.theme import themed
    from kwx.scoring.reliability import reliability

    return lines_chart, mo, np, open_lab, pit_chart, pl, ready_question, reliability, reliability_chart, themed


@app.cell
def _(mo):
    mo.md("""
    # Hazard and its calibration

    Of the brackets to which the weather gave 30 %, did 30 % pay? And where in its distributions did the highs fall?
    Every row is a full hour of a settled event's own day, with what was known by then.
    **The lake must hold** settled events whose weather was run: `kwx hazard fit-params`, then `kwx hazard backfill`.
    """)
    return


@app.cell
def _(mo, open_lab):
    lab = open_lab("events", "weather")
    mo.stop(bool(lab.lacking), mo.callout(mo.md(lab.advice), kind="warn"))
    con = lab.con
    mo.md(f"This is {lab.where}.")
    return (con,)


@app.cell
def _(con, mo, ready_question):
    hits = mo.sql(ready_question("weather_hits"), engine=con)
    return (hits,)


@app.cell
def _(mo):
    hours = mo.ui.range_slider(0, 24, value=(6, 15), label="hours of the climate day", show_value=True)
    mo.vstack([mo.md("## Reliability. Before six little is known, after three in the afternoon nearly all."), hours])
    return (hours,)


@app.cell
def _(hits, hours, mo, pl, reliability):
    chosen = hits.filter(pl.col("hour_of_day").is_between(*hours.value))
    mo.stop(chosen.is_empty(), mo.md("No settled hour of these was run."))
    # Brackets of an event share their draw, and so do all hours and cities of a date: the band is made of whole dates.
    found = reliability(
        chosen["p_wx"], hit=chosen["paid"], dates=chosen["event_date"], below=chosen["colder"].clip(0, 1)
    )
    curve = pl.DataFrame({"p": found.forecast, "came": found.observed, "low": found.low, "high": found.high})
    mo.ui.table(curve, selection=None)
    return chosen, curve, found


@app.cell
def _(curve, reliability_chart, themed):
    themed(reliability_chart(curve, forecast_title="chance by the weather", came_title="share that paid"))
    return


@app.cell
def _(chosen, found, hours, mo, pl):
    _first, _last = hours.value

    def loss_at(hour):
        """Return the mean log loss of the brackets that paid, at one hour."""
        paid = chosen.filter("paid", pl.col("hour_of_day") == hour)
        return -paid["p_wx"].clip(1e-4).log().mean()

    _judged = (
        "stays inside the band that calibrated chances leave once in twenty times"
        if found.inside
        else "leaves the band that calibrated chances leave once in twenty times"
    )
    said = (
        f"From {_first}:00 to {_last}:00 standard time, over {found.rows:,} chances of {found.dates} dates, the curve"
        f" {_judged}; chance alone would miscalibrate as much with p = {found.p_value:.2f}. The mean distance between"
        f" chance and share is {found.ece:.3f}. The log loss of a ladder goes from {loss_at(_first):.2f} to"
        f" {loss_at(_last):.2f} between these hours."
    )
    mo.callout(mo.md(said))
    return (said,)


@app.cell
def _(mo):
    mo.md("""
    ## Where the highs fell

    The chance of a colder day than came, in ten stretches: flat where the distributions are right, a hill where they
    are too wide, a valley where they are too sure, a slope where they are too warm or too cold. A whole degree has a
    chance of its own, so each high is spread over the stretches that its degree reaches.
    """)
    return


@app.cell
def _(con, mo, ready_question):
    pit = mo.sql(
        f"""
        select *
        from ({ready_question("weather_pit")})
        where mc_version = (select max(mc_version) from pmf_minute where p_wx is not null)
        """,
        engine=con,
    )
    return (pit,)


@app.cell
def _(hours, mo, np, pit, pl):
    spread = pit.filter(pl.col("hour_of_day") == hours.value[0])
    mo.stop(spread.is_empty(), mo.md("No settled event was run at that hour."))
    edges = np.linspace(0, 1, 11)
    low, here = spread["colder"].to_numpy()[:, None], np.maximum(spread["here"].to_numpy()[:, None], 1e-9)
    below = np.clip((edges - low) / here, 0, 1)
    # What lies beyond the last degree falls into the outermost stretch.
    below[:, -1] = 1
    stretches = pl.DataFrame({"low": edges[:-1], "high": edges[1:], "share": np.diff(below, axis=1).mean(axis=0)})
    reach = 1.96 * np.sqrt(0.1 * 0.9 / spread.height)
    mo.ui.table(stretches, selection=None)
    return reach, spread, stretches


@app.cell
def _(hours, pit_chart, reach, spread, stretches, themed):
    _title = f"{spread.height} events at {hours.value[0]}:00 standard time; band of 95 % of a stretch"
    themed(pit_chart(stretches, band=(max(0.1 - reach, 0.0), 0.1 + reach), title=_title))
    return


@app.cell
def _(hits, pl):
    by_hour = (
        hits.filter("paid")
        .group_by("city", "hour_of_day")
        .agg(log_loss=-pl.col("p_wx").clip(1e-4).log().mean())
        .sort("city", "hour_of_day")
        .select(x="hour_of_day", y="log_loss", series="city")
    )
    return (by_hour,)


@app.cell
def _(by_hour, lines_chart, themed):
    themed(
        lines_chart(
            by_hour, x_title="hour of the climate day", y_title="mean log loss of the bracket that paid",
            title="what the day tells, hour by hour",
        )
    )  # fmt: skip
    return


if __name__ == "__main__":
    app.run()
