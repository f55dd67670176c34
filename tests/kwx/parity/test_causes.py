"""Causes of differences on wild days: what the loop was given is changed, and the change is found by what it moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kwx.exec.ledger.known import Known
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, Minute, Prints
from kwx.exec.releases import release_minutes
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.live.journal.journal import Journal
from kwx.live.journal.record import CLOCK, EVERY, LISTING, TRADES, WEATHER
from kwx.parity.causes import Cause, Explainer
from kwx.parity.proofs import Proofs, no_books
from kwx.parity.reach import Reach
from kwx.parity.replay import steps_of
from tests.kwx.live.journal.made_journal import DAY, KEYS, an_origin, ends_utc, lived, wild_day
from warehouse.market.fees import FeeRule

MINUTES = 60
ORIGIN = an_origin(rules=Rules(fill=Fill.A, sizing=Sizing.LADDER))


def without_prints(minutes: Minute, since: int, until: int) -> Minute:
    """Return minutes some of which have no print."""
    quiet = {name: np.array(getattr(minutes, name)) for name in ("volume_centi", "low_ticks", "high_ticks")}
    for name, value in (("volume_centi", 0), ("low_ticks", NO_PRINT_LOW_TICKS), ("high_ticks", NO_PRINT_HIGH_TICKS)):
        quiet[name][since:until] = value
    sides = {side: Prints(*(np.array(values) for values in getattr(minutes, side))) for side in ("sells", "buys")}
    for side in sides.values():
        for values in side:
            values[since:until] = 0
    return minutes._replace(**quiet, **sides)


def with_rows(minutes: Minute, since: int, until: int, **said: object) -> Minute:
    """Return minutes in some of which a field says something else."""
    changed = {name: np.array(getattr(minutes, name)) for name in said}
    for name, value in said.items():
        changed[name][since:until] = value
    return minutes._replace(**changed)


@pytest.fixture(scope="module")
def wild() -> Minute:
    """An hour in which much trades, and nothing settles."""
    return wild_day(MINUTES, seed=5, settles=False)


@pytest.fixture
def explained(tmp_path):
    """Live some minutes, replay others, and find what differs."""

    def run(seen: Minute, there: Minute, *, late: dict[str, tuple[str, ...]] | None = None, told=lambda t, one: one,
            origin=ORIGIN, then=None, tops_of=no_books):  # fmt: skip
        journal = Journal(tmp_path / str(len(list(tmp_path.iterdir()))), sync=False)
        journal.begin(origin)
        for t, record in enumerate(lived(seen, origin)):
            if then is not None and t == then[0]:
                journal.begin(then[1])
            journal.append(DAY, told(t, replace(record, causes=replace(record.causes, late=late or {}))))
        recorded = journal.read(DAY)
        explainer = Explainer(
            recorded=recorded, lived=list(steps_of(recorded, recorded.bars().minutes)),
            replayed=list(steps_of(recorded, there)), replay=there, known_then=Known.nothing(),
            known_now=Known.nothing(), proofs=Proofs(recorded=recorded, tops_of=tops_of),
            reach=Reach(recorded=recorded, minutes=5),
        )  # fmt: skip
        return list(explainer.differences())

    return run


def of(found, *but: Cause):
    return {one.cause for one in found} - {Cause.STATE, *but}


def test_the_same_minutes_differ_in_nothing(explained, wild):
    """Not in one of hundreds of decisions."""
    assert [] == explained(wild, wild)


def test_prints_that_came_late_are_named(explained, wild):
    """Orders were not filled that should have been: the lake has more prints up to then."""
    found = explained(without_prints(wild, 10, 40), wild)

    assert {Cause.TRADES} == of(found)
    assert all("the lake has" in one.detail for one in found if one.cause is Cause.TRADES)


def test_prints_that_the_lake_lacks_are_unexplained(explained, wild):
    """Orders were filled by what was never printed; where the journal tells that prints were late, that explains it."""
    found = explained(wild, without_prints(wild, 10, 40))
    named = dict.fromkeys(("chicago", "nyc"), (TRADES,))
    told = explained(wild, without_prints(wild, 10, 40), late=named)

    assert {Cause.UNEXPLAINED} == of(found)
    assert {Cause.TRADES} == of(told)


def test_risk_on_what_was_not_fresh_is_unexplained(explained, wild):
    """A loop that took for fresh what the lake says was not must not pass; held back risk is late weather."""
    found = explained(wild, with_rows(wild, 10, 40, fresh=False))

    assert {Cause.UNEXPLAINED} == of(found)
    assert any("late weather: fresh" in one.detail for one in found)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"fresh": False}, "late weather"),
        ({"minutes_to_close": 3}, "clock"),
        ({"release": True}, "clock"),
        ({"clock_off": True}, "clock"),
        ({"taker_fee_num": 140_000, "maker_fee_num": 140_000}, "fees"),
        ({"bid_size_centi": 100, "ask_size_centi": 100}, "different sizes"),
        ({"open": False}, "late listing"),
        ({"p_fair": 0.5}, "model or fusion"),
        ({"bid_ticks": 1_300, "ask_ticks": 1_500}, "late price"),
    ],
)
def test_what_differs_by_itself_is_unexplained(explained, wild, said, cause):
    """A field that was doctored names its cause and proves nothing; held back risk alone is the late weather it is."""
    found = explained(with_rows(wild, 20, 24, **said), wild)

    if cause == "late weather":
        assert {Cause.WEATHER} == of(found)
    else:
        assert {Cause.UNEXPLAINED} == of(found)
        assert any(one.detail.startswith(f"{cause}: ") for one in found)


def saying(cities, source, *, late_at=None):
    """Have minutes twenty to twenty-four told as without a source, and of a later one that it came late."""

    def told(t, record):
        stale = dict.fromkeys(cities, (source,)) if 20 <= t < 24 else {}
        late = dict.fromkeys(cities, (source,)) if t == late_at else {}
        return replace(record, causes=replace(record.causes, stale=stale, late=late))

    return told


def coming_at(late_at, told=lambda t, one: one):
    """Have a listing come in late, after the minute before."""

    def run(t, record):
        record = told(t, record)
        late = dict.fromkeys(KEYS, (LISTING,)) if t == late_at else {}
        return replace(record, causes=replace(record.causes, late=late))

    return run


def test_a_clock_that_was_told_to_be_off_explains_a_city(explained, wild):
    """That city alone."""
    changed = with_rows(wild, 20, 24, clock_off=True)

    assert {Cause.CLOCK} == of(explained(changed, wild, told=saying(KEYS, CLOCK)))
    assert Cause.UNEXPLAINED in of(explained(changed, wild, told=saying(("chicago",), CLOCK)))


def test_a_city_that_was_not_listed_as_it_was_traded_is_explained_by_the_listing_that_came_later(explained, wild):
    """That city alone; that it was left out is what the minute says too, and proves nothing by itself."""
    changed = with_rows(with_rows(wild, 20, 60, open=True), 20, 24, open=False)
    there = with_rows(wild, 20, 60, open=True)

    assert {Cause.LISTING} == of(explained(changed, there, told=saying(KEYS, LISTING, late_at=24)))
    assert Cause.UNEXPLAINED in of(explained(changed, there, told=saying(("chicago",), LISTING, late_at=24)))
    assert {Cause.UNEXPLAINED} == of(explained(changed, there, told=saying(KEYS, LISTING)))
    assert Cause.UNEXPLAINED in of(explained(changed, there, told=saying(KEYS, LISTING, late_at=26)))
    assert Cause.UNEXPLAINED in of(explained(changed, there, told=saying(KEYS, LISTING, late_at=22)))


def test_a_market_that_was_not_seen_was_not_listed(explained, wild):
    """The panel of the minute has no row of it, and its listing came later; where it has one, it was laid wrongly."""

    def seen(names):
        rows = pl.DataFrame({"market_ticker": names})
        return lambda t, record: replace(record, features=rows) if 20 <= t < 24 else record

    there = with_rows(wild, 20, 60, open=True)
    changed, every = with_rows(there, 20, 24, open=False), [str(name) for name in ORIGIN.tickers.ravel()]
    assert {Cause.LISTING} == of(explained(changed, there, told=coming_at(24, seen(["another"]))))
    assert {Cause.UNEXPLAINED} == of(explained(changed, there, told=seen(["another"])))
    assert {Cause.UNEXPLAINED} == of(explained(changed, there, told=coming_at(24, seen(every))))


def test_a_close_that_was_listed_otherwise_is_the_clock(explained, wild):
    """What the panel says is what the minute says, and the lake's close came later; else it was laid wrongly."""

    def seen(minutes):
        names = [str(name) for name in ORIGIN.tickers.ravel()]
        rows = [
            pl.DataFrame({"market_ticker": names, "minutes_to_close": [minutes - t] * len(names)}) for t in range(4)
        ]
        return lambda t, record: replace(record, features=rows[t - 20]) if 20 <= t < 24 else record

    sooner = np.maximum(6 - np.arange(4), 0)[:, None, None]
    changed = with_rows(wild, 20, 24, minutes_to_close=sooner)
    assert {Cause.CLOCK} == of(explained(changed, wild, told=coming_at(24, seen(6))))
    assert {Cause.UNEXPLAINED} == of(explained(changed, wild, told=seen(6)))
    assert {Cause.UNEXPLAINED} == of(explained(changed, wild, told=coming_at(24, seen(38))))


def test_a_fee_that_was_listed_otherwise_is_named(explained, wild):
    """The origin has what was charged, and what the lake has came later."""
    rule = FeeRule(fee_type="quadratic_with_maker_fees", multiplier_milli=5_000)
    nums = {"taker_fee_num": rule.taker_num, "maker_fee_num": rule.maker_num}
    changed, origin = with_rows(wild, 0, 40, **nums), an_origin(rules=ORIGIN.rules, fees=(rule, rule))

    assert {Cause.FEES} == of(explained(changed, wild, origin=origin, told=coming_at(40)))
    assert {Cause.UNEXPLAINED} == of(explained(changed, wild, origin=origin))
    assert {Cause.UNEXPLAINED} == of(explained(changed, wild, told=coming_at(40)))


def test_a_guard_that_was_set_otherwise_explains_the_minutes_of_its_reports_alone(explained, wild):
    """Without a guard, and with a long one from minute fifty on; what neither of them lays is unexplained."""
    begins = an_origin().began_utc
    free, guarded = (
        np.stack([release_minutes(key, begins, MINUTES, minutes) for key in KEYS], axis=1)[..., None]
        for minutes in (0, 140)
    )
    origin = [an_origin(rules=ORIGIN.rules, config={"chicago": {"trade": {"guard_minutes": n}}}) for n in (0, 140)]
    assert guarded.any()
    free[50:] = guarded[50:]
    lived, there = (with_rows(wild, 0, MINUTES, release=one) for one in (free, guarded))
    doctored = with_rows(lived, 2, 6, release=~guarded[2:6])

    assert {Cause.CLOCK} == of(explained(lived, there, origin=origin[0], then=(50, origin[1])))
    assert Cause.UNEXPLAINED in of(explained(doctored, there, origin=origin[0], then=(50, origin[1])))


def test_a_size_is_proved_by_a_missing_book_or_by_the_book_itself(explained, wild):
    """As it stood when the minute was decided."""
    unknown = with_rows(wild, 20, 24, bid_size_centi=-1, ask_size_centi=-1)

    def told(t, record):
        return replace(record, causes=replace(record.causes, unsized=(EVERY,)))

    def tops(centi):
        """Return books that show the same at every quote of the minutes in question."""
        rows = [
            {"market_ticker": str(ORIGIN.tickers[b, c, 0]), "known_utc": ends_utc(t), "bid_centi": centi,
             "ask_centi": centi, "bid_ticks": int(wild.bid_ticks[t, b, c, 0]),
             "ask_ticks": int(wild.ask_ticks[t, b, c, 0])}
            for b in range(3) for c in range(2) for t in range(20, 24)
        ]  # fmt: skip
        return lambda city: pl.DataFrame(rows, schema_overrides={"known_utc": pl.Datetime("us", "UTC")})

    shown = with_rows(wild, 20, 24, bid_size_centi=100, ask_size_centi=100)
    assert {Cause.SIZES} == of(explained(unknown, wild, told=told))
    assert {Cause.SIZES} == of(explained(shown, wild, tops_of=tops(100)))
    assert {Cause.UNEXPLAINED} == of(explained(shown, wild, tops_of=tops(200)))


def test_a_size_is_that_of_the_book_when_the_loop_looked_at_it(explained, wild):
    """A step takes a while: what the book shows when it is decided was not seen."""

    def tops(_city):
        rows = [
            {"market_ticker": str(ORIGIN.tickers[b, c, 0]), "known_utc": ends_utc(t) + timedelta(seconds=seconds),
             "bid_centi": centi, "ask_centi": centi, "bid_ticks": int(wild.bid_ticks[t, b, c, 0]),
             "ask_ticks": int(wild.ask_ticks[t, b, c, 0])}
            for b in range(3) for c in range(2) for t in range(20, 24) for seconds, centi in ((1, 100), (2.5, 200))
        ]  # fmt: skip
        return pl.DataFrame(rows, schema_overrides={"known_utc": pl.Datetime("us", "UTC")})

    def looked(t, record):
        return replace(record, causes=replace(record.causes, books_utc=ends_utc(t) + timedelta(seconds=2)))

    shown = with_rows(wild, 20, 24, bid_size_centi=100, ask_size_centi=100)
    assert {Cause.SIZES} == of(explained(shown, wild, told=looked, tops_of=tops))
    assert {Cause.UNEXPLAINED} == of(explained(shown, wild, tops_of=tops))


def test_a_consequence_names_where_it_began(explained, wild):
    """Positions of one minute are there for hours: the first difference of the event is the cause of those after it."""
    found = explained(with_rows(wild, 20, 21, fresh=False), wild)

    later = [one for one in found if one.cause is Cause.STATE]
    assert later
    assert {20} == {one.since for one in later}
    assert all(one.detail.endswith("late weather") for one in later)
    assert all(one.t > 20 for one in later)


@pytest.mark.parametrize(
    ("at", "late_at", "is_explained"),
    [(20, 20, True), (25, 20, True), (26, 20, False), (20, 24, True), (20, 51, False)],
)
def test_late_input_explains_an_opinion_as_far_as_it_reaches(explained, wild, at, late_at, is_explained):
    """Five minutes on, by what is looked back on; and those before it came, by half an hour at most."""

    def told(t, record):
        late = dict.fromkeys(KEYS, (WEATHER,)) if t == late_at else {}
        return replace(record, causes=replace(record.causes, late=late))

    found = of(explained(with_rows(wild, at, at + 1, p_fair=0.5), wild, told=told))

    assert found == {Cause.OPINION if is_explained else Cause.UNEXPLAINED}


def test_the_word_of_a_model_stands_until_its_next(tmp_path, wild):
    """What was late when it was said reaches as far as it stands, of a strategy that reads words."""
    journal, said = Journal(tmp_path), ORIGIN.tickers.ravel().tolist()
    journal.begin(ORIGIN)
    for t, record in enumerate(lived(wild, ORIGIN)):
        word = pl.DataFrame({"market_ticker": said, "p_model": [0.25 if t < 40 else 0.5] * len(said)})
        journal.append(DAY, replace(record, signals=word))
    recorded = journal.read(DAY)
    plain, by_words = (Reach(recorded=recorded, minutes=5, by_words=words) for words in (False, True))

    assert [plain.covers(20, t, said[0]) for t in (25, 26, 39)] == [True, False, False]
    assert [by_words.covers(20, t, said[0]) for t in (25, 39, 40, 59)] == [True, True, False, False]
