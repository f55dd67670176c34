"""How a calibrator was chosen, as the table calibrators keeps it: plain numbers that JSON holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kwx.models.calibration.choice import Choice
from kwx.scoring.reliability import Reliability
from kwx.scoring.resampling import Estimate


def metrics_of(choice: Choice, *, asked: Mapping[str, Any], snapshot: int) -> dict[str, Any]:
    """Return how it was chosen: every method's scores with intervals and counts, and the curves' verdicts."""
    methods = {
        one.method: {
            "brier": _plain(one.brier),
            "ece": _plain(one.ece),
            "log_loss": _plain(one.log_loss),
            "gain": None if one.gain is None else asdict(one.gain),
            "log_gain": None if one.log_gain is None else asdict(one.log_gain),
            "numbers": one.numbers,
            "against": one.against,
            "needs_dates": one.needs_dates,
        }
        for one in choice.judged
    }
    return {
        "chosen": choice.method,
        "asked": asked["method"],
        "snapshot": snapshot,
        "every_minutes": asked["every_minutes"],
        "seed": asked["seed"],
        "level": choice.level,
        "rows": choice.rows,
        "dates": len(choice.days),
        "judged_rows": choice.judged_rows,
        "judged_dates": len(choice.judged_days),
        "judged_since": choice.judged_days[0].isoformat(),
        "methods": methods,
        "before": _verdict(choice.before),
        "after": _verdict(choice.after),
    }


def _plain(one: Estimate) -> dict[str, float | None]:
    return {
        name: None if math.isnan(value) else value
        for name, value in (("value", one.value), ("low", one.low), ("high", one.high))
    }


def _verdict(found: Reliability) -> dict[str, Any]:
    return {"inside_band": found.inside, "p_value": found.p_value, "miscalibration": found.brier.miscalibration}
