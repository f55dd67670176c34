"""Merging: new rows into held ones, by grain; the last word counts, and early knowledge is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipelines.ingest import merge
from warehouse.lake.tables import CANDLES_1M, FEE_CHANGES, MARKETS, OBS, SETTLEMENTS, TRADES

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def merged(contract, held, arrived, *, received_utc=NOON + 24 * 60 * MINUTE, held_since_utc=NOON + 60 * MINUTE):
    """Merge rows that came a day later, one answer an hour after the other."""
    answers = [merge.Arrived(rows, received_utc + place * 60 * MINUTE) for place, rows in enumerate(arrived)]
    return merge.merged(contract, held, answers, held_since_utc=held_since_utc)


def rows(contract, *said, **usual):
    """Rows of a table: what is said, the rest null."""
    filled = [dict.fromkeys(contract.schema) | usual | one for one in said]
    return pl.DataFrame(filled, schema=contract.schema)


@pytest.fixture
def trade():
    """One trade as a row."""
    return {
        "trade_id": "t1",
        "market_ticker": "KXHIGHCHI-26NOV03-T50",
        "ts_utc": NOON,
        "yes_price_ticks": 4_000,
        "count_centi": 100,
        "taker_side": "yes",
        "is_block": False,
        "known_utc": NOON,
    }


def test_new_rows_join_the_held_ones(trade):
    """Nothing held is lost."""
    held, arrived = rows(TRADES, trade), rows(TRADES, trade | {"trade_id": "t2"})

    assert ["t1", "t2"] == merged(TRADES, held, [arrived])["trade_id"].to_list()


def test_rows_said_again_change_nothing(trade):
    """Folding the same answer twice is folding it once."""
    held = rows(TRADES, trade)

    assert held.equals(merged(TRADES, held, [held, held]))


def test_what_came_last_counts(trade):
    """A vendor that corrects itself is believed."""
    held, arrived = rows(TRADES, trade), rows(TRADES, trade | {"count_centi": 700})

    assert [700] == merged(TRADES, held, [arrived])["count_centi"].to_list()


def test_a_row_that_was_known_early_stays_known_early(trade):
    """We had it then: a later modelled instant does not take that away."""
    early, late = rows(TRADES, trade), rows(TRADES, trade | {"known_utc": NOON + 5 * MINUTE})

    assert [NOON] == merged(TRADES, early, [late])["known_utc"].to_list()
    assert [NOON] == merged(TRADES, late, [early])["known_utc"].to_list()


@pytest.mark.parametrize("first", [True, False])
def test_a_report_is_a_correction_if_either_of_its_tellers_says_so(first):
    """The title of a text says what the table of the same report leaves out: one row, known since the first of them."""
    usual = {"source": "cli", "issued_utc": NOON, "known_utc": NOON + 2 * MINUTE, "high_f": 89, "is_final": True}
    held, arrived = (rows(SETTLEMENTS, usual | {"is_correction": said}) for said in (first, not first))

    assert [(True, NOON + 2 * MINUTE)] == merged(SETTLEMENTS, held, [arrived]).select(
        "is_correction", "known_utc"
    ).rows()


@pytest.mark.parametrize("names", [("SOD", None), (None, "SOD")])
def test_a_report_without_a_name_is_the_named_one_that_says_the_same(names):
    """Two doors of one archive tell one number: one row, with the name, known since the first of them."""
    usual = {"source": "ghcn", "issued_utc": NOON, "known_utc": NOON + 2 * MINUTE, "high_f": 89, "is_final": True}
    held, arrived = (rows(SETTLEMENTS, usual | {"product_id": name}) for name in names)

    assert [("SOD", NOON + 2 * MINUTE)] == merged(SETTLEMENTS, held, [arrived]).select("product_id", "known_utc").rows()


def test_reports_of_two_names_stay_two():
    """A correction of the same minute that says the same has a name of its own: it is not the first report."""
    usual = {"source": "cli", "issued_utc": NOON, "known_utc": NOON, "high_f": 89, "is_final": True}
    held, arrived = (rows(SETTLEMENTS, usual | {"product_id": name}) for name in ("CLI", "CLI-CCA"))

    assert ["CLI", "CLI-CCA"] == merged(SETTLEMENTS, held, [arrived])["product_id"].to_list()


def test_a_revised_row_is_known_from_its_revision_on(trade):
    """What the lake says now it did not know before it was told, whatever the stamp of the row."""
    held, arrived = rows(TRADES, trade), rows(TRADES, trade | {"count_centi": 700})

    assert [NOON + 24 * 60 * MINUTE] == merged(TRADES, held, [arrived])["known_utc"].to_list()


def test_a_trade_heard_live_takes_its_finer_stamp_and_stays_known_from_its_receipt(trade):
    """The stream tells milliseconds, REST microseconds: one trade, known since it was heard."""
    heard = trade | {"known_utc": NOON + timedelta(milliseconds=40)}
    told = trade | {"ts_utc": NOON + timedelta(microseconds=417), "known_utc": NOON + MINUTE}

    kept = merged(TRADES, rows(TRADES, heard), [rows(TRADES, told)])

    assert [(told["ts_utc"], heard["known_utc"])] == kept.select("ts_utc", "known_utc").rows()


def test_a_revision_is_known_from_its_own_receipt_also_when_both_come_at_once(trade):
    """A lake that is made again from its archive forgets nothing of when it was told what."""
    first, second = rows(TRADES, trade), rows(TRADES, trade | {"count_centi": 700})

    kept = merged(TRADES, rows(TRADES), [first, second])

    assert [(700, NOON + 25 * 60 * MINUTE)] == kept.select("count_centi", "known_utc").rows()


def test_an_older_answer_never_overrules_a_younger_one(trade):
    """Whatever the order in which answers are folded: the one received last counts."""
    young, old = rows(TRADES, trade), rows(TRADES, trade | {"count_centi": 700})

    folded_later = merged(TRADES, young, [old], received_utc=NOON)
    together = merge.merged(TRADES, rows(TRADES), [merge.Arrived(young, NOON + MINUTE), merge.Arrived(old, NOON)])

    assert [100] == folded_later["count_centi"].to_list()
    assert [100] == together["count_centi"].to_list()


def test_an_issuance_is_never_overwritten():
    """Two numbers of one source at one instant are both handed on; the first stands first."""
    issuance = {"source": "twc", "issued_utc": NOON, "known_utc": NOON}
    said = [rows(SETTLEMENTS, issuance | {"high_f": high_f}) for high_f in (90, 85)]

    assert [90, 85] == merged(SETTLEMENTS, said[0], [said[1], said[0]])["high_f"].to_list()


def test_an_ended_market_is_not_opened_again():
    """An older listing that comes late is only older."""
    ended = {"market_ticker": "M", "status": "finalized", "result": "yes"}
    listed = {"market_ticker": "M", "status": "active"}

    kept = merged(MARKETS, rows(MARKETS, ended), [rows(MARKETS, listed)])

    assert ["finalized"] == kept["status"].to_list()


def test_the_exchange_s_candles_stand_over_those_of_the_tape():
    """Where a market's own candles are there, those made from its trades go; other markets keep theirs."""
    tape = rows(CANDLES_1M, {"market_ticker": "A"}, {"market_ticker": "B"}, ts_utc=NOON, volume_centi=100)
    told = rows(CANDLES_1M, {"market_ticker": "A", "ts_utc": NOON - MINUTE, "yes_bid_close_ticks": 100})

    kept = merged(CANDLES_1M, tape, [told])

    assert [("A", NOON - MINUTE), ("B", NOON)] == kept.sort("market_ticker").select("market_ticker", "ts_utc").rows()


def test_reports_of_one_instant_from_two_sources_are_both_kept():
    """The grain has the source in it."""
    reports = rows(OBS, {"source": "vc"}, {"source": "metar"}, ts_utc=NOON, temp_f=50.0)

    assert 2 == merged(OBS, reports, [reports]).height


def test_repetitions_are_judged_from_the_whole_day():
    """A report that came in another answer counts as the one before: the flag is of the day, and no revision."""
    told = {"source": "vc", "temp_f": 50.0, "dew_f": 40.0, "humidity_pct": 60.0, "wind_mph": 3.0, "is_filled": False}
    five = [told | {"ts_utc": NOON + place * 5 * MINUTE, "known_utc": NOON + 40 * MINUTE} for place in range(5)]

    kept = merged(OBS, rows(OBS, *five[:2]), [rows(OBS, *five[2:])])

    assert [False, False, False, False, True] == kept["is_filled"].to_list()
    assert {NOON + 40 * MINUTE} == set(kept["known_utc"])


@pytest.mark.parametrize(
    ("scheduled_utc", "known_utc"),
    [(NOON + timedelta(days=9), NOON + timedelta(days=1)), (NOON + MINUTE, NOON + MINUTE)],
)
def test_a_change_of_fees_that_is_told_otherwise_replaces_itself(scheduled_utc, known_utc):
    """It is known as it is now since it was told so; told so after it took effect, since then: every fill paid it."""
    told = {"scope": "series", "ticker": "KXHIGHCHI", "change_id": "c", "fee_multiplier_milli": 2_000}
    held = rows(FEE_CHANGES, told | {"scheduled_utc": NOON + timedelta(days=2), "known_utc": NOON})
    moved = rows(FEE_CHANGES, told | {"scheduled_utc": scheduled_utc, "known_utc": min(known_utc, scheduled_utc)})

    (row,) = merged(FEE_CHANGES, held, [moved]).rows(named=True)

    assert (scheduled_utc, known_utc) == (row["scheduled_utc"], row["known_utc"])


@pytest.mark.parametrize(("later", "kept"), [(None, "quadratic"), ("flat", "flat")])
def test_what_a_market_paid_when_it_opened_stays_known(later, kept):
    """A listing of after a change of fees does not say what was before it."""
    market = {"market_ticker": "KXHIGHCHI-26NOV03-T50", "status": "active", "known_utc": NOON}
    held, arrived = rows(MARKETS, market | {"fee_type": "quadratic"}), rows(MARKETS, market | {"fee_type": later})

    assert [kept] == merged(MARKETS, held, [arrived])["fee_type"].to_list()
