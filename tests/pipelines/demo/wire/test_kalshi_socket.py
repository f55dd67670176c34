"""The exchange's stream: signed, numbered by subscription, replayed from the world, broken only on purpose."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from pipelines.demo import World
from pipelines.demo.wire import Faults, Served, serve
from pipelines.demo.wire.kalshi_feed import WorldSource
from pipelines.demo.wire.kalshi_subscriptions import Subscriptions

NOON = datetime(2026, 11, 1, 18, tzinfo=UTC)
EVENT = "KXHIGHCHI-26NOV01"
Rows = Callable[..., pl.DataFrame]


@contextmanager
def dialled(served: Served, **settings: object) -> Iterator[ClientConnection]:
    """Connect to a stream."""
    with connect(served.ws_url, compression=None, max_queue=None, **settings) as connection:  # type: ignore[arg-type]
        yield connection


def told(connection: ClientConnection, command: dict, *, until: Callable[[list[dict]], bool]) -> list[dict]:
    """Send a command and read frames until enough came."""
    connection.send(json.dumps(command))
    frames: list[dict] = []
    while not until(frames):
        frames.append(json.loads(connection.recv(timeout=5)))
    return frames


def subscribe(tickers: list[str], *channels: str, **params: object) -> dict:
    """Return a command."""
    return {"id": 1, "cmd": "subscribe", "params": {"channels": list(channels), "market_tickers": tickers, **params}}


def silence(connection: ClientConnection, *, first_seconds: float = 10) -> list[dict]:
    """Read until nothing more comes; the first frame may take its time."""
    frames: list[dict] = []
    try:
        while True:
            frames.append(json.loads(connection.recv(timeout=0.5 if frames else first_seconds)))
    except TimeoutError:
        return frames


def replayed(frames: list[dict], *, yes_prices: bool = False) -> dict[str, dict[int, int]]:
    """Apply snapshots and deltas; prices and sizes in hundredths, both sides in yes prices."""
    sides: dict[str, dict[int, int]] = {"yes": {}, "no": {}}
    for frame in frames:
        said = frame["msg"]
        if frame["type"] == "orderbook_snapshot":
            for side in sides:
                levels = said.get(f"{side}_dollars_fp", [])
                sides[side] = {cents(price, side, yes_prices): centi(size) for price, size in levels}
        elif frame["type"] == "orderbook_delta":
            price = cents(said["price_dollars"], said["side"], yes_prices)
            sides[said["side"]][price] = sides[said["side"]].get(price, 0) + centi(said["delta_fp"])
    return {side: {price: size for price, size in levels.items() if size} for side, levels in sides.items()}


def cents(price: str, side: str, yes_prices: bool) -> int:
    """Return a price of yes in cents."""
    said = round(float(price) * 100)
    return said if side == "yes" or yes_prices else 100 - said


def centi(size: str) -> int:
    """Return a size in hundredths."""
    return round(float(size) * 100)


@pytest.fixture(scope="module")
def ticker(rows: Rows) -> str:
    """A middle bracket of the day that is under way."""
    return rows("markets").filter(event_ticker=EVENT)["market_ticker"][2]


@pytest.fixture(scope="module")
def ahead(rows: Rows, ticker: str) -> pl.DataFrame:
    """Its changes from noon on."""
    mine = (pl.col("market_ticker") == ticker) & (pl.col("known_utc") > NOON) & (pl.col("kind") == "delta")
    return rows("books").filter(mine).sort("seq")


def test_a_handshake_has_to_be_signed(over: Served, signed: Callable, tmp_path: Path) -> None:
    """Unsigned is 401, signed is in, another path is not there."""
    key_id = over.write_key(tmp_path / "key.pem")
    headers = signed(tmp_path / "key.pem", key_id, text="GET/trade-api/ws/v2")

    with pytest.raises(InvalidStatus, match="401"), dialled(over):
        pass
    with dialled(over, additional_headers=headers) as connection:
        assert [{"id": 7, "type": "ok", "msg": []}] == told(
            connection, {"id": 7, "cmd": "list_subscriptions"}, until=bool
        )
    with pytest.raises(InvalidStatus, match="404"), connect(over.ws_url + "/other"):
        pass
    with pytest.raises(InvalidStatus, match="401"), dialled(over, additional_headers=headers):
        pass  # each handshake needs a signature of its own


@pytest.mark.parametrize("yes_prices", [False, True])
def test_snapshot_and_deltas_end_in_the_worlds_book(
    at_noon: Served, rows: Rows, ticker: str, ahead: pl.DataFrame, *, yes_prices: bool
) -> None:
    """Every change from now on comes once, in order; replayed they are the world's own book at the end."""
    enough = ahead.height + 2
    with dialled(at_noon) as connection:
        frames = told(
            connection,
            subscribe([ticker], "orderbook_delta", use_yes_price=yes_prices),
            until=lambda frames: len(frames) == enough,
        )
        assert [] == silence(connection, first_seconds=0.3)

    assert {"channel": "orderbook_delta", "sid": 1} == frames[0]["msg"]
    assert list(range(1, enough)) == [frame["seq"] for frame in frames[1:]]
    assert [centi(frame["msg"]["delta_fp"]) for frame in frames[2:]] == ahead["delta_centi"].to_list()
    book = rows("books").filter(market_ticker=ticker).sort("seq")
    assert replayed(replay_of(book)) == replayed(frames, yes_prices=yes_prices)


def replay_of(book: pl.DataFrame) -> list[dict]:
    """Say the lake's rows as frames in no prices, to be replayed like the stream."""
    frames = []
    for row in book.iter_rows(named=True):
        if row["kind"] == "snapshot":
            bids = [
                [str(p / 1e4), str(s / 100)]
                for p, s in zip(row["bid_prices_ticks"], row["bid_sizes_centi"], strict=True)
            ]
            asks = [
                [str(1 - p / 1e4), str(s / 100)]
                for p, s in zip(row["ask_prices_ticks"], row["ask_sizes_centi"], strict=True)
            ]
            frames.append({"type": "orderbook_snapshot", "msg": {"yes_dollars_fp": bids, "no_dollars_fp": asks}})
        else:
            price = row["price_ticks"] / 1e4 if row["side"] == "yes" else 1 - row["price_ticks"] / 1e4
            said = {"price_dollars": str(price), "delta_fp": str(row["delta_centi"] / 100), "side": row["side"]}
            frames.append({"type": "orderbook_delta", "msg": said})
    return frames


def test_a_snapshot_in_the_middle_fits_the_frames_around_it(at_noon: Served, ticker: str) -> None:
    """Asked for between two changes of one instant, it holds the first and not the second."""
    stream = Subscriptions(WorldSource(told=at_noon.told), start_utc=NOON)
    frames = stream.obey(json.dumps(subscribe([ticker], "orderbook_delta")))[1:]
    params = {"sid": 1, "action": "get_snapshot", "market_tickers": [ticker]}

    while stream.next_us is not None:
        frames.append(stream.pop())
        (fresh,) = stream.obey(json.dumps({"id": 2, "cmd": "update_subscription", "params": params}))
        assert replayed(frames) == replayed([fresh])
        if len(frames) > 60:
            break

    assert len({frame["sending_ts_ms"] for frame in frames}) < len(frames)


def test_a_snapshot_after_the_close_is_empty(at_noon: Served, ticker: str) -> None:
    """A market that closed while its book was followed has no book left."""
    stream = Subscriptions(WorldSource(told=at_noon.told), start_utc=NOON)
    frames = stream.obey(json.dumps(subscribe([ticker], "orderbook_delta")))[1:]
    params = {"sid": 1, "action": "get_snapshot", "market_tickers": [ticker]}
    while stream.next_us is not None:
        frames.append(stream.pop())
    stream.advance(int(datetime(2026, 11, 2, 6, tzinfo=UTC).timestamp() * 1_000_000))

    (fresh,) = stream.obey(json.dumps({"id": 2, "cmd": "update_subscription", "params": params}))

    assert {"yes": {}, "no": {}} == replayed([fresh]) != replayed(frames)
    assert {"market_ticker": ticker} == fresh["msg"]


def test_trades_and_tickers_follow_the_tape(at_noon: Served, rows: Rows, ticker: str) -> None:
    """Each channel has its own subscription; trades are numbered, tickers are not."""
    trades = rows("trades").filter((pl.col("market_ticker") == ticker) & (pl.col("ts_utc") > NOON)).sort("ts_utc")
    with dialled(at_noon) as connection:
        connection.send(json.dumps(subscribe([ticker], "trade", "ticker")))
        frames = silence(connection)

    assert [("trade", 1), ("ticker", 2)] == [(f["msg"]["channel"], f["msg"]["sid"]) for f in frames[:2]]
    said = [frame for frame in frames if frame["type"] == "trade"]
    assert trades["trade_id"].to_list() == [frame["msg"]["trade_id"] for frame in said]
    assert list(range(1, len(said) + 1)) == [frame["seq"] for frame in said]
    assert all("seq" not in frame for frame in frames if frame["type"] == "ticker")
    stamps = [frame["sending_ts_ms"] for frame in frames[2:]]
    assert sorted(stamps) == stamps


def test_commands_use_up_numbers_of_their_subscription(over: Served, rows: Rows, tmp_path: Path) -> None:
    """`ok`, snapshots and `unsubscribed` count; subscribing again brings no second snapshot."""
    tickers = rows("markets").filter(event_ticker=EVENT)["market_ticker"].to_list()
    with serve(over.world, open_ws=True) as served, dialled(served) as connection:

        def update(action: str, *names: str) -> dict:
            return {
                "id": 2,
                "cmd": "update_subscription",
                "params": {"sid": 1, "action": action, "market_tickers": list(names)},
            }

        begun = told(connection, subscribe(tickers[:1], "orderbook_delta"), until=lambda f: len(f) == 2)
        again = told(connection, subscribe(tickers[:1], "orderbook_delta"), until=bool)
        added = told(connection, update("add_markets", tickers[1]), until=lambda f: len(f) == 2)
        fresh = told(connection, update("get_snapshot", tickers[1]), until=bool)
        gone = told(connection, update("delete_markets", tickers[0]), until=bool)
        left = told(connection, {"id": 3, "cmd": "unsubscribe", "params": {"sids": [1]}}, until=bool)

    frames = [*begun[1:], *again, *added, *fresh, *gone, *left]
    assert [1, 2, 3, 4, 5, 6, 7] == [frame["seq"] for frame in frames]
    kinds = ["orderbook_snapshot", "ok", "ok", "orderbook_snapshot", "orderbook_snapshot", "ok", "unsubscribed"]
    assert kinds == [frame["type"] for frame in frames]
    assert {"market_tickers": tickers[1:2]} == gone[0]["msg"]
    assert 2 == fresh[0]["id"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("no json", 1),
        ({"id": 1, "cmd": "subscribe"}, 2),
        ({"id": 1, "cmd": "subscribe", "params": {}}, 3),
        ({"id": 1, "cmd": "unsubscribe", "params": {}}, 4),
        ({"id": 1, "cmd": "dance", "params": {}}, 5),
        ({"id": 1, "cmd": "unsubscribe", "params": {"sids": [9]}}, 7),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["gossip"]}}, 8),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"], "market_tickers": ["X-26NOV01-T1"]}}, 11),
        ({"id": 1, "cmd": "update_subscription", "params": {"sids": [1, 2]}}, 12),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"]}}, 14),
    ],
)
def test_wrong_commands_are_answered_with_their_number(at_noon: Served, command: object, code: int) -> None:
    """An error leaves the connection as it was."""
    with dialled(at_noon) as connection:
        connection.send(command if isinstance(command, str) else json.dumps(command))
        reply = json.loads(connection.recv(timeout=5))

    assert ("error", code) == (reply["type"], reply["msg"]["code"])


def test_the_exchange_pings_with_a_heartbeat(at_noon: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Its pings carry a word, and are answered by the library."""
    with caplog.at_level("DEBUG", logger="websockets.client"), dialled(at_noon) as connection:
        assert [] == silence(connection, first_seconds=0.3)

    assert any("PING 'heartbeat'" in record.getMessage() for record in caplog.records)


def test_a_world_with_a_speed_sends_frames_when_their_time_comes(served_world: World, ticker: str) -> None:
    """Ten minutes a second: nothing is early, and the books move on."""
    with serve(served_world, now=NOON, speed=600, open_ws=True) as served, dialled(served) as connection:
        frames = told(connection, subscribe([ticker], "orderbook_delta"), until=lambda frames: len(frames) >= 6)
        now = served.told.clock()

    assert now > NOON + timedelta(seconds=10)
    assert max(frame["msg"]["ts_ms"] for frame in frames[2:]) / 1000 <= now.timestamp()


def test_a_clocked_stream_sends_no_frame_before_its_time(served_world: World, ticker: str, ahead: pl.DataFrame) -> None:
    """A minute a second: what comes is not stamped after the present, and what is ahead does not come."""
    frames = []
    with serve(served_world, now=NOON, speed=60, open_ws=True) as served, dialled(served) as connection:
        connection.send(json.dumps(subscribe([ticker], "orderbook_delta", "trade")))
        until_s = time.monotonic() + 1.5
        while (left_s := until_s - time.monotonic()) > 0:
            with suppress(TimeoutError):
                frames.append((json.loads(connection.recv(timeout=left_s)), served.told.clock()))

    assert [] == [frame for frame, now in frames if frame.get("sending_ts_ms", 0) > 1_000 * now.timestamp()]
    changes = [frame["msg"]["ts_ms"] for frame, _ in frames if frame["type"] == "orderbook_delta"]
    assert 0 < len(changes) < ahead.height


@pytest.mark.parametrize("fault", ["ws_drop", "ws_duplicate", "ws_reorder", "ws_gap"])
def test_each_fault_of_the_stream_shows_in_its_numbers(
    served_world: World, ticker: str, ahead: pl.DataFrame, fault: str
) -> None:
    """Lost frames leave holes, doubled ones repeat, overtaken ones go back, misnumbered ones jump with none lost."""
    with (
        serve(served_world, now=NOON, open_ws=True, faults=Faults(**{fault: 0.1})) as served,
        dialled(served) as stream,
    ):
        stream.send(json.dumps(subscribe([ticker], "orderbook_delta")))
        numbers = [frame["seq"] for frame in silence(stream) if "seq" in frame]

    steps = {after - before for before, after in pairwise(numbers)}
    sent = ahead.height + 1
    wanted = {
        "ws_drop": len(numbers) < sent and max(steps) > 1 and min(steps) == 1,
        "ws_duplicate": len(numbers) > sent and 0 in steps and len(set(numbers)) == sent,
        "ws_reorder": sent - 1 <= len(numbers) <= sent and min(steps) < 0,
        "ws_gap": len(numbers) == sent and max(steps) > 1 and min(steps) == 1,
    }
    assert wanted[fault]


def test_a_channel_that_fails_says_so_once_and_can_be_subscribed_again(served_world: World, ticker: str) -> None:
    """The error is terminal: nothing follows under that number; both codes that end a subscription come."""
    faults, codes = Faults(ws_error=0.2, seed=5), set()
    with serve(served_world, now=NOON, open_ws=True, faults=faults) as served, dialled(served) as stream:
        for sid in range(1, 9):
            until_error = lambda frames: frames and frames[-1]["type"] == "error"  # noqa: E731
            frames = told(stream, subscribe([ticker], "orderbook_delta"), until=until_error)
            codes.add(frames[-1]["msg"]["code"])
            assert {sid} == {frame["sid"] for frame in frames if "sid" in frame}
            assert list(range(1, len(frames))) == [frame["seq"] for frame in frames[1:]]

        listed = told(stream, {"id": 7, "cmd": "list_subscriptions"}, until=bool)

    assert ({10, 25}, []) == (codes, listed[-1]["msg"])


def test_a_cut_connection_is_cut_at_the_same_frame_again(served_world: World, ticker: str) -> None:
    """Faults of a stream follow from the seed."""
    faults = Faults(ws_disconnect=0.02, seed=2)

    counts = [frames_before_the_cut(served_world, ticker, faults) for _ in range(2)]

    assert counts[0] == counts[1] > 1


def frames_before_the_cut(world: World, ticker: str, faults: Faults) -> int:
    """Count the frames of a stream until it breaks off."""
    count = 0
    with serve(world, now=NOON, open_ws=True, faults=faults) as served, dialled(served) as stream:
        stream.send(json.dumps(subscribe([ticker], "orderbook_delta")))
        try:
            while True:
                stream.recv(timeout=5)
                count += 1
        except ConnectionClosed:
            return count
