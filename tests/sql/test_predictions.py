"""Who speaks of a ladder, and what its shares are: rules by hand, and all of them against a plain reference."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from datetime import date

import pytest

from tests.sql.conftest import BRACKETS, at

DAY = 1440
WINDOW = "win_20260201_20260207"


@pytest.fixture
def listed(lake):
    """The three brackets of an event, and each of their minutes that is asked for."""
    lake.list_markets()
    return lake


def fit(lake, run, *, family=None, until=1, city="chicago", line=None):
    """Put the run of a fit; its line is its own name."""
    fitted = {"city": city, "until_date": date(2026, 1, until)}
    lake.put("model_runs", {"run_id": run, "family": family or run.split("_")[0]} | fitted)
    return line or run


def say(lake, run, ticker, *words, **said):
    """Put what a fit says of a bracket at some minutes."""
    lake.put(
        "predictions",
        *(
            {"market_ticker": ticker, "ts_utc": at(minute), "model_id": f"{run}_{WINDOW}", "run_id": run, "p_model": p}
            | {"wf_window": WINDOW}
            | said
            for minute, p in words
        ),
    )


def shown(lake, *columns, minutes):
    """Quote every bracket at some minutes, and return columns of each: minute by minute, the coldest first."""
    for minute, ticker in itertools.product(minutes, BRACKETS):
        lake.quote(ticker, minute)
    rows = lake.ask(f"select {', '.join(columns)} from minute_panel_full order by ts_utc, bracket_order")
    return [rows[place : place + len(BRACKETS)] for place in range(0, len(rows), len(BRACKETS))]


def test_a_ladder_is_spoken_of_by_the_best_placed_family_that_covers_all_of_it(listed):
    """One with newer data that lacks a bracket stands back, until it has it too; and again where that falls silent."""
    for run, until in (("old", 1), ("new", 2)):
        fit(listed, run, until=until)
        for ticker in BRACKETS:
            say(listed, run, ticker, (5 if (run, ticker) == ("new", "WARM") else 0, 0.3))
            say(listed, run, ticker, *([(10, 0.2)] if run == "old" else []))

    families = shown(listed, "model_id", minutes=(0, 4, 5, 10, DAY - 1, DAY))

    said = [{model[: model.index("_")] for (model,) in ladder} for ladder in families]
    assert [{"old"}, {"old"}, {"new"}, {"new"}, {"new"}, {"old"}] == said


def test_where_no_family_covers_the_ladder_the_best_stands_for_each_bracket_as_it_said(listed):
    """The rows of one minute are of two families, and are not made to sum to one."""
    for run, until in (("old", 1), ("new", 2)):
        fit(listed, run, until=until)
    for ticker in ("COLD", "MILD"):
        say(listed, "old", ticker, (0, 0.2))
    say(listed, "new", "MILD", (0, 0.7))

    (ladder,) = shown(listed, "p_model", "p_served", minutes=(1,))

    assert [(0.2, 0.2), (0.7, 0.7), (None, None)] == ladder


def test_a_family_is_placed_as_its_worst_placed_bracket_is(listed):
    """Promoted for one bracket of three, it does not go before one that is promoted for all of them."""
    for line in ("net_chicago_less", "net_chicago_between", "net_chicago_greater", "tod_chicago_all"):
        fit(listed, line, until=9 if line.startswith("net") else 1)
    for ticker, kind in zip(BRACKETS, ("less", "between", "greater"), strict=True):
        say(listed, f"net_chicago_{kind}", ticker, (0, 0.5))
        say(listed, "tod_chicago_all", ticker, (0, 0.1))
    promoted = {"net_chicago_between": 2, "tod_chicago_all": 4, "net_chicago_less": 6, "net_chicago_greater": 6}
    listed.put("promotions", *({"line": line, "since_utc": at(m), "run_ids": [line]} for line, m in promoted.items()))

    ladders = shown(listed, "p_model", minutes=(1, 2, 4, 6))

    assert [{0.5}, {0.5}, {0.1}, {0.5}] == [{p for (p,) in ladder} for ladder in ladders]


def test_a_ladder_of_models_of_their_own_sums_to_one_and_each_word_moves_every_share(listed):
    """What is said of one bracket is told again, with its minute, where another bracket has a new word."""
    fit(listed, "net", until=1)
    for ticker, words in (("COLD", [(0, 0.2)]), ("MILD", [(0, 0.2), (3, 0.6)]), ("WARM", [(0, 0.4)])):
        say(listed, "net", ticker, *words, p_calibrated=None)
    say(listed, "net", "WARM", (4, 0.9), p_calibrated=0.2)

    first, third, fourth = shown(listed, "p_model", "p_served", minutes=(2, 3, 4))

    assert [(0.2, 0.25), (0.2, 0.25), (0.4, 0.5)] == [(p, round(share, 12)) for p, share in first]
    assert [(0.2, 0.2 / 1.2), (0.6, 0.5), (0.4, 0.4 / 1.2)] == [(p, pytest.approx(share)) for p, share in third]
    assert [(0.2, 0.2), (0.6, 0.6), (0.9, 0.2)] == [(p, pytest.approx(share)) for p, share in fourth]
    told = listed.ask(
        "select ts_utc, said_utc from prediction_served where asked = 'any' and market_ticker = 'COLD' order by all"
    )
    assert [(at(0), at(0)), (at(3), at(0)), (at(4), at(0))] == told


def test_a_move_of_the_mid_is_no_share_of_a_ladder(listed):
    """Each bracket's stands by itself, as it was said."""
    fit(listed, "direction", until=1)
    for ticker in BRACKETS:
        say(listed, "direction", ticker, (0, 0.6), horizon="5m")

    rows = listed.ask("select p_model, p_served from prediction_served where asked = 'any' and horizon = '5m'")

    assert [(0.6, 0.6)] * 3 == rows


def test_a_bracket_that_is_listed_later_moves_nothing_before(listed):
    """A ladder is whole by what is heard of it, not by what will be there."""
    fit(listed, "net", until=1)
    for ticker in BRACKETS:
        say(listed, "net", ticker, (0, 0.2), (5, 0.2))
    before = shown(listed, "p_served", minutes=(0, 4))
    event = {"event_ticker": "EVENT", "low_f": 60, "high_f": None, "bracket_order": 4}
    listed.put("markets", {"market_ticker": "HOT", "open_utc": at(5)} | event)
    say(listed, "net", "HOT", (5, 0.2))

    rows = listed.ask("select p_served from minute_panel_full order by ts_utc, bracket_order")

    assert [[(pytest.approx(1 / 3),)] * 3] * 2 == before
    assert [row for ladder in before for row in ladder] == rows


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fit as the reference knows it."""

    run: str
    line: str
    family: str
    until: int
    of_all: bool


FITS = tuple(
    Fit(run=run, line=line, family=line.split("_")[0], until=until, of_all="_all_" in line)
    for run, line, until in (
        ("n1", "net_chicago_less", 3), ("n2", "net_chicago_between", 2), ("n3", "net_chicago_greater", 4),
        ("n4", "net_all_between", 5), ("t1", "tod_chicago_all", 3), ("t2", "tod_chicago_all", 2),
        ("m1", "clock_all_all", 6),
    )
)  # fmt: skip
OF_TYPE = {"less": "COLD", "between": "MILD", "greater": "WARM"}
MINUTES = (*range(12), *range(DAY - 2, DAY + 10))


def a_world(rng):
    """Return random words of the fits on their brackets, and what was promoted when."""
    words = {}
    for one in FITS:
        kind = one.line.rsplit("_", 1)[1]
        for ticker in [OF_TYPE[kind]] if kind in OF_TYPE else BRACKETS:
            spoken = rng.sample(MINUTES, rng.choice((0, 1, 2, 5)))
            words |= {(one.run, ticker, minute): round(rng.uniform(0.01, 0.99), 3) for minute in spoken}
    told = []
    for line in {one.line for one in FITS}:
        for minute in sorted(rng.sample(MINUTES, rng.choice((0, 0, 1, 2)))):
            runs = [one.run for one in FITS if one.line == line and rng.random() < 0.6]
            told.append((line, minute, runs or rng.choice(([], ["gone"]))))
    return words, told


def placed(one, told, minute):
    """Return how a fit is placed at a minute, the least first."""
    runs = next((runs for line, since, runs in reversed(told) if line == one.line and since <= minute), [])
    promoted = 0 if one.run in runs else 2 if runs else 4
    rung = promoted + (one.of_all if promoted < 4 else 0)
    return rung, rung < 4 and one.line.endswith("_all"), -one.until, f"{one.line}_{WINDOW}", one.run


def standing(words, told, minute):
    """Return what stands of each bracket at a minute: the fit, what it said, and its share."""
    heard = {}
    for one, ticker in itertools.product(FITS, BRACKETS):
        said = [m for run, bracket, m in words if (run, bracket) == (one.run, ticker) and m <= minute < m + DAY]
        if said:
            word = (placed(one, told, minute), one.run, words[one.run, ticker, max(said)])
            heard.setdefault(one.family, {}).setdefault(ticker, []).append(word)
    of_family = {family: {ticker: min(some) for ticker, some in known.items()} for family, known in heard.items()}
    whole = [max(best.values())[0] for best in of_family.values() if len(best) == len(BRACKETS)]
    for best in of_family.values():
        if len(best) == len(BRACKETS) and max(best.values())[0] == min(whole):
            total = sum(word[2] for word in best.values())
            return {ticker: (run, p, p / total) for ticker, (_, run, p) in best.items()}
    rows = {ticker: min(best[ticker] for best in of_family.values() if ticker in best) for ticker in BRACKETS
            if any(ticker in best for best in of_family.values())}  # fmt: skip
    return {ticker: (run, p, p) for ticker, (_, run, p) in rows.items()}


@pytest.mark.parametrize("seed", range(12))
def test_at_every_minute_the_panel_shows_what_the_rules_say(listed, seed):
    """Random words of seven fits of three families, cut off at a day, with promotions that come and go."""
    words, told = a_world(random.Random(seed))
    for one in FITS:
        fit(listed, one.run, family=one.family, until=one.until)
    for (run, ticker, minute), p in words.items():
        line = next(one.line for one in FITS if one.run == run)
        say(listed, run, ticker, (minute, p), model_id=f"{line}_{WINDOW}")
    for line, minute, runs in told:
        city = "all" if "_all_" in line else "chicago"
        listed.put("promotions", {"city": city, "line": line, "since_utc": at(minute), "run_ids": runs})

    ladders = shown(listed, "p_model", "p_served", "model_id", minutes=MINUTES)

    lines = {one.run: one.line for one in FITS}
    for minute, ladder in zip(MINUTES, ladders, strict=True):
        expected = standing(words, told, minute)
        for ticker, (p, share, model_id) in zip(BRACKETS, ladder, strict=True):
            run, said, wanted = expected.get(ticker, (None, None, None))
            assert (said, run and f"{lines[run]}_{WINDOW}") == (p, model_id), (minute, ticker)
            assert wanted == (share if share is None else pytest.approx(share, abs=1e-15)), (minute, ticker)
