"""HTTP on 127.0.0.1: connections, what every question passes before a vendor answers it, and how an answer leaves."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pipelines.demo.wire.answers import Answer, Ask, Door, Rejected, as_json, as_text, asked
from pipelines.demo.wire.faults import HttpFaults
from warehouse.clock import Clock, utc_now

logger = logging.getLogger(__name__)

HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

_BROKEN = as_text("Internal Server Error", status=500)
_AWAY = as_text("Service Unavailable", status=503)
_NOT_CANCELLED = {"error": {"code": "cancel_rejected", "message": "the cancel was rejected"}}
_INSTEAD = {
    "http_500": _BROKEN,
    "order_500": _BROKEN,
    "http_503": _AWAY,
    "order_503": _AWAY,
    "http_html": Answer(body=HTML, content_type="text/html"),
    "cancel_rejected": as_json(_NOT_CANCELLED, status=409),
}
"""What some faults say instead of an answer."""


class Counted:
    """A number that many threads raise."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def one(self) -> None:
        """Count one."""
        with self._lock:
            self.total += 1


@dataclass(frozen=True, kw_only=True)
class Front:
    """What every question passes before a vendor answers it: faults, and the vendor's own welcome.

    `doors` are by the beginning of the path, the more particular first; one of them takes every path.
    """

    doors: Mapping[str, Door]
    faults: HttpFaults
    hang_seconds: float
    counted: Counted
    takes_orders: bool = False
    skew: timedelta = timedelta()
    clock: Clock = utc_now
    stopping: threading.Event = field(default_factory=threading.Event)

    def answer(self, ask: Ask) -> Answer:
        """Answer one question, whatever becomes of it."""
        try:
            door = self._door(ask)
            door.welcome(ask)
            return door.answer(ask)
        except Rejected as rejected:
            return rejected.answer
        except Exception:
            logger.exception("the demo server failed on %s", ask.path)
            return as_json({"error": {"code": "internal_server_error", "message": "internal server error"}}, status=500)

    def _door(self, ask: Ask) -> Door:
        return next(door for prefix, door in self.doors.items() if ask.path.startswith(prefix))

    def stricken(self, fault: str, ask: Ask) -> Answer | None:
        """Return what a fault makes of an answer; None is silence."""
        if fault in _INSTEAD:
            return _INSTEAD[fault]
        if fault.endswith("_429"):
            return self._door(ask).too_many
        if fault.startswith("order_"):
            return self._command_stricken(fault, ask)
        self.stopping.wait(self.hang_seconds)
        return None

    def _command_stricken(self, fault: str, ask: Ask) -> Answer | None:
        """Return what a fault makes of the answer to a command, which may be carried out all the same."""
        if fault != "order_lost_before":
            self.answer(ask)
        return _BROKEN if fault == "order_500_after" else None


class LoopbackServer(ThreadingHTTPServer):
    """A server whose connections end with it."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], front: Front) -> None:
        self.front = front
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left in the middle of an answer."""
        logger.debug("a client of the demo server left", exc_info=True)

    def hang_up(self) -> None:
        """Wake every connection that is waiting, so that its thread ends."""
        self.front.stopping.set()
        with self._lock:
            for request in self._open:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # gone already


class _Handler(BaseHTTPRequestHandler):
    """One connection; an answer leaves in one piece, because two would wait for each other's acknowledgement."""

    protocol_version = "HTTP/1.1"
    server_version = "demo"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def do_GET(self) -> None:
        """Answer one question, or let a fault have it."""
        self._answer(None if self._where == "/" else self.server.front.faults.strike(self.path))

    def do_POST(self) -> None:
        """Carry one command out, or let a fault have it, where orders are taken at all."""
        front = self.server.front
        if not front.takes_orders:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED, f"Unsupported method ({self.command!r})")
            return
        kinds = (
            ("cancel", "order", "http") if self.command == "DELETE" and "/orders" in self._where else ("order", "http")
        )
        struck = (front.faults.strike(f"{self.command} {self.path}", kind=kind) for kind in kinds)
        self._answer(next((fault for fault in struck if fault is not None), None))

    def do_PUT(self) -> None:
        """Carry one command out."""
        self.do_POST()

    def do_DELETE(self) -> None:
        """Carry one command out."""
        self.do_POST()

    @property
    def _where(self) -> str:
        return self.path.partition("?")[0]

    def _answer(self, fault: str | None) -> None:
        front = self.server.front
        front.counted.one()
        ask = asked(
            self.path,
            headers=dict(self.headers.items()),
            client=self.client_address[0],
            method=self.command,
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        spared = fault is None or fault == "http_truncated"
        answer = front.answer(ask) if spared else front.stricken(str(fault), ask)
        if answer is None:
            self.close_connection = True
            return
        self._write(answer, cut=fault == "http_truncated")

    def _write(self, answer: Answer, *, cut: bool) -> None:
        head = (
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
            f"Server: {self.version_string()}\r\nDate: {self.date_time_string(self._said_s())}\r\n"
            f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
        )
        body = answer.body[: len(answer.body) // 2] if cut else answer.body
        self.close_connection = self.close_connection or cut
        self.wfile.write(head.encode() + body)

    def _said_s(self) -> float:
        return (self.server.front.clock() + self.server.front.skew).timestamp()

    def log_message(self, format: str, *args: object) -> None:
        """Leave requests to the debug log: a path can hold a key."""
        logger.debug("answered %s", self._where if hasattr(self, "path") else "")


@contextmanager
def running(http: LoopbackServer) -> Iterator[LoopbackServer]:
    """Run a server in a thread, and stop it with all its connections."""
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, name="demo-http", daemon=True)
    thread.start()
    try:
        yield http
    finally:
        http.shutdown()
        http.hang_up()
        http.server_close()
        thread.join()
