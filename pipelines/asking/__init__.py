"""What a question passes on its way through `pipelines.http`: keys, budget, rate, breaker, and a verdict at the end."""

from __future__ import annotations
