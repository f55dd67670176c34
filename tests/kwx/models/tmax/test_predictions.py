"""Brackets of events: which are spoken of, and what the market said of them on the same rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.models.tmax.predictions import Event, Scores, events_of, market_says, predicted
from warehouse.market.brackets import Bracket
from warehouse.market.ladder import Ladder

NOON = datetime(2026, 5, 1, 17, tzinfo=UTC)
LADDER = Ladder.of(
    [("low", Bracket(None, 69)), ("middle", Bracket(70, 71)), ("high", Bracket(72, None))], event="three"
)


def an_event(instants: int = 3, *, label_f: int | None = 71) -> Event:
    """Return the first snapshots of an event, an hour apart."""
    ts_utc = [NOON + timedelta(hours=hour) for hour in range(instants)]
    rows = pl.DataFrame(
        {"city": "nyc", "event_date": date(2026, 5, 1), "ts_utc": ts_utc, "label_f": label_f, "is_eve": False},
        schema_overrides={"ts_utc": pl.Datetime("us", "UTC"), "label_f": pl.Int32},
    )  # fmt: skip
    return Event(ladder=LADDER, rows=rows)


def prices(**told: tuple[list[float | None], list[float | None]]) -> dict[tuple[object, ...], pl.DataFrame]:
    """Return mids and p_mkt of each bracket at each instant."""
    ts_utc = an_event().ts_utc
    kinds = {"mid": pl.Float64, "p_mkt": pl.Float64}
    return {
        (name,): pl.DataFrame({"ts_utc": ts_utc, "mid": mids, "p_mkt": fused}, schema_overrides=kinds)
        for name, (mids, fused) in told.items()
    }


def test_the_market_says_p_mkt_else_its_mids_made_to_sum_to_one_else_nothing():
    said = market_says(
        an_event(),
        prices(
            low=([0.2, 0.1, 0.1], [0.3, None, None]),
            middle=([0.2, 0.4, None], [0.3, 0.9, None]),
            high=([0.2, 0.3, 0.5], [0.4, None, None]),
        ),
    )
    np.testing.assert_allclose(said[:2], [[0.3, 0.3, 0.4], [0.125, 0.5, 0.375]])
    assert np.isnan(said[2]).all()


def test_mids_that_are_no_market_and_brackets_without_a_price_say_nothing():
    cheap = ([0.1, 0.1, 0.1], [None] * 3)
    assert np.isnan(market_says(an_event(), prices(low=cheap, middle=cheap, high=cheap))).all()
    assert np.isnan(market_says(an_event(), prices(low=([0.5] * 3, [0.5] * 3)))).all()


def test_predictions_name_each_market_at_each_snapshot_and_its_outcome():
    p = np.array([[0.1, 0.6, 0.3], [0.0, 0.5, 0.5]])
    told = predicted(an_event(2), p)
    assert told["market_ticker"].to_list() == ["low", "low", "middle", "middle", "high", "high"]
    assert told["p_model"].to_list() == [0.1, 0.0, 0.6, 0.5, 0.3, 0.5]
    assert told["outcome"].to_list() == [False, False, True, True, False, False]
    assert told["ts_utc"].to_list() == [NOON, NOON + timedelta(hours=1)] * 3
    assert predicted(an_event(2, label_f=None), p)["outcome"].null_count() == 6


def test_scores_are_means_over_rows_and_the_markets_are_of_the_rows_on_which_it_spoke():
    scores = Scores()
    model, prior = np.array([[0.5, 0.25, 0.25]] * 3), np.array([[0.0, 1.0, 0.0]] * 3)
    market = np.array([[0.25, 0.5, 0.25], [np.nan] * 3, [np.nan] * 3])
    scores.add(an_event(), {"model": model, "prior": prior, "market": market})
    scores.add(an_event(label_f=None), {"model": prior, "prior": prior, "market": market})
    told = scores.metrics()
    assert (told["n"], told["dates"]) == (3, 1)
    assert told["log_loss"] == pytest.approx(np.log(4))
    assert told["rps"] == pytest.approx(0.5**2 + 0.25**2)
    assert told["prior_log_loss"] == 0
    assert told["with_market"]["n"] == 1
    assert told["with_market"]["market_log_loss"] == pytest.approx(np.log(2))
    assert told["eve"] == {"n": 0, "dates": 0}


def test_an_event_whose_brackets_do_not_tile_is_left_out_and_told():
    event = an_event()
    markets = pl.DataFrame(
        {
            "city": "nyc", "event_date": date(2026, 5, 1), "event_ticker": ["E1", "E1", "E2", "E2"],
            "market_ticker": ["a", "b", "c", "d"], "low_f": [None, 70, None, 75], "high_f": [69, None, 69, None],
            "open_utc": NOON, "close_utc": NOON + timedelta(hours=2),
        }
    )  # fmt: skip
    notes: list[str] = []
    (sound,) = events_of(event.rows, markets, notes)
    assert sound.ladder.names == ("a", "b")
    assert sound.ts_utc.to_list() == [NOON, NOON + timedelta(hours=1)]  # none at or after the close
    assert len(notes) == 1
    assert notes[0].startswith("E2")
