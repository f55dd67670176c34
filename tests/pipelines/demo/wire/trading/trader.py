"""Whoever trades over the wire: signs, sends, reads back, and listens to the stream."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from websockets.sync.client import ClientConnection, connect

from pipelines.demo.wire import Served
from warehouse.clock import utc_now

ROOT = "/trade-api/v2"
ORDERS = "/portfolio/events/orders"
Said = dict[str, Any]

LOST = (http.client.RemoteDisconnected, ConnectionError)


@dataclass(kw_only=True)
class Trader:
    """One key of the account. `skew_s` is by how much its own clock is ahead."""

    served: Served
    key_id: str
    key_file: Path
    skew_s: float = 0.0
    names: Iterator[int] = field(default_factory=lambda: count(1))

    def headers(self, method: str, path: str) -> dict[str, str]:
        """Sign a request."""
        stamped = str(int((utc_now().timestamp() + self.skew_s) * 1000))
        key = load_pem_private_key(self.key_file.read_bytes(), password=None)
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        signature = base64.b64encode(key.sign(f"{stamped}{method}{path}".encode())).decode()
        named = {"KEY": self.key_id, "TIMESTAMP": stamped, "SIGNATURE": signature}
        return {f"KALSHI-ACCESS-{name}": value for name, value in named.items()}

    def say(self, method: str, path: str, said: Said | None = None, **query: object) -> tuple[int, Any]:
        """Send a request, and return status and body."""
        url = f"{self.served.url}{ROOT}{path}{'?' if query else ''}{urllib.parse.urlencode(query)}"
        body = None if said is None else json.dumps(said).encode()
        request = urllib.request.Request(url, data=body, method=method, headers=self.headers(method, ROOT + path))
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, read(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, read(error.read())
        except urllib.error.URLError as error:
            raise error.reason if isinstance(error.reason, OSError) else error from None

    def get(self, path: str, **query: object) -> Any:
        """Ask, and be answered."""
        status, body = self.say("GET", path, **query)
        assert status == 200, body
        return body

    def order(self, ticker: str, side: str, price: str, count: str, **more: object) -> Said:
        """Write an order."""
        return {
            "ticker": ticker,
            "side": side,
            "price": price,
            "count": count,
            "client_order_id": f"order-{next(self.names)}",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            **more,
        }

    def place(self, ticker: str, side: str, price: str, count: str, **more: object) -> Said:
        """Place an order, and return what is answered."""
        status, body = self.say("POST", ORDERS, self.order(ticker, side, price, count, **more))
        assert status == 201, body
        return body

    def best(self, ticker: str) -> tuple[str, str]:
        """Return the best bid and offer of a market, as prices of yes."""
        book = self.get(f"/markets/{ticker}/orderbook")["orderbook_fp"]
        bid, no = book["yes_dollars"][-1][0], book["no_dollars"][-1][0]
        return bid, f"{1 - float(no):.4f}"

    @contextmanager
    def listening(self, *channels: str, **params: object) -> Iterator[Ear]:
        """Listen to channels."""
        headers = self.headers("GET", "/trade-api/ws/v2")
        with connect(self.served.ws_url, additional_headers=headers, compression=None, max_queue=None) as connection:
            connection.send(json.dumps({"id": 1, "cmd": "subscribe", "params": {"channels": list(channels), **params}}))
            yield Ear(connection)


@dataclass
class Ear:
    """One connection to the stream, and all that it heard."""

    connection: ClientConnection
    heard: list[Said] = field(default_factory=list)

    def until(self, enough: Callable[[list[Said]], bool], *, seconds: float = 10) -> list[Said]:
        """Listen until there is enough, or fail."""
        end_s = time.monotonic() + seconds
        while not enough(self.heard):
            try:
                self.heard.append(json.loads(self.connection.recv(timeout=max(0.01, end_s - time.monotonic()))))
            except TimeoutError:
                raise AssertionError(f"not enough in {self.heard}") from None
        return self.heard

    def messages(self, kind: str, number: int = 1) -> list[Said]:
        """Listen until so many messages of a kind came, and return them."""
        self.until(lambda heard: sum(one["type"] == kind for one in heard) >= number)
        return [one["msg"] for one in self.heard if one["type"] == kind]

    def quiet(self, seconds: float = 0.3) -> list[Said]:
        """Listen for a while."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            try:
                self.heard.append(json.loads(self.connection.recv(timeout=left_s)))
            except TimeoutError:
                break
        return self.heard


def read(body: bytes) -> Any:
    """Return a body as JSON where it is some."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode()
