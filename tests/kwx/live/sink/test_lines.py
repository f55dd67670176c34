"""A line on the disk is read back as it was written, or known to be damaged."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kwx.live.sink.lines import line_of, read_line
from tests.kwx.live.sink.made import START, made_signal

texts = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
shares = st.floats(0, 1)
signals = st.builds(
    made_signal,
    market_ticker=texts,
    bracket=texts,
    p_model=shares,
    p_blend=shares,
    edge_cents=st.floats(-200, 100),
    kelly_fraction=st.none() | st.floats(-1, 1),
    spread_cents=st.none() | st.integers(0, 2**31 - 1),
    ts_utc=st.timedeltas(timedelta(-9_000), timedelta(9_000)).map(lambda since: START + since),
    created_at=st.none() | st.just(START),
)


@given(st.integers(1, 10**16 - 1), signals)
def test_a_line_is_read_as_it_was_written(number, signal):
    """Every bit of every number survives."""
    raw = line_of(number, signal)
    line = read_line(raw)

    assert (number, signal) == (line.number, line.signal)
    assert 1 == raw.count(b"\n")


@given(signals, st.data())
def test_one_changed_byte_is_noticed(signal, data):
    """No damage of one byte passes for a signal."""
    raw = line_of(7, signal)
    place = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[place]))

    assert read_line(raw[:place] + bytes([byte]) + raw[place + 1 :]).signal is None


@given(signals, st.data())
def test_a_torn_line_is_noticed(signal, data):
    """No beginning of a line passes for it."""
    raw = line_of(7, signal)

    assert read_line(raw[: data.draw(st.integers(0, len(raw) - 1))]).signal is None


def test_a_line_with_a_true_checksum_but_no_signal_is_damaged():
    """A value out of its range is not let in by a checksum."""
    import zlib

    said = line_of(7, made_signal())[9:-1].replace(b'"p_market":0.5', b'"p_market":1.5')

    assert read_line(b"%08x %s\n" % (zlib.crc32(said), said)).signal is None
