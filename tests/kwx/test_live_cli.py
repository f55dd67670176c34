"""`kwx live` and `kwx shadow` as a person meets them: consents, the kill switch, how the loop is, slips of the hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]

DONE, USAGE, REFUSED = 0, 2, 3


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's keys are at hand."""
    for name in ("KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_FILE", "KWX_POSTGRES_DSN"):
        monkeypatch.delenv(name, raising=False)


def test_no_loop_has_run_here(command: Command, hazard_lake: Path) -> None:
    code, _, error = command("live", "status", "--lake", hazard_lake)
    assert (code, "no loop has run here" in error) == (REFUSED, True)


def test_kill_makes_the_file_and_says_that_nothing_could_be_cancelled_without_a_key(
    command: Command, own_lake: Path
) -> None:
    code, out, _ = command("live", "kill", "--reason", "a test", "--lake", own_lake)
    assert (code, "sends nothing" in out) == (DONE, True)
    assert "a test" in (own_lake / "live" / "KILL").read_text()


def test_orders_need_both_words_and_the_phrase(command: Command, own_lake: Path, tmp_path: Path) -> None:
    said = ("live", "--mode", "live", "--city", "chicago", "--lake", own_lake)
    code, _, error = command(*said)
    assert (code, "trade_mode: live" in error) == (REFUSED, True)
    config = tmp_path / "live.yaml"
    config.write_text("live: {trade_mode: live}\n")
    code, _, error = command(*said, "--config", config)
    assert (code, "not confirmed" in error, "--confirm" in error) == (REFUSED, True, True)
    code, _, error = command(*said, "--config", config, "--confirm", "yes")
    assert (code, "the phrase is another" in error) == (REFUSED, True)
    code, _, error = command(*said, "--config", config, "--confirm", "trade on kalshi with 10,000.00 dollars")
    assert (code, "there is no key" in error) == (REFUSED, True)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("--venue", "demo", "--server", "http://127.0.0.1:1"), "--server says nothing"),
        (("--date", "2026-11-05"), "--date says nothing"),
        (("--set", "trade.max_order=5"), "max_order"),
        (("--strategy", "luck"), "luck"),
    ],
)
def test_a_slip_is_told(command: Command, own_lake: Path, said: tuple[str, ...], told: str) -> None:
    code, _, error = command("live", "--city", "chicago", "--lake", own_lake, *said)
    assert (code, told in error) == (USAGE, True), error


def test_a_lake_without_a_fit_is_refused_with_what_to_do(command: Command, demo_lake: Path) -> None:
    code, _, error = command("shadow", "--lake", demo_lake)
    assert (code, "no fit of the weather" in error, "kwx hazard fit-params" in error) == (REFUSED, True, True)


@pytest.mark.parametrize("words", [("live",), ("live", "kill"), ("live", "status"), ("shadow",)])
def test_help_has_an_example(command: Command, words: tuple[str, ...]) -> None:
    code, out, _ = command(*words, "--help")
    assert (code, "Example:" in out) == (DONE, True)


def test_a_demo_day_needs_no_postgres(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the wheel is missing the day is lived all the same, and it is said that signals are not stored."""
    from kwx.cli.lived import _own_postgres
    from kwx.live.sink import embedded

    monkeypatch.setattr(embedded, "is_installed", lambda: False)
    assert _own_postgres(Path("day")) is None
    assert "journalled, not stored" in capsys.readouterr().err
