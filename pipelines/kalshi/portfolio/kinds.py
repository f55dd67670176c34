"""The kinds of answers that are about an account: they steer who trades and fill no table of the lake."""

from __future__ import annotations

ASKED = frozenset(
    {
        *("kalshi_orders", "kalshi_order", "kalshi_queue_positions", "kalshi_queue_position", "kalshi_balance"),
        *("kalshi_positions", "kalshi_fills", "kalshi_settlements", "kalshi_order_groups", "kalshi_order_group"),
        *("kalshi_user_data_timestamp", "kalshi_account_limits"),
    }
)
"""Answers to questions."""

DONE = frozenset(
    {
        *("kalshi_create", "kalshi_create_batch", "kalshi_cancel", "kalshi_cancel_batch", "kalshi_cancel_all"),
        *("kalshi_amend", "kalshi_decrease", "kalshi_group_create", "kalshi_group_limit", "kalshi_group_trigger"),
        *("kalshi_group_reset", "kalshi_group_delete"),
    }
)
"""Answers to what was to be done."""

OF_ACCOUNTS = ASKED | DONE
