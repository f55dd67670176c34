"""Once killed, nothing new is sent until a person removes the file; by hand, by signal, by command."""

from __future__ import annotations

import os
import signal

import pytest

from kwx.exec.venue.kill import Kill, kill_now
from kwx.exec.venue.told import Did
from pipelines.demo.venue.words import Side
from tests.kwx.exec.venue.exchange import OTHER, UNSENT
from warehouse.errors import Refused, VendorDown


def test_a_file_kills_and_its_removal_alone_ends_that(tmp_path):
    """A second kill leaves the first one's words; a new life is killed too."""
    kill = Kill(tmp_path / "live" / "KILL")
    before = kill.engaged
    kill.engage("the reason")
    kill.engage("another")

    assert (False, True, True) == (before, kill.engaged, Kill(kill.path).engaged)
    assert "the reason" in kill.why
    kill.path.unlink()
    assert not kill.engaged


def test_a_file_that_cannot_be_written_kills_this_process_all_the_same(tmp_path):
    """Nothing may be sent because a disk is full."""
    folder = tmp_path / "live"
    kill = Kill(folder / "KILL")
    folder.rmdir()
    folder.write_text("in the way")

    kill.engage("the reason")

    assert kill.engaged
    assert "could not be written" in kill.why


def test_a_file_of_which_nobody_can_tell_kills(tmp_path):
    """In doubt nothing is sent."""
    kill = Kill(tmp_path / "KILL")
    kill.path = tmp_path / ("x" * 300)

    assert kill.engaged


@pytest.mark.parametrize(
    ("number", "engaged", "stopping"),
    [(signal.SIGTERM, False, True), (signal.SIGINT, False, True), (signal.SIGUSR1, True, False)],
    ids=["TERM", "INT", "USR1"],
)
def test_signals_stop_or_kill(tmp_path, number, engaged, stopping):
    """SIGUSR1 kills and lets the process live; the others ask it to leave. Afterwards all is as it was."""
    kill = Kill(tmp_path / "KILL")
    before = signal.getsignal(number)
    with kill.listening():
        os.kill(os.getpid(), number)

    assert (engaged, stopping, True) == (kill.engaged, kill.stopping, kill.holds)
    assert before == signal.getsignal(number)


def test_a_kill_cancels_everything_and_blocks_what_is_new(exchange, trader, tell):
    """Within the next turn; fills are read on."""
    executor = trader.started()
    executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    trader.kill.engage("a test")

    outcomes = executor.apply([trader.rests()], [trader.takes()])
    fills = executor.poll()

    assert {Did.BLOCKED} == {outcome.did for outcome in outcomes}
    assert {} == exchange.resting
    assert [300] == [fill.centi for fill in fills]
    assert not executor.is_halted
    with pytest.raises(Refused, match="killed: a test"):
        trader.born().start()


def test_a_kill_between_two_orders_stops_before_the_second(exchange, trader, tell):
    """It is looked at before everything that is sent."""
    executor = trader.started()
    exchange.before_write = lambda write: trader.kill.engage("now") if write.kind == "kalshi_create" else None

    outcomes = executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])

    assert ["placed", "blocked"] == tell(outcomes)
    assert {} == exchange.resting


def test_after_a_kill_was_taken_back_a_minute_passes_before_anything_new(exchange, trader, tell):
    """The exchange cancels with all orders also those of the next minute; then there is a new group."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    trader.kill.engage("a test")
    executor.apply([trader.rests()], [])
    executor.poll()
    trader.kill.path.unlink()

    soon = tell(executor.apply([trader.rests()], []))
    exchange.wait(61)
    executor.poll()

    assert ["blocked"] == soon
    assert ["placed"] == tell(executor.apply([trader.rests()], []))
    assert 1 == len(exchange.resting)
    trader.kill.engage("again")
    executor.poll()
    assert {} == exchange.resting


def test_a_stop_asked_for_by_a_signal_sends_nothing_new(exchange, trader, tell):
    """Whoever runs the loop then stops the executor."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    trader.kill.stop()

    assert ["blocked"] == tell(executor.apply([trader.rests(cents=41)], []))
    executor.stop()
    assert {} == exchange.resting


def test_a_command_kills_from_another_process(exchange, trader):
    """The file first, then everything at the exchange, looked at."""
    executor = trader.started()
    executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])
    path = trader.kill.path

    killed = kill_now(path, reason="by command", clock=exchange.clock, venue=exchange.portfolio)

    assert (path, (), ()) == (killed.path, killed.left, killed.errors)
    assert {} == exchange.resting
    assert "by command at 2026-11-01T" in path.read_text()
    executor.poll()
    assert not executor.is_halted


def test_a_command_tells_what_it_could_not_do(exchange, trader):
    """The file is there all the same."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    exchange.will("kalshi_cancel_all", UNSENT)
    exchange.fails_to_read.add("kalshi_orders")

    killed = kill_now(trader.kill.path, reason="by command", clock=exchange.clock, venue=exchange.portfolio)

    assert killed.left is None
    assert 2 == len(killed.errors)
    assert trader.kill.engaged
    with pytest.raises(VendorDown):
        executor.poll()


def test_a_command_without_a_key_makes_the_file_alone(exchange, tmp_path):
    """Whoever runs the loop does the rest."""
    killed = kill_now(tmp_path / "live" / "KILL", reason="by command", clock=exchange.clock)

    assert killed.left is None
    assert killed.path.is_file()
