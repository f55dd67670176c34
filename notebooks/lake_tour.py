"""A tour of the lake: what is in it, one event through its day, and how good its price was. Open it with `make lab`."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import altair as alt
    import marimo as mo
    import polars as pl

    from warehouse import Lake
    from warehouse.lake.statements import statements

    return Lake, alt, mo, pl, statements


@app.cell
def _(Lake, mo):
    snapshot = Lake().snapshot()
    con = snapshot.connect()
    tables = [
        {"table": name, "rows": entry.rows, "since": entry.since, "until": entry.until}
        for name, entry in snapshot.manifest.tables.items()
    ]
    mo.vstack([mo.md(f"# Snapshot {snapshot.number}"), mo.ui.table(tables, selection=None)])
    return (con,)


@app.cell
def _(con, mo):
    events = con.sql("select distinct event_ticker from markets order by event_ticker").pl()["event_ticker"].to_list()
    event = mo.ui.dropdown(events, value=events[0], label="event")
    event
    return (event,)


@app.cell
def _(alt, con, event, mo, pl):
    ladder = con.sql(
        "select ts_utc, bracket, bracket_order, p_mid_norm from event_ladder"
        " where event_ticker = $event and minute(ts_utc) % 10 = 0 order by bracket_order, ts_utc",
        params={"event": event.value},
    ).pl()
    chart = (
        alt.Chart(ladder.filter(pl.col("p_mid_norm").is_not_null()))
        .mark_area()
        .encode(
            x=alt.X("ts_utc:T", title="UTC"),
            y=alt.Y("p_mid_norm:Q", title="share of the ladder", stack="zero"),
            order=alt.Order("bracket_order:Q"),
            color=alt.Color(
                "bracket:N",
                sort=alt.EncodingSortField("bracket_order"),
                scale=alt.Scale(scheme="viridis"),
                title="°F",
            ),
        )
        .properties(width=700, height=280)
    )
    mo.vstack([mo.md(f"## {event.value}: the ladder through its life"), chart])
    return


@app.cell
def _(alt, con, mo, statements):
    mids = con.sql(statements("queries")["calibration_of_mids"].select).pl()
    diagonal = (
        alt.Chart({"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}).mark_line(color="gray").encode(x="x:Q", y="y:Q")
    )
    points = (
        alt.Chart(mids)
        .mark_circle(opacity=0.9)
        .encode(
            x=alt.X("mean_mid:Q", title="mid"),
            y=alt.Y("paid_share:Q", title="share that paid"),
            size=alt.Size("quotes:Q", title="quotes"),
        )
    )
    worst = mids.sort(mids["gap"].abs(), descending=True).row(0, named=True)
    said = (
        f"The price is furthest from the outcome in decile {worst['decile']}: a mean mid of {worst['mean_mid']:.2f}"
        f" paid in {worst['paid_share']:.0%} of {worst['quotes']:,} quotes."
    )
    mo.vstack([mo.md("## How good was the price?"), diagonal + points, mo.md(said)])
    return (said,)


if __name__ == "__main__":
    app.run()
