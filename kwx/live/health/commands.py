"""The command of an alert: run beside the loop, never waited for, without keys, and ended when it takes too long."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
from dataclasses import asdict

from kwx.config.live import AlertRule
from kwx.live.health.alerts import Alert
from kwx.live.health.log import tell

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 4
_PATIENCE_S = 30.0
_KEYS = ("KALSHI_", "VISUAL_CROSSING_", "KWX_POSTGRES_DSN", "PG")


class Commands:
    """Runs the commands of alerts, a few at once; one for which there is no room is left out, and that is told."""

    def __init__(self, *, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)

    def run(self, rule: AlertRule, alert: Alert) -> None:
        """Run a rule's command with the alert as its last argument, in JSON."""
        if not self._room.acquire(blocking=False):
            tell(logger, "alert command left out", level=logging.WARNING, name=rule.name, why="too many still run")
            return
        told = json.dumps(asdict(alert), default=str)
        threading.Thread(target=self._wait, args=(rule.name, [*rule.command, told]), name="alert", daemon=True).start()

    def _wait(self, name: str, command: list[str]) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_KEYS)}
        try:
            done = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=self._patience_s, check=False, start_new_session=True,
            )  # fmt: skip
            if done.returncode:
                tell(logger, "alert command failed", level=logging.WARNING, name=name, exit=done.returncode)
        except (OSError, subprocess.TimeoutExpired) as error:
            tell(logger, "alert command failed", level=logging.WARNING, name=name, why=type(error).__name__)
        finally:
            self._room.release()
