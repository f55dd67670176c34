"""The national archive over the demo world: it has not collected these days yet, so every answer is empty."""

from __future__ import annotations

from pipelines.demo.wire.answers import Answer, Ask, Rejected, as_json


def answer(ask: Ask) -> Answer:
    """Answer one question; only daily summaries are known at all."""
    if ask.one("dataset") != "daily-summaries":
        raise Rejected(as_json({"errorMessage": "Invalid dataset", "errorCode": 400}, status=400))
    return as_json([])
