"""The page at an address of this machine, made anew when something is new; a browser that shows it follows by itself.

The browser asks again by the header `Refresh`, so the page needs no script, and is told 304 while nothing is new.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from kwx.live.health.file import health_path, read_health
from kwx.live.health.loopback import HOST, Answering, LoopbackServer
from kwx.monitor.look import Wish
from kwx.monitor.nightly_report import report_path
from kwx.monitor.page import page_of
from warehouse.clock import Clock, utc_now
from warehouse.errors import KwxError, Usage
from warehouse.lake.store import Lake

MOST_THREADS = 4
_ANEW_MINUTES = 15
"""Ages go on where nothing else does, so a page is made anew after so long."""
_SLICE_S = 0.2
_HTML, _TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
_NAMES = (HOST, "localhost")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The page that is shown now, and its tag."""

    body: bytes
    tag: str

    @classmethod
    def of(cls, html: str) -> Self:
        """Return a page with the tag that its bytes have."""
        body = html.encode()
        return cls(body=body, tag=f'"{hashlib.sha256(body).hexdigest()[:24]}"')


class PageServer:
    """The page of a lake at an address, while it is open; port 0 is any free one."""

    def __init__(
        self, lake: Lake, wish: Wish, *, port: int = 0, every_s: float = 30.0, clock: Clock = utc_now
    ) -> None:  # fmt: skip
        self._lake, self._wish, self._every_s, self._clock = lake, wish, every_s, clock
        self._mark = self._marked()
        self._handler: type[_Handler] = type("Handler", (_Handler,), {"shown": self._made(), "every_s": every_s})
        try:
            self._server = LoopbackServer(self._handler, port=port, threads=MOST_THREADS, name="monitor")
        except OSError as error:
            raise Usage(
                f"port {port} of {HOST} cannot be opened: {error.strerror}", hint="another one: --port N; 0 is any"
            ) from error

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._server.url

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def turns(self, done: threading.Event, *, seconds: float | None = None) -> Iterator[str]:
        """Look for something new until told to stop, or for so long; yield a line for each page that was made."""
        until_s = time.monotonic() + (float("inf") if seconds is None else seconds)
        while self._waited(done, until_s):
            if (told := self.turn()) is not None:
                yield told

    def _waited(self, done: threading.Event, until_s: float) -> bool:
        """Wait for the next look; in slices, because a wait without end can miss a signal."""
        next_s = time.monotonic() + self._every_s
        while (now_s := time.monotonic()) < next_s:
            if done.is_set() or now_s >= until_s:
                return False
            done.wait(min(_SLICE_S, next_s - now_s))
        return not done.is_set() and time.monotonic() < until_s

    def turn(self) -> str | None:
        """Look once; make the page anew where something is new. While it cannot be made the old one stays."""
        try:
            mark = self._marked()
            if mark == self._mark:
                return None
            began_s = time.perf_counter()
            self._handler.shown = self._made()
            self._mark = mark
        except KwxError as error:
            return f"the page of before is kept: {error}"
        return f"snapshot {self._lake.current_number()}: made anew in {time.perf_counter() - began_s:.1f} s"

    def _made(self) -> Shown:
        return Shown.of(page_of(self._lake, self._wish, moment=self._clock()).html)

    def _marked(self) -> Hashable:
        """Return what is other when a page would say something else."""
        return (
            self._lake.current_number(), self._loop_mark(), _changed_ns(report_path(self._lake.paths.root)),
            _part_of_hour(self._clock()),
        )  # fmt: skip

    def _loop_mark(self) -> Hashable:
        """Return what the page says of the live loop, which writes its file at every look."""
        try:
            health = read_health(health_path(self._lake)) or {}
        except KwxError as error:
            return str(error)
        return str([health.get(name) for name in ("state", "alerts", "why", "is_killed", "event_dates")])


class _Handler(Answering, BaseHTTPRequestHandler):
    shown: ClassVar[Shown]
    every_s: ClassVar[float]
    protocol_version = "HTTP/1.1"  # browsers keep no tag of an answer of 1.0

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if not self._is_ours():
            self.answer(HTTPStatus.FORBIDDEN, _TEXT, b"this address is for this machine alone\n")
        elif path == "/":
            self._show()
        elif path == "/favicon.ico":
            self.answer(HTTPStatus.NO_CONTENT, _TEXT, b"")
        else:
            self.answer(HTTPStatus.NOT_FOUND, _TEXT, b"the page is at /\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _is_ours(self) -> bool:
        """Tell whether the caller named this machine: a foreign name that leads here is somebody else's page."""
        return urlsplit(f"//{self.headers.get('Host', '')}").hostname in _NAMES

    def _show(self) -> None:
        shown = type(self).shown
        headers = {
            "ETag": shown.tag, "Cache-Control": "no-cache", "Refresh": f"{type(self).every_s:g}",
            "Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff",
        }  # fmt: skip
        if self.headers.get("If-None-Match") == shown.tag:
            self.answer(HTTPStatus.NOT_MODIFIED, _HTML, b"", headers)
        else:
            self.answer(HTTPStatus.OK, _HTML, shown.body, headers)


def _changed_ns(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _part_of_hour(moment: datetime) -> int:
    return int(moment.timestamp() // (60 * _ANEW_MINUTES))
