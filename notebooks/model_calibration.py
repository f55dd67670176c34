"""What a model adds to the market and how well it is calibrated, with intervals by date."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Models and their calibration")


@app.cell
def _():
    import marimo as mo
    import numpy as np
    import polars as pl

    from kwx.ask import ready_question
    from kwx.lab import open_lab
    from kwx.plots.intervals import intervals_chart
    from kwx.plots.lines import lines_chart
    from kwx.plots.reliability import reliability_chart
    from kwx.plots.theme import themed
    from kwx.scoring import contracts
    from kwx.scoring.reliability import reliability
    from kwx.scoring.resampling import draw, mean_of

    return (
        contracts,
        draw,
        intervals_chart,
        lines_chart,
        mean_of,
        mo,
        np,
        open_lab,
        pl,
        ready_question,
        reliability,
        reliability_chart,
        themed,
    )


@app.cell
def _(mo):
    mo.md("""
    # Models and their calibration

    At each full hour at which a model spoke, its word on a bracket stands beside the market's. Who loses less, does
    the model add anything to the market, and is it calibrated?
    **The lake must hold** settled events and predictions of their settlement: `kwx train` makes them, each window
    tested on later dates than it is fitted on.
    """)
    return


@app.cell
def _(mo, open_lab):
    lab = open_lab("events", "predictions")
    mo.stop(bool(lab.lacking), mo.callout(mo.md(lab.advice), kind="warn"))
    con = lab.con
    mo.md(f"This is {lab.where}.")
    return (con,)


@app.cell
def _(con, mo, ready_question):
    hits = mo.sql(ready_question("model_hits"), engine=con)
    return (hits,)


@app.cell
def _(contracts, hits, mo, pl):
    mo.stop(
        hits.is_empty(), mo.md("No model spoke at a full hour at which every bracket of a settled event had a mid.")
    )
    said_of, paid = hits.select(pl.col("p_served", "p_market").clip(0, 1)), hits["paid"]
    judged = hits.with_columns(
        said_of,
        model_loss=pl.Series(contracts.log_loss(said_of["p_served"], hit=paid)),
        market_loss=pl.Series(contracts.log_loss(said_of["p_market"], hit=paid)),
    ).with_columns(
        difference=pl.col("model_loss") - pl.col("market_loss"),
        part=pl.when(pl.col("hours_left") >= 24)
        .then(pl.lit("eve"))
        .when(pl.col("hours_left") >= 14)
        .then(pl.lit("night"))
        .when(pl.col("hours_left") >= 8)
        .then(pl.lit("midday"))
        .otherwise(pl.lit("evening")),
    )
    models = (
        judged.group_by("model_id")
        .agg(
            rows=pl.len(),
            dates=pl.col("event_date").n_unique(),
            whole_ladders=pl.col("is_whole").mean(),
            model_loss=pl.col("model_loss").mean(),
            market_loss=pl.col("market_loss").mean(),
        )
        .sort("model_id")
    )
    mo.ui.table(models, selection=None)
    return (judged,)


@app.cell
def _(mo):
    mo.md("""
    ## Who loses less?

    The log loss of the model less the market's, on the same rows. Hours, brackets and cities of a date share their
    weather, so that an interval draws whole dates anew; of fewer than six dates there is none.
    """)
    return


@app.cell
def _(draw, judged, mean_of, mo, pl):
    def _estimate(rows, name):
        """Return the mean difference of some rows, with its interval."""
        mean = mean_of(rows["difference"], draws=draw(rows["event_date"], rows=rows.height))
        return {"name": name, "value": mean.value, "low": mean.low, "high": mean.high, "rows": mean.rows}

    _parts = [part for part in ("eve", "night", "midday", "evening") if part in set(judged["part"])]
    differences = pl.DataFrame(
        [_estimate(judged, "all hours"), *(_estimate(judged.filter(pl.col("part") == part), part) for part in _parts)]
    )
    mo.ui.table(differences, selection=None)
    return (differences,)


@app.cell
def _(differences, intervals_chart, themed):
    _x = "log loss of the model, less the market's"
    themed(
        intervals_chart(differences, x_title=_x, title="below zero the model knows more; intervals of 95 % by dates")
    )
    return


@app.cell
def _(mo):
    mo.md("""
    ## What is a share of the model worth?

    The market's price and the model's word, mixed: even a model that is worse by itself may know something that is not
    in the price. The best share is chosen here on the rows that it is judged on, so it is the most that could be had.
    """)
    return


@app.cell
def _(contracts, judged, np, pl):
    _shares = np.linspace(0, 1, 21)
    _model, _market = judged["p_served"].to_numpy(), judged["p_market"].to_numpy()
    blend = pl.DataFrame(
        {
            "x": _shares,
            "y": [
                contracts.log_loss(share * _model + (1 - share) * _market, hit=judged["paid"]).mean()
                for share in _shares
            ],
        }
    )
    return (blend,)


@app.cell
def _(blend, lines_chart, themed):
    themed(lines_chart(blend, x_title="share of the model: 0 is the market alone", y_title="mean log loss"))
    return


@app.cell
def _(judged, mo, pl, reliability):
    # Only of whole ladders is it known what lies below a bracket; else each row has a draw of its date for itself.
    _below = (pl.col("p_served").cum_sum() - pl.col("p_served")).over(
        "event_ticker", "ts_utc", order_by="bracket_order"
    )
    _known = judged.select(_below.clip(0, 1)).to_series() if judged["is_whole"].all() else None
    found = reliability(judged["p_served"], hit=judged["paid"], dates=judged["event_date"], below=_known)
    curve = pl.DataFrame({"p": found.forecast, "came": found.observed, "low": found.low, "high": found.high})
    mo.vstack([mo.md("## Is it calibrated?"), mo.ui.table(curve, selection=None)])
    return curve, found


@app.cell
def _(curve, reliability_chart, themed):
    themed(reliability_chart(curve, forecast_title="said by the model", came_title="share that paid"))
    return


@app.cell
def _(blend, differences, found, judged, mo):
    _all = differences.row(0, named=True)
    _dates = judged["event_date"].n_unique()
    if _all["low"] != _all["low"]:
        _luck = f"{_dates} dates are too few for an interval"
    else:
        _beyond = "beyond chance" if _all["low"] > 0 or _all["high"] < 0 else "which chance alone could do"
        _luck = f"95 % interval by dates {_all['low']:+.4f} … {_all['high']:+.4f}, {_beyond}"
    best_share, least_loss = blend.sort("y", "x").row(0)
    said = (
        f"Over {_all['rows']:,} words on brackets of {_dates} dates the log loss of the models is the market's"
        f" {_all['value']:+.4f} ({_luck}). At best {best_share:.0%} of the model beside the market takes"
        f" {blend['y'][0] - least_loss:.4f} off the market's loss. The model's curve"
        f" {'stays inside' if found.inside else 'leaves'} the band of a calibrated one (p = {found.p_value:.2f})."
    )
    mo.callout(mo.md(said))
    return (said,)


if __name__ == "__main__":
    app.run()
