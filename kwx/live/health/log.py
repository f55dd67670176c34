"""Logs: one JSON object a line in a file that is turned over at a size, and the same for people on stderr.

    tell(logger, "decided", minute=minute_utc, orders=3)

Every line goes through the redactor last, errors and their tracebacks too. Lines of all rooms come in, those of the
libraries beside them from warnings up.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from kwx.live.health.redact import LONGEST, Redactor, names_a_secret
from pipelines.asking.secrets import MASK

_FIELDS = "kwx_fields"
_ROOMS = ("kwx", "pipelines", "warehouse")
_BYTES_PER_MB = 1_000_000


def tell(logger: logging.Logger, event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event by its name, with what is to be known of it as fields."""
    logger.log(level, event, extra={_FIELDS: fields})


class JsonLine(logging.Formatter):
    """A record as one line of JSON without secrets."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(self._redact.plain(said), ensure_ascii=False)


class HumanLine(logging.Formatter):
    """A record as a person reads it: time, level where it is not usual, event, fields."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the last line of an error."""
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        fields = "".join(
            f" {name}={MASK if names_a_secret(name) else _told(value)}" for name, value in _fields(record).items()
        )
        error = f"\n  {record.exc_info[1]!r}" if record.exc_info and record.exc_info[1] else ""
        clock = datetime.fromtimestamp(record.created, UTC)
        return self._redact(f"{clock:%H:%M:%S}Z {level}{record.getMessage()}{fields}{error}")[:LONGEST]


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, _FIELDS, {})
    return fields


def _told(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}Z"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@contextmanager
def logging_to(
    path: Path, *, redact: Redactor, megabytes: float = 20, files: int = 5, stream: TextIO | None = None
) -> Iterator[Path]:
    """Log to a file, and to stderr for people, while the block runs; the last files are kept beside it.

    All of them together are no larger than `megabytes` times `files`, and at most one line more each.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    to_file = RotatingFileHandler(
        path, maxBytes=int(megabytes * _BYTES_PER_MB), backupCount=max(files - 1, 1), encoding="utf-8"
    )
    to_file.setFormatter(JsonLine(redact))
    to_people = logging.StreamHandler(sys.stderr if stream is None else stream)
    to_people.setFormatter(HumanLine(redact))
    handlers = (to_file, to_people)
    before = [(name, logging.getLogger(name).level) for name in _ROOMS]
    for name in _ROOMS:
        logging.getLogger(name).setLevel(logging.INFO)
    root = logging.getLogger()
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield path
    finally:
        for handler in handlers:
            root.removeHandler(handler)
        to_file.close()
        for name, level in before:
            logging.getLogger(name).setLevel(level)
