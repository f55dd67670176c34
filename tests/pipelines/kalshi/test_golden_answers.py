"""Every answer of production that others recorded in January 2026: read, refused in words, or none of our business."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest

from pipelines.kalshi.candles import parse_candles
from pipelines.kalshi.markets import parse_market_payloads
from pipelines.kalshi.trades import parse_trades
from pipelines.payload import Parsed, Payload

RECEIVED_UTC = datetime(2026, 1, 15, tzinfo=UTC)
READERS: dict[str, Callable[[Sequence[Payload]], Iterator[Parsed]]] = {
    "candles": parse_candles,
    "trades": parse_trades,
    "listing": parse_market_payloads,
}

OTHER_PRODUCT = "is another product"
ACCOUNT = "account data, not market data"
PICTURES = "names and pictures of events, not market data"
SPORTS = "sports, not weather"
COMBOS = "combinations of other markets, not markets"

# file: (reader, what became of its records), or why nobody reads it
GOLDEN: dict[str, tuple[str, dict[str, int]] | str] = {
    "series_candlesticks": ("candles", {OTHER_PRODUCT: 90}),
    "candlesticks_batch": ("candles", {OTHER_PRODUCT: 90}),
    "event_candlesticks": ("candles", {OTHER_PRODUCT: 90}),
    "trades_list": ("trades", {OTHER_PRODUCT: 5}),
    "market_single": ("listing", {OTHER_PRODUCT: 1}),
    "markets_list": ("listing", {OTHER_PRODUCT: 5}),
    "event_single": ("listing", {OTHER_PRODUCT: 1}),
    "events_list": ("listing", {}),
    "events_multivariate_list": ("listing", {}),
    "series_single": ("listing", {}),
    "series_list": ("listing", {}),
    "series_fee_changes": ("listing", {}),
    "exchange_status": "read where the exchange's state is asked for",
    "exchange_schedule": "read where the exchange's state is asked for",
    "orderbook": "read where order books are",
    "exchange_announcements": "news of the exchange, empty, and gone since 2026-07",
    "incentive_programs": "rewards for liquidity, not market data",
    "event_metadata": PICTURES,
    "tags_by_categories": PICTURES,
    "structured_target_single": SPORTS,
    "structured_targets_list": SPORTS,
    "filters_by_sport": SPORTS,
    "live_data_batch": SPORTS,
    "live_data_milestone": SPORTS,
    "milestone_single": SPORTS,
    "milestones_list": SPORTS,
    "multivariate_event_collection_lookup_tickers": COMBOS,
    "multivariate_event_collection_single": COMBOS,
    "multivariate_event_collections_list": COMBOS,
    "amend_order": ACCOUNT,
    "batch_cancel_orders": ACCOUNT,
    "batch_create_orders": ACCOUNT,
    "cancel_order": ACCOUNT,
    "create_order": ACCOUNT,
    "decrease_order": ACCOUNT,
    "order_group_create": ACCOUNT,
    "order_group_delete": ACCOUNT,
    "order_group_reset": ACCOUNT,
    "order_group_single": ACCOUNT,
    "order_groups_list": ACCOUNT,
    "order_queue_position": ACCOUNT,
    "order_queue_positions": ACCOUNT,
    "portfolio_balance": ACCOUNT,
    "portfolio_fills": ACCOUNT,
    "portfolio_order_single": ACCOUNT,
    "portfolio_orders": ACCOUNT,
    "portfolio_positions": ACCOUNT,
    "portfolio_settlements": ACCOUNT,
    "portfolio_total_resting_order_value": ACCOUNT,
    "user_data_timestamp": ACCOUNT,
    "_recording_summary": "a note of the recorder",
}
READ = {name: outcome for name, outcome in GOLDEN.items() if isinstance(outcome, tuple)}
SKIPPED = sorted(GOLDEN.keys() - READ.keys())


def answer_of(folder, name):
    """Return what the exchange answered, without what the recorder put around it."""
    path = folder / f"{name.removesuffix('_response')}.json"
    path = path if path.exists() else folder / f"{name}_response.json"
    body = json.dumps(json.loads(path.read_text())["response"]).encode()
    return Payload(kind=f"kalshi_{name}", body=body, received_utc=RECEIVED_UTC)


def refused(reader, payload):
    """Return the rules by which a reader refused a payload, and that it kept nothing else."""
    parsed = list(reader([payload]))
    assert [0] * len(parsed) == [one.frame.height for one in parsed]
    return [rule for one in parsed for rule in one.refused["rule"]]


def test_the_table_names_every_recorded_file(recorded):
    """Nothing that was recorded is passed over in silence."""
    names = {
        path.name.removesuffix(".json").removesuffix("_response") for path in recorded("kalshi_golden").glob("*.json")
    }

    assert names == GOLDEN.keys()


@pytest.mark.parametrize("name", READ)
def test_an_answer_is_read_and_its_records_refused_in_words(recorded, name):
    """The archive holds no weather: every record is another product, and said to be one."""
    reader, outcome = READ[name]

    rules = refused(READERS[reader], answer_of(recorded("kalshi_golden"), name))

    assert outcome == Counter(next((said for said in outcome if said in rule), rule) for rule in rules)


@pytest.mark.parametrize("name", SKIPPED)
@pytest.mark.parametrize("reader", READERS)
def test_an_answer_that_is_none_of_our_business_is_refused_by_every_reader(recorded, name, reader):
    """Handed to the wrong reader, it ends among the refused with one reason, and is never a row."""
    payload = answer_of(recorded("kalshi_golden"), name)

    (rule,) = refused(READERS[reader], payload)

    assert rule.startswith(("the answer holds no", "the answer lists no"))
