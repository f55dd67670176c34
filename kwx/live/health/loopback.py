"""Servers on this machine alone: a few threads, each of which gives up on a caller that does not come to the point."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
_PATIENCE_S = 5.0


class LoopbackServer:
    """An address of this machine, while it is open; port 0 is any free one."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], *, port: int, threads: int, name: str) -> None:
        self._server = _BoundedServer((HOST, port), handler, threads)
        self._thread = threading.Thread(target=self._server.serve_forever, name=name, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer no more, and let go of the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(_PATIENCE_S)
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _BoundedServer(ThreadingHTTPServer):
    """A server of so many threads; a caller beyond them is sent away at once."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], threads: int) -> None:
        self._room = threading.BoundedSemaphore(threads)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread where there is one."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system gives no more threads
            self._room.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one caller, then make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say little of a caller who went away."""
        logger.debug("a caller went away", exc_info=True)


class Answering(BaseHTTPRequestHandler):
    """What answers one caller: it says little of itself, and logs nothing."""

    timeout = _PATIENCE_S
    server_version = "kwx"
    sys_version = ""

    def answer(
        self, status: HTTPStatus, kind: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        """Send one whole answer and be done; to a HEAD its headers alone."""
        self.send_response(status)
        said = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {}), "Connection": "close"}
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of a look."""
