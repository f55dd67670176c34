"""An address on this machine: /metrics for Prometheus, /healthz for whoever keeps the process running."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from kwx.live.health.loopback import Answering, LoopbackServer

MOST_THREADS = 4
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json; charset=utf-8"

Healthy = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether the loop is well, and what the health file says."""


class HealthServer(LoopbackServer):
    """The address, while it is open; port 0 is any free one."""

    def __init__(self, metrics: Callable[[], str], healthy: Healthy, *, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"metrics": staticmethod(metrics), "healthy": staticmethod(healthy)})
        super().__init__(handler, port=port, threads=MOST_THREADS, name="health")


class _Handler(Answering, BaseHTTPRequestHandler):
    metrics: Callable[[], str]
    healthy: Healthy

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
        self.answer(status, kind, text.encode())
