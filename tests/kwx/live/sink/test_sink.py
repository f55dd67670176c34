"""The sink: none lost, none twice, in order, and the loop never waits for a database that is away."""

from __future__ import annotations

import logging
import socket
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from kwx.live.sink.migrate import migrate
from kwx.live.sink.server import server_of
from kwx.live.sink.sink import Written, open_sink
from tests.kwx.live.sink.made import START, HandClock, made_signal, made_tick
from warehouse.errors import ContractBroken, DiskFull, Usage

GENEROUS_S = 20.0


@pytest.fixture
def sink_of(tmp_path, clock):
    """Open sinks over one spool, one after the other; writes wait for their commit."""
    opened = []

    def make(dsn):
        for before in opened:
            before.close()
        opened[:] = [open_sink(dsn, tmp_path / "signals", clock=clock)]
        opened[0]._patience_s = GENEROUS_S
        return opened[0]

    yield make
    for sink in opened:
        sink.close()


def stored(database, what="market_ticker"):
    """Return some column of all rows, in order."""
    rows = database.execute(f"select {what} from rt_signals order by ts_utc, market_ticker").fetchall()
    return [value for (value,) in rows]


def test_a_tick_is_committed_when_the_database_answers(sink_of, dsn, database, clock):
    """Every row, stamped by the clock of the loop."""
    sink = sink_of(dsn)

    assert Written(committed=84) == sink.write(made_tick(0))
    assert Written(committed=84) == sink.write(made_tick(1))
    assert Written() == sink.write([])
    assert (0, None) == (sink.waiting, sink.trouble)
    assert 168 == len(stored(database))
    assert {START} == set(stored(database, "created_at"))


def test_signals_wait_in_order_while_the_database_is_away(sink_of, door, database, clock):
    """Nothing is raised; on return the oldest goes first, so that of one row the last write stands."""
    sink = sink_of(door.dsn)
    for part in range(5):
        clock.move(9)
        written = sink.write([made_signal(n, created_at=START, p_blend=part / 10) for n in range(20)])
        assert Written(spooled=20) == written
    assert 100 == sink.waiting
    assert "does not answer" in sink.trouble

    door.open()
    clock.move(60)
    assert Written(committed=1) == sink.write([made_signal(99)])
    assert (0, None) == (sink.waiting, sink.trouble)
    assert [0.4] * 20 == stored(database, "p_blend")[:20]
    assert 21 == len(stored(database))


def test_a_spool_is_not_read_for_a_database_that_is_away(sink_of, door, clock, monkeypatch):
    """Hours of it may wait, and every minute asks."""
    sink, read = sink_of(door.dsn), []
    monkeypatch.setattr(sink._spool, "take", read.append)
    for tick in range(3):
        clock.move(60)
        assert Written(spooled=84) == sink.write(made_tick(tick))

    assert [] == read
    door.open()
    clock.move(60)
    sink.write(made_tick(3))
    assert read


def test_it_goes_away_and_comes_back_many_times(sink_of, door, database, clock):
    """Whatever was written is there once, with its last value."""
    sink = sink_of(door.dsn)
    for tick in range(12):
        if tick % 4 == 0:
            door.open()
        if tick % 4 == 2:
            door.shut()
        clock.move(100)
        sink.write(made_tick(tick, markets=10))
    door.open()
    sink.flush()

    assert 0 == sink.waiting
    assert [f"KXHIGHCHI-{n}" for n in range(10)] * 12 == stored(database)
    assert [tick / 100 for tick in range(12) for _ in range(10)] == stored(database, "p_blend")


def test_a_database_that_is_away_is_left_alone_for_a_while(sink_of, door, clock):
    """The pause doubles up to a minute by the clock of the loop; within it nothing is tried, and no write waits."""
    sink = sink_of(door.dsn)
    sink.write([made_signal(0)])
    door.open()  # from here on a try would succeed
    pauses = []
    for _ in range(9):
        door.shut()
        began = clock.now
        while not sink._drain.is_due:
            clock.move(0.5)
        pauses.append((clock.now - began).total_seconds())
        sink.write([made_signal(1)])
        door.open()

    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == pauses
    assert Written(spooled=1) == sink.write([made_signal(2)])  # it would succeed, but it is not time
    clock.move(-100_000)  # a clock that is set back is no reason to wait a day
    assert Written(committed=1) == sink.write([made_signal(3)])


def test_a_database_that_hangs_holds_nobody_up(tmp_path):
    """A server that takes the call and says nothing costs a write no more than its patience, a close a bounded wait."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with open_sink(f"host=127.0.0.1 port={port} user=kwx connect_timeout=2", tmp_path, clock=HandClock()) as sink:
            took = []
            for tick in range(5):
                began = time.monotonic()
                assert Written(spooled=84) == sink.write(made_tick(tick))
                took.append(time.monotonic() - began)
            began = time.monotonic()
        assert time.monotonic() - began < 15

    assert sorted(took)[2] < 1
    assert 420 == open_and_count(tmp_path)


def open_and_count(folder):
    """Return how many rows wait in a spool."""
    with open_sink("host=127.0.0.1 port=1", folder, clock=HandClock()) as sink:
        return sink.waiting


def test_what_waits_outlives_the_process_of_the_loop(sink_of, nobody_there, dsn, database):
    """The next start stores it, before anything new."""
    sink_of(nobody_there).write(made_tick(0))
    sink = sink_of(dsn)

    assert 84 == sink.waiting
    assert Written(committed=84) == sink.flush()
    assert Written() == sink.flush()
    assert 84 == len(stored(database))


def test_leaving_stores_what_waits(dsn, database, tmp_path):
    """Also what no write had the patience for."""
    with open_sink(dsn, tmp_path, clock=HandClock()) as sink:
        sink._patience_s = 0
        for tick in range(5):
            sink.write(made_tick(tick))

    assert 420 == len(stored(database))


def test_what_the_database_refuses_is_set_aside(sink_of, dsn, database, tmp_path, caplog):
    """With the reason, while all others are stored; nothing waits for it."""
    database.execute("alter table rt_signals add constraint not_denver check (city <> 'denver')")
    sink = sink_of(dsn)
    tick = [replace(signal, city="denver" if place % 28 == 3 else "miami") for place, signal in enumerate(made_tick(0))]

    assert Written(committed=81, refused=3) == sink.write(tick)
    assert 0 == sink.waiting
    assert 81 == len(stored(database))
    aside = (tmp_path / "signals" / "refused.jsonl").read_text().splitlines()
    assert 3 == len(aside) == sink.set_aside
    assert all("not_denver" in line and '"city":"denver"' in line for line in aside)
    assert "3 signals are set aside" in caplog.text


def test_a_damaged_line_is_set_aside_and_the_rest_is_stored(sink_of, nobody_there, dsn, database, tmp_path):
    """What the disk spoiled is not silently gone."""
    sink_of(nobody_there).write(made_tick(0))
    sink_of(nobody_there).close()
    path = next((tmp_path / "signals").glob("*.spool"))
    path.write_bytes(path.read_bytes().replace(b'"KXHIGHCHI-40"', b'"KXHIGHCHI-4#"'))

    assert Written(committed=83, refused=1) == sink_of(dsn).flush()
    assert 83 == len(stored(database))
    assert "KXHIGHCHI-4#" in (tmp_path / "signals" / "refused.jsonl").read_text()


def test_a_missing_table_is_waited_for(sink_of, empty_dsn, clock, caplog):
    """Nothing is refused for it; the log says which command makes it, once."""
    sink = sink_of(empty_dsn)
    for tick in range(3):
        clock.move(100)
        assert Written(spooled=84) == sink.write(made_tick(tick))
    assert 1 == caplog.text.count("kwx signals migrate")
    with server_of(empty_dsn).connect() as connection:
        migrate(connection)

    assert Written(committed=252) == sink.flush()


def test_a_long_queue_is_stored_in_parts(sink_of, nobody_there, dsn, database, clock):
    """Five thousand rows over several files."""
    sink = sink_of(nobody_there)
    for start in range(0, 5_000, 2_500):
        sink.write([made_signal(n) for n in range(start, start + 2_500)])
    sink = sink_of(dsn)

    assert Written(committed=5_000) == sink.flush(timeout_s=60)
    assert 5_000 == len(set(stored(database)))


def test_a_full_disk_leaves_the_database(sink_of, dsn, database, small_files, caplog):
    """While it answers nothing is lost, and what waited before goes first; with room all is as before."""
    sink = sink_of(dsn)
    sink.write([made_signal(0, p_blend=0.1)])
    with small_files(2_000):
        assert Written(committed=84) == sink.write(made_tick(0))
    assert "signals go to the database alone: 84 signals cannot be kept: no room" in caplog.text

    assert Written(committed=84) == sink.write(made_tick(1))
    assert 168 == len(stored(database))


def test_a_full_disk_and_no_database_is_said_loudly(sink_of, nobody_there, small_files, caplog):
    """What nothing can keep is lost, and whoever wrote it is told."""
    sink = sink_of(nobody_there)
    sink.write([made_signal(0)])
    with small_files(2_000), pytest.raises(DiskFull, match="84 signals cannot be kept: no room"):
        sink.write(made_tick(0))

    assert 1 == sink.waiting
    assert [logging.CRITICAL] == [record.levelno for record in caplog.records if "are lost" in record.message]


def test_a_password_is_in_no_log_and_no_trouble(tmp_path, clock, caplog):
    """At no level, also not in a traceback."""
    caplog.set_level(1)
    with open_sink("postgresql://kwx:hunter2secret@127.0.0.1:1/x", tmp_path, clock=clock) as sink:
        sink.write([made_signal()])
        sink.flush()
        assert "host=127.0.0.1 port=1 dbname=x user=kwx does not answer" in sink.trouble

    assert "does not answer" in caplog.text
    assert "hunter2" not in caplog.text + sink.trouble + repr(vars(sink))
    assert b"hunter2" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_mistakes_are_told_at_the_start(tmp_path):
    """A DSN that cannot be read and a signal that cannot be are not for the spool."""
    with pytest.raises(Usage):
        open_sink("no dsn", tmp_path)
    with pytest.raises(ContractBroken):
        made_signal(p_blend=7)


def test_a_tick_of_its_own_time_keeps_it(sink_of, dsn, database):
    """What says when it was made is not stamped again."""
    at = START - timedelta(hours=1)
    sink_of(dsn).write([made_signal(created_at=at)])

    assert [at] == stored(database, "created_at")


def test_a_clock_that_is_set_back_makes_no_later_write_older(sink_of, dsn, database, clock):
    """The last write of a row stands, whatever the clock says."""
    sink = sink_of(dsn)
    sink.write([made_signal(p_blend=0.1)])
    clock.move(-3_600)
    sink.write([made_signal(p_blend=0.2)])

    assert [0.2] == stored(database, "p_blend")


def test_a_closed_sink_takes_nothing_more(sink_of, dsn):
    """Closing twice is closing once."""
    sink = sink_of(dsn)
    sink.close()
    sink.close()

    with pytest.raises(ValueError, match="closed"):
        sink.write([made_signal()])
