"""Ladders, daily highs and settlement labels, given a few rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

MIDNIGHT = datetime.fromisoformat("2026-02-04T06:00:00+00:00")


def at(minute):
    return MIDNIGHT + timedelta(minutes=minute)


@pytest.fixture
def report(lake):
    """Put one report: its source, the hour of issue after the day began, the high."""

    def put(source, hour, high_f, **said):
        lake.put(
            "settlements",
            {"source": source, "issued_utc": at(hour * 60), "known_utc": at(hour * 60 + 5), "high_f": high_f} | said,
        )

    return put


def test_the_label_is_the_first_final_value_of_the_best_source(lake, report):
    """Kalshi's own value stands above every report, though it came last."""
    report("dsm", 25, 39)
    report("cli", 26, 41)
    report("twc", 27, 40)
    report("kalshi", 30, 42)

    assert [(42, "kalshi", at(1_805), True)] == lake.ask(
        "select label_f, label_source, label_known_utc, conflict from settlement_label"
    )


@pytest.mark.parametrize("sources", [("twc", "cli"), ("cli", "cf6"), ("cf6", "dsm"), ("dsm", "ghcn")])
def test_each_source_stands_above_the_next(lake, report, sources):
    """The order is kalshi, twc, cli, cf6, dsm, ghcn, whichever came first."""
    report(sources[1], 25, 39)
    report(sources[0], 26, 41)

    assert [(41, sources[0])] == lake.ask("select label_f, label_source from settlement_label")


def test_a_correction_is_shown_and_moves_nothing(lake, report):
    """The first final climate report is the label; the latest is kept beside it."""
    report("cli", 16, 88, is_final=False)
    report("cli", 26, 90)
    report("cli", 27, 85, is_correction=True)

    row = lake.ask(
        "select label_f, first_final_f, first_final_utc, latest_final_f, issuances, conflict, corrected "
        "from settlement_label"
    )

    assert [(90, 90, at(1_560), 85, 3, False, True)] == row


@pytest.mark.parametrize("paid", ["cli", "cf6", "dsm", "ghcn"])
def test_a_revised_value_stands_behind_the_first_final_of_any_source(lake, report, paid):
    """The page shows its latest word alone: a revised 85 tells nothing of what was paid, the first final 90 does."""
    report(paid, 26, 90)
    report("twc", 30, 85, is_correction=True)

    assert [(90, paid, 85)] == lake.ask("select label_f, label_source, twc_f from settlement_label")


def test_a_source_that_was_seen_before_its_revision_labels(lake, report):
    """Of one source the uncorrected value is the first, though the correction bears an earlier stamp."""
    report("twc", 26, 85, is_correction=True)
    report("twc", 27, 90)
    report("cli", 26, 85, is_correction=True)
    report("cli", 27, 90)

    assert [(90, "twc", 90, 90, at(1_620), False)] == lake.ask(
        "select label_f, label_source, twc_f, first_final_f, first_final_utc, conflict from settlement_label"
    )


def test_a_correction_alone_labels(lake, report):
    """Where nothing else was said, a corrected value is better than none; the best source's counts."""
    report("cli", 26, 84, is_correction=True)
    report("twc", 30, 85, is_correction=True)

    assert [(85, "twc")] == lake.ask("select label_f, label_source from settlement_label")


def test_the_exchange_is_never_behind(lake, report):
    """What the exchange says that it paid stands above all, whatever it is called."""
    report("kalshi", 30, 91, is_correction=True)
    report("cli", 26, 90)

    assert [(91, "kalshi")] == lake.ask("select label_f, label_source from settlement_label")


def test_a_report_that_names_no_high_never_labels(lake, report):
    """A missing value and a preliminary one leave the day without a label."""
    report("cli", 26, None)
    report("cli", 16, 88, is_final=False)

    assert [] == lake.ask("select label_f from settlement_label")


def test_a_first_final_that_differs_from_the_exchange_is_a_conflict(lake, report):
    """Agreement is judged between the sources that are there."""
    report("kalshi", 30, 41)
    report("cli", 26, 40)

    assert [(41, 40, True, False)] == lake.ask(
        "select label_f, first_final_f, conflict, corrected from settlement_label"
    )


def test_the_day_high_is_the_maximum_known_at_the_closing_midnight(lake, report):
    """The grid says how high and how exactly, the reports say how many and when first."""
    lake.put(
        "obs_1m",
        {"ts_utc": at(600), "run_max_f": 40.1, "run_max_lo_f": 40, "run_max_hi_f": 40},
        {"ts_utc": at(1_440), "run_max_f": 42.8, "run_max_lo_f": 42, "run_max_hi_f": 43},
    )
    for minute, temp_f, is_filled in (
        (500, 40.1, False),
        (700, 42.8, False),
        (705, 42.8, True),
        (800, 42.8, False),
        (1_439, 44.0, False),
    ):
        lake.put("obs", {"ts_utc": at(minute), "temp_f": temp_f, "is_filled": is_filled})
    report("cli", 26, 43)

    row = lake.ask(
        "select observed_max_f, observed_max_lo_f, observed_max_hi_f, reports, first_max_utc, label_f from day_high"
    )

    assert [(42.8, 42, 43, 4, at(700), 43)] == row


def test_reports_known_after_the_closing_midnight_do_not_count(lake):
    """The first report of the maximum came late, so the next one is the first; so did one of two others."""
    lake.put("obs_1m", {"ts_utc": at(1_440), "run_max_f": 42.8})
    for minute, known, temp_f in ((600, 1_441, 42.8), (700, 1_440, 42.8), (1_430, 1_440, 40.0), (1_439, 1_441, 40.0)):
        lake.put("obs", {"ts_utc": at(minute), "known_utc": at(known), "temp_f": temp_f})

    assert [(2, at(700))] == lake.ask("select reports, first_max_utc from day_high")


def test_a_day_without_reports_still_has_its_row(lake):
    """A grid of empty minutes has no maximum and no reports."""
    lake.put("obs_1m", {"ts_utc": at(1), "source": None, "stale_minutes": None})

    assert [(None, 0, None, None)] == lake.ask("select observed_max_f, reports, first_max_utc, label_f from day_high")


def test_a_ladder_names_its_brackets_and_shares_its_mids(lake):
    """Mids of 22, 55 and 33 cents sum to 1.10 and are shared out to one, cumulated from the coldest."""
    lake.list_markets()
    for ticker, cents in (("WARM", 33), ("COLD", 22), ("MILD", 55)):
        lake.quote(ticker, 1, cents)

    rows = lake.ask("select bracket, p_mid_norm, mid_sum, cum_prob from event_ladder order by bracket_order")

    assert rows == [
        ("≤39", pytest.approx(0.2), pytest.approx(1.1), pytest.approx(0.2)),
        ("40–41", pytest.approx(0.5), pytest.approx(1.1), pytest.approx(0.7)),
        ("≥42", pytest.approx(0.3), pytest.approx(1.1), pytest.approx(1.0)),
    ]


def test_a_bracket_of_one_degree_is_named_by_it(lake):
    """A bracket whose bounds are equal needs no dash."""
    lake.put("markets", {"market_ticker": "ONE", "bracket_order": 1, "low_f": -5, "high_f": -5})
    lake.quote("ONE", 1, 50)

    assert [("-5",)] == lake.ask("select bracket from event_ladder")


def test_a_ladder_says_how_many_of_its_brackets_have_a_price(lake):
    """Where one bracket has no mid, the shares are those of the others, and the row says so."""
    lake.list_markets()
    for ticker, cents in (("COLD", 20), ("MILD", 60), ("WARM", None)):
        lake.quote(ticker, 1, cents)
        lake.quote(ticker, 2, 30)

    rows = lake.ask("select distinct ts_utc, brackets, brackets_priced from event_ladder order by ts_utc")

    assert [(at(1), 3, 2), (at(2), 3, 3)] == rows


def test_a_ladder_without_prices_has_no_shares(lake):
    """Nothing is divided by nothing."""
    lake.list_markets()
    lake.quote("MILD", 1)

    assert [(None, None, None)] == lake.ask("select p_mid_norm, mid_sum, cum_prob from event_ladder")
