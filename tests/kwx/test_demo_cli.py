"""`kwx demo serve --trading`: a world at which orders are taken, as a user starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_world_in_which_nothing_trades_takes_no_orders(kwx, tmp_path):
    """Without an instant all of it is over."""
    done = kwx("demo", "serve", "--trading", "--key-file", str(tmp_path / "key.pem"))

    assert 2 == done.returncode
    assert "--trading needs --now" in done.stderr


def test_a_world_takes_orders(tmp_path):
    """It says so, and with how much money; whoever has no key is asked for one."""
    words = [
        "demo",
        "serve",
        "--days",
        "1",
        "--until",
        "2026-11-01",
        "--city",
        "chicago",
        "--port",
        "0",
        "--ws-port",
        "0",
    ]
    words += ["--now", "2026-11-01T18:00Z", "--trading", "--cash", "250"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "kwx", *words], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as serving:
        said = [serving.stdout.readline() for _ in range(8)]
        url = re.search(r"http://127\.0\.0\.1:\d+", said[1])[0]
        with urllib.request.urlopen(f"{url}/trade-api/v2/exchange/status", timeout=20) as reply:
            status = json.load(reply)
        unsigned = urllib.request.Request(f"{url}/trade-api/v2/portfolio/events/orders", data=b"{}", method="POST")
        refused = answered(unsigned)
        serving.send_signal(signal.SIGINT)

    assert said[-1] == "the exchange takes orders; the account has $250\n"
    assert status["trading_active"]
    assert 401 == refused


def answered(request: urllib.request.Request) -> int:
    """Return the status with which a request is refused."""
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
