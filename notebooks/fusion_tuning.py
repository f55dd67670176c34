"""What weight the market gets beside the weather, and why: losses by weight, chosen on earlier dates than judged."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Fusion tuning")


@app.cell
def _():
    from datetime import timedelta

    import marimo as mo
    import polars as pl

    from kwx.ask import ready_question
    from kwx.lab import open_lab
    from kwx.models.windows import PURGED_DAYS
    from kwx.plots.lines import lines_chart
    from kwx.plots.theme import themed
    from kwx.scoring.paired import compare
    from kwx.scoring.resampling import LEAST_BLOCKS

    return (
        LEAST_BLOCKS,
        PURGED_DAYS,
        compare,
        lines_chart,
        mo,
        open_lab,
        pl,
        ready_question,
        themed,
        timedelta,
    )


@app.cell
def _(mo):
    mo.md("""
    # Fusion tuning

    Market and weather are pooled, p ∝ p_mkt^w · p_wx^(1−w). How much should the market be heard, and when?
    **The lake must hold** settled events whose weather was run and that were fused, under whatever weight:
    `kwx hazard fit-params`, `kwx hazard backfill`, `kwx fuse run --weight 0.7`. What `kwx fuse tune` found is shown.
    """)
    return


@app.cell
def _(mo, open_lab):
    lab = open_lab("fusion")
    mo.stop(bool(lab.lacking), mo.callout(mo.md(lab.advice), kind="warn"))
    con = lab.con
    mo.md(f"This is {lab.where}.")
    return (con,)


@app.cell
def _(con, mo, ready_question):
    losses = mo.sql(ready_question("pool_losses"), engine=con)
    return (losses,)


@app.cell
def _(losses, mo, pl):
    mo.stop(losses.is_empty(), mo.md("No settled hour has a whole ladder by both sides."))
    _mean = (pl.col("log_loss").dot("hours") / pl.col("hours").sum()).alias("y")
    _parts = losses.group_by("part", "weight").agg(_mean).rename({"part": "series"})
    _all = losses.group_by("weight").agg(_mean).with_columns(series=pl.lit("all hours"))
    curves = pl.concat([_all.select("series", "weight", "y"), _parts.select("series", "weight", "y")])
    curves = curves.rename({"weight": "x"}).sort("series", "x")
    return (curves,)


@app.cell
def _(curves, lines_chart, pl, themed):
    _alone = pl.col("y").filter(pl.col("x") == 1).first().over("series")
    themed(
        lines_chart(
            curves.with_columns(y=pl.col("y") - _alone),
            x_title="weight of the market: 0 is the weather alone",
            y_title="log loss, less the market's alone",
            title="what the pool loses against the market alone, by part of the event's life",
        )
    )
    return


@app.cell
def _(mo):
    mo.md("""
    ## A weight is chosen on earlier dates and judged on later ones

    The weight with the least loss on the dates that it was chosen on looks better than it is. So the first half of the
    dates chooses, and the second half judges; one number for each date, since its hours and cities share their weather.
    The date between them does neither, as with every fit of `kwx`: an event trades on the eve of its day already.
    """)
    return


@app.cell
def _(PURGED_DAYS, losses, pl, timedelta):
    dates = losses["event_date"].unique().sort()
    earlier = dates[: len(dates) // 2]
    later = dates.filter(dates > earlier[-1] + timedelta(days=PURGED_DAYS)) if len(earlier) else dates
    by_date = (
        losses.group_by("event_date", "weight")
        .agg(log_loss=pl.col("log_loss").dot("hours") / pl.col("hours").sum())
        .sort("event_date", "weight")
    )
    of_earlier = by_date.filter(pl.col("event_date").is_in(earlier.implode()))
    chosen_on = (of_earlier if len(earlier) else by_date).group_by("weight").agg(pl.col("log_loss").mean())
    best_weight = chosen_on.sort("log_loss", "weight")["weight"][0]
    judged = (
        by_date.pivot("weight", index="event_date", values="log_loss")
        .filter(pl.col("event_date").is_in(later.implode()))
        .select(
            "event_date",
            pool=pl.col(str(best_weight)),
            market=pl.col("1.0"),
            weather=pl.col("0.0"),
        )
        .sort("event_date")
    )
    judged
    return best_weight, earlier, judged


@app.cell
def _(LEAST_BLOCKS, best_weight, compare, curves, earlier, judged, mo, pl):
    pool, market = judged["pool"].mean(), judged["market"].mean()
    if judged.height >= LEAST_BLOCKS:
        _paired = compare(judged["pool"], reference=judged["market"], dates=judged["event_date"])
        _luck = f"95 % interval by dates {_paired.low:+.3f} … {_paired.high:+.3f}"
    else:
        _luck = f"{judged.height} dates are too few for an interval"
    _of_parts = curves.filter(pl.col("series") != "all hours").sort("y", "x").unique("series", keep="first")
    by_part = dict(_of_parts.sort("x", "series", descending=[True, False]).select("series", "x").iter_rows())
    _parts = ", ".join(f"{part} {weight:.2f}" for part, weight in by_part.items())
    _verdict = (
        f"On the {judged.height} later ones the pool loses {pool:.3f} a ladder and the market alone {market:.3f}:"
        f" {pool - market:+.3f}, {_luck}."
        if judged.height
        else "No later date is left to judge it on."
    )
    said = (
        f"The {len(earlier)} earlier dates choose a weight of {best_weight:.2f} for the market. {_verdict}"
        f" Over all dates the least loss by part of the day lies at: {_parts}."
    )
    mo.callout(mo.md(said))
    return by_part, said


@app.cell
def _(mo):
    mo.md("""
    ## What was used

    The weight of each hour as it is stored, w = σ(α0 + α1 log(1 + volume) + α2 hazard + α3 volatility), beside the
    chance of a new maximum within the hour; a weight that was said is the same at every hour. Below, every set of
    weights that was fitted, and whether it was accepted.
    """)
    return


@app.cell
def _(con, mo, ready_question):
    weights = mo.sql(ready_question("market_weights"), engine=con)
    return (weights,)


@app.cell
def _(lines_chart, pl, themed, weights):
    _told = (
        weights.group_by(x=-pl.col("hours_left"))
        .agg(
            pl.col("mean_w_mkt").mean().alias("weight of the market"),
            pl.col("mean_hazard_60m").mean().alias("chance of a new maximum"),
        )
        .unpivot(index="x", variable_name="series", value_name="y")
        .drop_nulls()
        .sort("series", "x")
    )
    themed(lines_chart(_told, x_title="hours, to the close at 0", y_title="weight, chance"))
    return


@app.cell
def _(con, mo):
    _fitted = mo.sql(
        """
        select city, horizon, until_date, days, pool, method, round(alpha_0, 3) as alpha_0,
            round(alpha_volume, 3) as alpha_volume, round(alpha_hazard, 3) as alpha_hazard,
            round(alpha_volatility, 3) as alpha_volatility, accepted
        from fusion_params
        order by until_date desc, accepted desc, city, pool, method
        """,
        engine=con,
    )
    return


if __name__ == "__main__":
    app.run()
