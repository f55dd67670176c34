"""The section of one city-day: how its ladder was traded, and what each outcome would have paid."""

from __future__ import annotations

from kwx.backtest.report.charts import prices_chart
from kwx.backtest.report.stories import Story, marks
from kwx.backtest.report.words import UNKNOWN, cents, contracts, dollars, number
from kwx.plots.page import Beside, Folded, Grid, Part, Picture, Section, Text
from kwx.plots.save import svg_of

_FILLS_SHOWN = 200


def story_section(story: Story, *, which: str) -> Section:
    """Return a city-day as a section: its prices and fills drawn, its ladder and its fills as tables."""
    settled = "No official value is held" if story.label_f is None else f"Settled at {story.label_f} °F"
    words = f"{settled}; gained {dollars(story.net_micros)} after fees, in {len(story.fills)} fills."
    rows = [
        (
            f"{row['bracket']} ←" if row["won"] else row["bracket"], _mid(row["first_cents"]), _mid(row["last_cents"]),
            contracts(row["bought_centi"]), contracts(row["sold_centi"]), contracts(row["position_centi"]),
            dollars(row["net_micros"]), dollars(row["if_it_wins_micros"]),
        )
        for row in story.brackets.iter_rows(named=True)
    ]  # fmt: skip
    headers = ("bracket °F", "first mid", "last mid", "bought", "sold", "position", "gained", "day's net if it wins")
    drawn = prices_chart(story.mids, marks(story), story.names)
    picture = Picture(words="Mids and fills: ▲ bought, ▼ sold; hours in UTC.", svg=svg_of(drawn))
    return Section(
        title=f"The {which} city-day: {story.city} {story.event_date}",
        parts=[
            Text(words=words),
            Beside(parts=[picture, Grid(headers=headers, rows=rows, title="The ladder; ← paid")]),
            _fills(story),
        ],
    )


def _mid(value: float | None) -> str:
    return UNKNOWN if value is None else f"{number(value, 1)} ¢"


def _fills(story: Story) -> Folded:
    shown = story.fills.head(_FILLS_SHOWN)
    rows = [
        (
            f"{row['ts_utc']:%m-%d %H:%M}", row["bracket"], row["side"], row["style"], cents(row["price_ticks"]),
            contracts(row["count_centi"]), dollars(row["fee_micros"]),
            UNKNOWN if row["p_fair"] is None else number(row["p_fair"], 3), dollars(row["net_micros"]),
        )
        for row in shown.iter_rows(named=True)
    ]  # fmt: skip
    headers = ("UTC", "bracket °F", "side", "style", "price", "contracts", "fee", "held to be worth", "gained")
    left = len(story.fills) - len(shown)
    parts: list[Part] = [Grid(headers=headers, rows=rows)]
    if left:
        parts.append(Text(words=f"… and {left} more; all of them are in the table fills."))
    return Folded(title=f"Its {len(story.fills)} fills", parts=parts)
