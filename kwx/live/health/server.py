"""An address on this machine: /metrics for Prometheus, /healthz for whoever keeps the process running.

It answers in a few threads, each of which gives up on a caller that does not come to the point.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
MOST_THREADS = 4
_PATIENCE_S = 5.0
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json; charset=utf-8"

Healthy = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether the loop is well, and what the health file says."""


class HealthServer:
    """The address, while it is open; port 0 is any free one."""

    def __init__(self, metrics: Callable[[], str], healthy: Healthy, *, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"metrics": staticmethod(metrics), "healthy": staticmethod(healthy)})
        self._server = _BoundedServer((HOST, port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

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

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._room = threading.BoundedSemaphore(MOST_THREADS)
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
        logger.debug("a caller of the health address went away", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    metrics: Callable[[], str]
    healthy: Healthy
    timeout = _PATIENCE_S
    server_version = "kwx"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, _TEXT, type(self).metrics())
        elif path == "/healthz":
            well, said = type(self).healthy()
            status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, _JSON, json.dumps(said, default=str) + "\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, _TEXT, "here are /metrics and /healthz\n")

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of a look at the numbers."""
