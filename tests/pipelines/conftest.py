"""A vendor of one's own on 127.0.0.1 that answers as it is told, clients for it, and keys."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipelines.archive import RawArchive
from pipelines.asking.secrets import Secret, Secrets
from pipelines.http import Client, Patience
from pipelines.vendors import loopback

NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)
QUICK = Patience(
    connect_s=2, read_s=0.3, answer_s=0.6, attempts=4, first_wait_s=0.001, longest_wait_s=0.002, total_s=10
)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the vendor does with one request: answer, hang, cut the answer short, or send it drop by drop."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    hangs: bool = False
    cut_after: int | None = None
    drips: bool = False


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One request as the vendor heard it."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass(kw_only=True)
class ScriptedVendor:
    """Gives its replies one by one, the last for ever, and remembers every request."""

    replies: list[Reply] = field(default_factory=lambda: [Reply()])
    heard: list[Heard] = field(default_factory=list)
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def will(self, *replies: Reply) -> None:
        """Say what comes next."""
        self.replies = list(replies)

    def next_reply(self) -> Reply:
        """Return what the next request gets."""
        with self.lock:
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def _handler(vendor: ScriptedVendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PUT(self) -> None:
            self.answer()

        def do_DELETE(self) -> None:
            self.answer()

        def answer(self) -> None:
            parts = urlsplit(self.path)
            vendor.heard.append(
                Heard(
                    path=parts.path,
                    query=parse_qs(parts.query),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    method=self.command,
                    body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
                )
            )
            reply = vendor.next_reply()
            if reply.hangs:
                vendor.over.wait(10)
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            if reply.drips:
                for place in range(len(reply.body)):
                    self.wfile.write(reply.body[place : place + 1])
                    if vendor.over.wait(0.05):
                        break
                return
            self.wfile.write(reply.body[: reply.cut_after])
            self.close_connection = reply.cut_after is not None

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, *_: object) -> None:
        """A client that hung up is part of the tests."""


@pytest.fixture
def scripted() -> Iterator[ScriptedVendor]:
    """A vendor on 127.0.0.1 that answers as it is told."""
    vendor = ScriptedVendor()
    server = _Quiet(("127.0.0.1", 0), _handler(vendor))
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield vendor
    vendor.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[RawArchive]:
    """A raw archive at noon."""
    with RawArchive(folder=tmp_path / "raw", run_id="run", clock=lambda: NOON) as kept:
        yield kept


@pytest.fixture
def client(scripted: ScriptedVendor, archive: RawArchive) -> Iterator[Callable[..., Client]]:
    """Make clients of the scripted vendor that wait for nothing; changes by name."""
    made: list[Client] = []

    def make(*, secrets: Secrets | None = None, **changes: object) -> Client:
        whole = {"patience": QUICK, "clock": lambda: NOON} | changes
        vendors = loopback(scripted.url, tokens_per_second=100_000)
        made.append(Client(vendors=vendors, secrets=secrets or Secrets(), archive=archive, **whole))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def all_logged() -> Iterator[list[str]]:
    """Everything that anything logs, at the finest level."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), Keep()
    before = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield lines
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture(scope="session")
def private_keys() -> dict[str, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey]:
    """One key of each type that the exchange knows."""
    return {"rsa": rsa.generate_private_key(65537, 2048), "ed25519": ed25519.Ed25519PrivateKey.generate()}


@pytest.fixture
def key_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a private key as the exchange hands it out, for its owner alone."""

    def write(key: object, *, mode: int = 0o600) -> Path:
        path = tmp_path / "kalshi.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def vc_secrets() -> Secrets:
    """A key of Visual Crossing with signs that an address writes otherwise."""
    return Secrets(visual_crossing_key=Secret("VCKEY/0+7 secret"))


@pytest.fixture
def reply() -> Callable[..., Reply]:
    """Make replies: a body, or what becomes one as JSON."""

    def make(body: object = None, **changes: object) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return Reply(body=content, **changes)

    return make
