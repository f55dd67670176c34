"""Why a run gained what it did: by hour, by style of order, by the gate that stopped it, by the model of fills."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Backtest deep dive")


@app.cell
def _():
    import json

    import marimo as mo
    import polars as pl

    from kwx.ask import ready_question
    from kwx.exec.codes import FIRST_BLOCKED, Gate
    from kwx.lab import open_lab
    from kwx.plots.bars import bars_chart
    from kwx.plots.equity import equity_chart
    from kwx.plots.intervals import intervals_chart
    from kwx.plots.theme import themed

    return (
        FIRST_BLOCKED,
        Gate,
        bars_chart,
        equity_chart,
        intervals_chart,
        json,
        mo,
        open_lab,
        pl,
        ready_question,
        themed,
    )


@app.cell
def _(mo):
    mo.md("""
    # Backtest deep dive

    What a run came to, and whether it is a property of the strategy, of a few hours, or of the model of fills.
    **The lake must hold** a run that traded, of settled events: `kwx backtest --strategy accel` keeps one, and shadow
    runs count too. Made without `--no-sensitivity` it also tells what other fills would have given.
    """)
    return


@app.cell
def _(mo, open_lab):
    lab = open_lab("events", "fills")
    mo.stop(bool(lab.lacking), mo.callout(mo.md(lab.advice), kind="warn"))
    con = lab.con
    mo.md(f"This is {lab.where}.")
    return (con,)


@app.cell
def _(con, mo):
    runs = con.sql("""
        select *
        from runs
        semi join run_days using (run_id)
        order by json_array_length(summary_json::json -> '$.sensitivity') > 0 desc, made_utc desc, run_id
    """).pl()
    _names = runs["run_id"].to_list()
    run = mo.ui.dropdown(_names, value=_names[0], label="run")
    run
    return run, runs


@app.cell
def _(con, mo, ready_question, run):
    equity = mo.sql(
        f"select ts_utc, dollars from ({ready_question('run_equity')}) where run_id = '{run.value}'", engine=con
    )
    return (equity,)


@app.cell
def _(equity, equity_chart, run, themed):
    themed(equity_chart(equity, title=run.value))
    return


@app.cell
def _(con, mo, ready_question, run):
    hours = mo.sql(f"select * from ({ready_question('run_hours')}) where run_id = '{run.value}'", engine=con)
    return (hours,)


@app.cell
def _(hours, mo, pl):
    mo.stop(hours.is_empty(), mo.md("No event of this run is settled yet."))
    styles = (
        hours.group_by("style")
        .agg(pl.col("fills", "contracts", "fees_dollars", "net_dollars", "after_15m_dollars").sum())
        .with_columns(cents_a_contract=100 * pl.col("net_dollars") / pl.col("contracts"))
        .sort("style")
    )
    by_hour = (
        hours.group_by("hours_left", "style")
        .agg(value=pl.col("net_dollars").sum())
        .sort("hours_left", "style", descending=[True, False])
        .with_columns(name=pl.format("{} h before the close", pl.col("hours_left")))
    )
    mo.ui.table(styles, selection=None)
    return by_hour, styles


@app.cell
def _(bars_chart, by_hour, themed):
    themed(bars_chart(by_hour, value_title="net, $", by="style", title="what the fills of each hour came to"))
    return


@app.cell
def _(mo):
    mo.md("""
    ## What stopped it

    The gate that stood, by minutes of brackets. From `stale` on something was wanted and stopped; what stands before it
    (`no_quote`, `no_edge`, …) is a minute in which nothing was wanted.
    """)
    return


@app.cell
def _(con, mo, run):
    gates = mo.sql(
        f"""
        select gate as name, sum(minutes)::bigint as value
        from run_gates
        where run_id = '{run.value}' and gate <> 'closed'
        group by gate
        order by value desc
        """,
        engine=con,
    )
    return (gates,)


@app.cell
def _(bars_chart, gates, themed):
    themed(bars_chart(gates, value_title="minutes of brackets"))
    return


@app.cell
def _(mo):
    mo.md("""
    ## Is it the fills?

    The same minutes under every model of fills and both fees of makers. What holds under one of them alone is a
    property of that one.
    """)
    return


@app.cell
def _(json, mo, pl, run, runs):
    summary = json.loads(runs.row(by_predicate=pl.col("run_id") == run.value, named=True)["summary_json"])
    told_cases = summary.get("sensitivity") or []
    cases = pl.DataFrame(
        {
            "name": [f"{case['fill']}, {case['maker_fee'].replace('_', ' ')}" for case in told_cases],
            "value": [case["net_dollars"] for case in told_cases],
            "low": [case["low_dollars"] for case in told_cases],
            "high": [case["high_dollars"] for case in told_cases],
        },
        schema={"name": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    )
    mo.ui.table(cases, selection=None)
    return (cases,)


@app.cell
def _(cases, intervals_chart, mo, themed):
    mo.stop(cases.is_empty(), mo.md("This run was made without its sensitivity: run it again without that option."))
    themed(intervals_chart(cases, x_title="net, $; intervals of 95 % by dates, from six dates on"))
    return


@app.cell
def _(FIRST_BLOCKED, Gate, by_hour, cases, gates, hours, mo, pl, styles):
    net_dollars = hours["net_dollars"].sum()
    _by_style = " and ".join(
        f"{row['style']} fills {row['net_dollars']:+,.2f} $ ({row['cents_a_contract']:+.2f} ¢ a contract)"
        for row in styles.iter_rows(named=True)
    )
    _sums = by_hour.group_by("name").agg(pl.col("value").sum()).sort("value", "name")
    _worst, _best = _sums.row(0), _sums.row(-1)
    _stopped = gates.filter(pl.col("name").is_in([gate.word for gate in Gate if gate >= FIRST_BLOCKED]))
    _gate = f"`{_stopped['name'][0]}`" if len(_stopped) else "nothing"
    said = (
        f"The run came to {net_dollars:+,.2f} $ after fees: {_by_style}. Its best fills were made {_best[0]}"
        f" ({_best[1]:+,.2f} $), its worst {_worst[0]} ({_worst[1]:+,.2f} $). What it wanted was"
        f" stopped most often by {_gate}."
    )
    if len(cases):
        _nets = cases.sort("value", "name")["value"]
        _same = "the same sign under every model of fills" if _nets[0] * _nets[-1] > 0 else "no sign of its own"
        said += f" Other fills make it {_nets[0]:+,.2f} … {_nets[-1]:+,.2f} $: {_same}."
    mo.callout(mo.md(said.replace("$", "\\$")))
    return (said,)


if __name__ == "__main__":
    app.run()
