"""The table: what it refuses, what a repeated write does, and that one bad row blocks no other."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from kwx.live.sink.postgres import TYPES, SignalTable
from kwx.live.sink.server import server_of
from kwx.live.sink.signal import LENGTHS, RANGES
from tests.kwx.live.sink.made import START, made_signal, made_tick
from warehouse.errors import DatabaseDown

LATER = START + timedelta(seconds=1)


@pytest.fixture
def table(dsn):
    """The table of an own database."""
    table = SignalTable(server_of(dsn))
    yield table
    table.close()


def stored(**changes):
    """Return a signal as the sink hands it over."""
    return made_signal(**{"created_at": START, **changes})


def rows(database, what="market_ticker, p_blend"):
    """Return some columns of all rows, in the order of their key."""
    return database.execute(f"select {what} from rt_signals order by ts_utc, market_ticker").fetchall()


INSERT = f"insert into rt_signals ({', '.join(TYPES)}) values ({', '.join('%s' for _ in TYPES)})"
BAD = {
    **{name: [least - 0.001, most + 0.001, float("nan")] for name, (least, most) in RANGES.items()},
    **{name: ["", "x" * (most + 1)] for name, most in LENGTHS.items()},
    "spread_cents": [-1],
    "minutes_to_close": [-1, None],
    "ts_utc": [None],
    "created_at": [None],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_the_table_refuses_by_itself(database, name, value):
    """Whoever writes, the ranges of a signal hold; its own checks are those of the table."""
    values = {column: getattr(stored(), column) for column in TYPES} | {name: value}

    with pytest.raises((psycopg.IntegrityError, psycopg.DataError)):
        database.execute(INSERT, list(values.values()))


def test_created_at_is_said_by_the_database_when_it_is_not_said(database):
    """The default of the column."""
    database.execute(
        INSERT.replace(", created_at", "").replace(", %s)", ")"), [getattr(stored(), c) for c in TYPES][:-1]
    )

    assert [(True,)] == rows(database, "created_at between now() - interval '1 minute' and now()")


def test_a_signal_comes_back_as_it_went_in(table):
    """Every column, also the empty ones, the newest tick first."""
    old, new = (
        stored(kelly_fraction=0.1 + 0.2),
        stored(ts_utc=LATER, spread_cents=None, city="miami", market_ticker="é"),
    )
    assert [] == table.upsert([old, new])

    assert [{name: getattr(one, name) for name in TYPES} for one in (new, old)] == table.latest(10)
    assert ["é"] == [row["market_ticker"] for row in table.latest(10, cities=["miami"])]
    assert ["é"] == [row["market_ticker"] for row in table.latest(1)]


def test_the_same_again_changes_nothing(table, database):
    """A batch may be repeated in whole or in part, also in another order."""
    tick = [stored(market_ticker=f"M{n}", p_blend=n / 100) for n in range(84)]
    table.upsert(tick)
    before = rows(database, "*")
    table.upsert(tick)
    table.upsert(tick[40:][::-1])

    assert 84 == len(before)
    assert before == rows(database, "*")


def test_the_later_write_wins_in_whatever_order_they_come(table, database):
    """By created_at; of two of one instant the one that comes last."""
    table.upsert([stored(p_blend=0.2, created_at=LATER)])
    table.upsert([stored(p_blend=0.1, created_at=START)])
    assert [(0.2,)] == rows(database, "p_blend")

    table.upsert([stored(p_blend=0.3, created_at=LATER)])
    assert [(0.3,)] == rows(database, "p_blend")


def test_a_key_may_be_twice_in_a_batch(table, database):
    """One statement cannot store it twice; the later one wins all the same."""
    table.upsert(
        [stored(p_blend=p, market_ticker=name) for name, p in (("A", 0.1), ("B", 0.9), ("A", 0.2), ("A", 0.3))]
    )

    assert [("A", 0.3), ("B", 0.9)] == rows(database)


@pytest.mark.parametrize("bad", [{0}, {83}, {41, 42}, {5, 50, 80}, set(range(84))])
def test_what_the_database_refuses_blocks_no_other(table, database, bad):
    """Each refused row is named with the reason; all others are stored."""
    database.execute("alter table rt_signals add constraint not_denver check (city <> 'denver')")
    tick = [stored(market_ticker=f"M{n:02}", city="denver" if n in bad else "miami") for n in range(84)]
    refusals = table.upsert(tick)

    assert sorted(bad) == [refusal.place for refusal in refusals]
    assert all("not_denver" in refusal.reason for refusal in refusals)
    assert [(f"M{n:02}",) for n in range(84) if n not in bad] == rows(database, "market_ticker")


def test_a_trigger_may_refuse_too(table, database):
    """What others say of a row is a refusal of that row."""
    database.execute("""
        create function no_miami() returns trigger language plpgsql as
        $$ begin if new.city = 'miami' then raise exception 'not miami'; end if; return new; end $$;
        create trigger no_miami before insert on rt_signals for each row execute function no_miami()
    """)
    refusals = table.upsert([stored(market_ticker="A"), stored(market_ticker="B", city="miami")])

    assert [1] == [refusal.place for refusal in refusals]
    assert [("A",)] == rows(database, "market_ticker")


def test_a_missing_table_is_the_databases_fault(empty_dsn):
    """No row is refused for it: all wait, and the way out is told."""
    table = SignalTable(server_of(empty_dsn))

    with pytest.raises(DatabaseDown, match=r"rt_signals.* does not exist") as down:
        table.upsert(made_tick(0))
    assert "kwx signals migrate" in down.value.hint
    table.close()


def test_a_broken_connection_is_made_anew(table, database):
    """A server that was started again between two ticks costs nothing."""
    table.upsert([stored(market_ticker="A")])
    database.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'kwx'")
    assert [] == table.upsert([stored(market_ticker="B")])

    assert [("A",), ("B",)] == rows(database, "market_ticker")


def test_a_commit_is_durable_whatever_the_server_is_set_to(dsn):
    """A role that gives up durability does not for us; instants are told in UTC."""
    lax = dsn.replace("options='", "options='-c synchronous_commit=off -c timezone=Asia/Tokyo ")

    with server_of(lax).connect() as connection:
        assert [("on",)] == connection.execute("show synchronous_commit").fetchall()
        assert [("UTC",)] == connection.execute("show timezone").fetchall()
