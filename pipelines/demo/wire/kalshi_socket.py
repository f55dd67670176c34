"""The exchange's WebSocket: a signed handshake, commands and frames on a connection, and the faults of its wire."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count

from websockets.exceptions import ConcurrencyError, ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from pipelines.demo.session import SECOND_US
from pipelines.demo.wire.faults import Faults
from pipelines.demo.wire.hands import Hands
from pipelines.demo.wire.kalshi_feed import WorldSource, microsecond
from pipelines.demo.wire.kalshi_live import LiveSource
from pipelines.demo.wire.kalshi_sources import Frame, Source
from pipelines.demo.wire.kalshi_subscriptions import Subscriptions
from pipelines.demo.wire.signatures import Keys
from pipelines.demo.wire.told import Told

PATH = "/trade-api/ws/v2"
HEARTBEAT = b"heartbeat"

_FRAMES_AT_A_TIME = 200
_LONGEST_WAIT_S = 0.25
_LED_WAIT_S = 0.01
"""How soon it is seen that the hands were put forward."""

_CLOSING_S = 1.0
_TERMINAL = (10, 25)


@dataclass(frozen=True, kw_only=True)
class KalshiSocket:
    """The stream over one world.

    Where its hands move, frames are sent when they reach them. Where they stand the whole future follows as fast as it
    is read. `live` is where frames come from as a venue makes them. `is_open` takes unsigned handshakes too.
    """

    told: Told
    keys: Keys
    hands: Hands
    faults: Faults = field(default_factory=Faults)
    live: LiveSource | None = None
    is_open: bool = False
    ping_seconds: float = 10.0
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def server(self, port: int) -> Server:
        """Return a listening server, to be run by its caller."""
        return serve(
            self._connected,
            "127.0.0.1",
            port,
            process_request=self._admitted,
            compression=None,
            ping_interval=None,  # the exchange pings with a body of its own
            close_timeout=_CLOSING_S,
            max_size=64 * 2**20,
        )

    def _admitted(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path.partition("?")[0] != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, "not found\n")
        headers = dict(request.headers.raw_items())
        if self.is_open and not self.keys.is_signed(headers):
            return None
        refusal = self.keys.refusal(headers, method="GET", path=PATH, once=True)
        return None if refusal is None else connection.respond(HTTPStatus.UNAUTHORIZED, f"{refusal}\n")

    def _connected(self, connection: ServerConnection) -> None:
        is_known = self.keys.is_signed(dict(connection.request.headers.raw_items())) if connection.request else False
        subscriptions = Subscriptions(self._source, start_utc=self.told.clock(), is_known=is_known)
        wire = _Wire(connection, self.faults, number=next(self._numbers), end=subscriptions.end)
        pinged_s = time.monotonic()
        with contextlib.suppress(ConnectionClosed):
            while True:
                if (text := _received(connection, self._wait_s(subscriptions))) is not None:
                    self._pass_time(subscriptions)
                    wire.send(subscriptions.obey(text))
                    continue
                wire.send(self._due(subscriptions))
                if time.monotonic() - pinged_s >= self.ping_seconds:
                    pinged_s = time.monotonic()
                    with contextlib.suppress(ConcurrencyError):  # the last one is not answered yet
                        connection.ping(HEARTBEAT)

    def _due(self, subscriptions: Subscriptions) -> Iterator[Frame]:
        """Yield the frames whose time has come, a few at a time so that commands are heard in between."""
        self._pass_time(subscriptions)
        now_us = microsecond(self.hands()) if self.hands.moves else None
        for _ in range(_FRAMES_AT_A_TIME):
            with self._source.lock:
                next_us = subscriptions.next_us
                if next_us is None or (now_us is not None and next_us > now_us):
                    return
                frame = subscriptions.pop()
            yield frame

    def _wait_s(self, subscriptions: Subscriptions) -> float:
        """Return how long there is nothing to do but to listen."""
        next_us = subscriptions.next_us
        if next_us is None:
            return min(_LONGEST_WAIT_S if self.live is None else _LED_WAIT_S, self.ping_seconds)
        ahead_s = (next_us - microsecond(self.hands())) / SECOND_US
        if not self.hands.moves or ahead_s <= 0:
            return 0.0
        if self.hands.is_led:
            return _LED_WAIT_S
        return min(ahead_s / self.hands.speed, _LONGEST_WAIT_S, self.ping_seconds)

    def _pass_time(self, subscriptions: Subscriptions) -> None:
        if self.hands.moves:
            subscriptions.advance(microsecond(self.hands()))
        if self.live is not None:
            self.live.come_to(self.hands())
            subscriptions.look()

    @property
    def _source(self) -> Source:
        return WorldSource(told=self.told) if self.live is None else self.live


class _Wire:
    """One connection's way out, on which numbered frames can be lost, doubled, overtaken, misnumbered or cut off.

    `end` ends a subscription whose channel fails, and returns what is said of it instead of the frame.
    """

    def __init__(
        self, connection: ServerConnection, faults: Faults, *, number: int, end: Callable[[int, int], Frame | None]
    ) -> None:
        self._connection = connection
        self._faults = faults
        self._number = number
        self._end = end
        self._ended: set[int] = set()
        self._skipped: Counter[int] = Counter()
        self._overtaken: Frame | None = None

    def send(self, frames: Iterator[Frame] | list[Frame]) -> None:
        for frame in frames:
            self._send_one(frame)

    def _send_one(self, frame: Frame) -> None:
        if "seq" not in frame:
            self._write(frame)
            return
        if frame["sid"] in self._ended:
            return
        fault = self._faults.strike("ws", f"{self._number} {frame['sid']} {frame['seq']}")
        if fault == "ws_gap":
            self._skipped[frame["sid"]] += 1
        said = {**frame, "seq": frame["seq"] + self._skipped[frame["sid"]]}
        if fault == "ws_disconnect":
            self._connection.close_socket()
        elif fault == "ws_reorder" and self._overtaken is None:
            self._overtaken = said
        elif fault == "ws_error":
            self._fail(said)
        elif fault != "ws_drop":
            self._write(said)
            if fault == "ws_duplicate":
                self._write(said)
            self._let_go()

    def _fail(self, instead_of: Frame) -> None:
        """Say of a subscription that it has ended, under the number of the frame that does not come any more."""
        sid, seq = instead_of["sid"], instead_of["seq"]
        error = self._end(sid, _TERMINAL[seq % len(_TERMINAL)])
        self._ended.add(sid)
        self._write(instead_of if error is None else {**error, "seq": seq})
        self._let_go()

    def _let_go(self) -> None:
        """Send the frame that was overtaken."""
        if self._overtaken is not None:
            overtaken, self._overtaken = self._overtaken, None
            self._write(overtaken)

    def _write(self, frame: Frame) -> None:
        self._connection.send(json.dumps(frame, separators=(",", ":")))


def _received(connection: ServerConnection, timeout_s: float) -> str | bytes | None:
    try:
        return connection.recv(timeout=timeout_s)
    except TimeoutError:
        return None


def run_in_thread(server: Server) -> threading.Thread:
    """Let a server run until it is shut down."""
    thread = threading.Thread(target=server.serve_forever, name="demo-stream", daemon=True)
    thread.start()
    return thread
