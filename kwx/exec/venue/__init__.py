"""What stands between a decision of the step and the exchange: journal, orders, limits, reconciliation, kill switch."""

from __future__ import annotations
