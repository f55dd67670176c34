"""Text products through one door: each to its reader, everything recorded parsed or refused for a stated reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.nws_text import parse_nws_text

_RECEIVED = datetime(2026, 11, 1, tzinfo=UTC)


def _parsed(body: bytes, **asked: str) -> list[Parsed]:
    kind = "iem_afos" if asked else "nws_text"
    return list(parse_nws_text([Payload(kind=kind, asked=asked, body=body, received_utc=_RECEIVED)]))


@pytest.mark.parametrize("folder", ["nws_text", "cli_2026"])
def test_every_recorded_product_is_parsed_or_refused_for_a_reason(recorded: Callable, folder):
    """No recorded text vanishes: each gives rows or says why not."""
    for path in sorted(recorded(folder).glob("*.txt")):
        parsed = _parsed(path.read_bytes())

        assert sum(one.frame.height + one.refused.height for one in parsed) > 0, path.name
        assert all(rule for one in parsed for rule in one.refused["rule"]), path.name


def test_only_central_park_of_the_recorded_archive_is_ours(recorded: Callable):
    """Of thirty reports of all the country one is of a city in the registry."""
    paths = sorted(recorded("nws_text").glob("CLI*.txt"))

    frames = [_parsed(path.read_bytes())[0].frame for path in paths]

    assert [("nyc", 33)] == [row for frame in frames for row in frame.select("city", "high_f").rows()]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"<html><body>Too busy</body></html>\n", "no heading of the Weather Service above it"),
        (b"FXUS63 KLOT 160646\nAFDLOT\nno climate\n", "asked for CLIMDW, it is 'AFDLOT'"),
        (b"CDUS43 KLOT 160646\nCLIORD\nno climate\n", "asked for CLIMDW, it is 'CLIORD'"),
        (b"CDUS43 KLOT 160646\nCLIMDW\nno climate\n", "no headline names place and day"),
        (b"\xff\xfe\x00CDUS43", "no heading of the Weather Service above it"),
    ],
)
def test_an_answer_that_is_not_the_product_is_refused(body, rule):
    """HTML, another product or damage gives no row, and a reason."""
    (parsed,) = _parsed(body, pil="CLIMDW", city="chicago")

    assert parsed.frame.is_empty()
    assert rule in parsed.refused["rule"][0]


def test_an_archive_that_found_nothing_is_no_error():
    """No issuance in the window is an empty answer, said in words."""
    (parsed,) = _parsed(b"ERROR: Could not Find: CF6MDW", pil="CF6MDW", city="chicago")

    assert (0, 0) == (parsed.frame.height, parsed.refused.height)
