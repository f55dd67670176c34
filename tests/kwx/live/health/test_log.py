"""Logs: a line is JSON with its fields, is readable for people, never tells a secret, and files stay small."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from kwx.live.health.log import logging_to, tell
from kwx.live.health.redact import Redactor

LOGGER = logging.getLogger("kwx.live.test")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_has_its_event_and_its_fields(tmp_path):
    """In the file as JSON, on stderr for people."""
    people = io.StringIO()

    with logging_to(tmp_path / "live.jsonl", redact=Redactor(), stream=people) as path:
        tell(LOGGER, "decided", minute=datetime(2026, 11, 2, 15, 1, tzinfo=UTC), orders=3, seconds=0.0214)

    (line,) = lines(path)
    assert ("info", "kwx.live.test", "decided", 3) == tuple(line[name] for name in ("level", "room", "event", "orders"))
    assert "2026-11-02T15:01:00+00:00" == line["minute"]
    assert people.getvalue().endswith("Z decided minute=2026-11-02T15:01:00Z orders=3 seconds=0.0214\n")


def test_rooms_below_and_libraries_beside_are_heard(tmp_path):
    """Ours from information up, those of others from warnings up."""
    with logging_to(tmp_path / "live.jsonl", redact=Redactor(), stream=io.StringIO()) as path:
        logging.getLogger("pipelines.http").info("asked %s", "a page")
        logging.getLogger("a_library").info("not told")
        logging.getLogger("a_library").warning("told")

    assert ["asked a page", "told"] == [line["event"] for line in lines(path)]


def test_an_error_is_told_with_its_traceback_and_without_its_secrets(tmp_path):
    """Whatever the message, the arguments and the chain of errors say."""
    people = io.StringIO()
    redact = Redactor.of_environment({"VISUAL_CROSSING_API_KEY": "planted-key-77"})

    with logging_to(tmp_path / "live.jsonl", redact=redact, stream=people) as path:
        try:
            try:
                raise OSError("GET https://vc/x?key=planted-key-77")
            except OSError as error:
                raise ValueError("password=planted-pw-88 is wrong") from error
        except ValueError:
            LOGGER.exception("the feed %s failed", "planted-key-77")

    told = path.read_text() + people.getvalue()
    assert "planted" not in told
    assert "Traceback" in lines(path)[0]["error"]
    assert "ValueError" in people.getvalue()


def test_files_are_turned_over_at_their_size(tmp_path):
    """The newest line is there, and all files together stay within what was said."""
    with logging_to(tmp_path / "live.jsonl", redact=Redactor(), megabytes=0.01, files=3, stream=io.StringIO()) as path:
        for number in range(600):
            tell(LOGGER, "line", number=number, filler="x" * 40)

    files = sorted(tmp_path.iterdir())
    assert 3 == len(files)
    assert 599 == lines(path)[-1]["number"]
    assert all(file.stat().st_size <= 10_200 for file in files)


def test_afterwards_nothing_is_logged_there(tmp_path):
    """The block is over: levels and handlers are as before."""
    before = logging.getLogger("kwx").level
    with logging_to(tmp_path / "live.jsonl", redact=Redactor(), stream=io.StringIO()) as path:
        pass

    tell(LOGGER, "late", level=logging.ERROR)

    assert (before, "") == (logging.getLogger("kwx").level, path.read_text())


@pytest.mark.parametrize("name", ["password", "kalshi_access_signature", "DB_SECRET", "authorization"])
def test_a_field_of_a_secret_name_is_masked(tmp_path, name):
    """Whatever it holds."""
    people = io.StringIO()
    with logging_to(tmp_path / "live.jsonl", redact=Redactor(), stream=people) as path:
        tell(LOGGER, "asked", **{name: "in two words"})

    assert "***" == lines(path)[0][name]
    assert "words" not in people.getvalue()
