"""The account over HTTP: what is sent, what the exchange's documented answers mean, and what is refused loudly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.asking.secrets import Secret, Secrets
from pipelines.kalshi.portfolio.client import Portfolio
from pipelines.kalshi.portfolio.records import Amendment, Fill, NewOrder, Order, Placed, QueuePosition, Reduced
from warehouse.errors import Ambiguous, Unheard, Unparsable, Usage, VendorDown, VendorRefused

TICKER = "KXHIGHCHI-26OCT04-B72.5"
NAME = "8c35ecb3-328f-4f52-8c7c-0f4b9862f8d1"
ENDS = datetime(2026, 10, 3, 18, 40, tzinfo=UTC)
ORDER = NewOrder(
    client_order_id=NAME,
    market_ticker=TICKER,
    side=1,
    price_ticks=4_100,
    centi=1_000,
    expires_utc=ENDS,
    order_group_id="og-1",
)
ANSWER = {
    "order_id": "o-1",
    "client_order_id": NAME,
    "fill_count": "2.50",
    "remaining_count": "7.50",
    "average_fill_price": "0.410000",
    "average_fee_paid": "0.000000",
    "ts_ms": 1_790_000_000_123,
}
AN_ORDER = {
    "order_id": "o-1", "user_id": "u", "client_order_id": NAME, "ticker": TICKER, "outcome_side": "no",
    "book_side": "ask", "type": "limit", "status": "resting", "yes_price_dollars": "0.4100",
    "no_price_dollars": "0.5900", "fill_count_fp": "2.50", "remaining_count_fp": "7.50", "initial_count_fp": "10.00",
    "taker_fill_cost_dollars": "0.000000", "maker_fill_cost_dollars": "1.475000", "taker_fees_dollars": "0.000000",
    "maker_fees_dollars": "0.010000", "expiration_time": "2026-10-03T18:40:00Z",
    "created_time": "2026-10-03T17:25:00.829382Z", "last_update_time": "2026-10-03T17:26:00Z",
    "self_trade_prevention_type": "taker_at_cross", "order_group_id": "og-1", "cancel_order_on_pause": True,
    "subaccount_number": 0, "exchange_index": 0,
}  # fmt: skip
A_FILL = {
    "fill_id": "9a499d1c", "trade_id": "9a499d1c", "order_id": "849c8d28", "ticker": "KXUST10AD-26JUL30-T4.73",
    "market_ticker": "KXUST10AD-26JUL30-T4.73", "outcome_side": "no", "book_side": "ask", "count_fp": "2.97",
    "yes_price_dollars": "0.1300", "no_price_dollars": "0.8700", "is_taker": False, "fee_cost": "0.000001",
    "created_time": "2026-07-30T04:39:40.458649Z", "ts": 1785386380, "subaccount_number": 0,
}  # fmt: skip


@pytest.fixture
def portfolio(client, private_keys, key_file) -> Callable[..., Portfolio]:
    """Make an account's client of the scripted exchange."""
    secrets = Secrets(kalshi_key_id=Secret("a-key-id"), kalshi_key_file=key_file(private_keys["ed25519"]))
    return lambda: Portfolio(client(secrets=secrets))


def sent(scripted) -> list[tuple[str, str, object]]:
    """Return what was heard: method, path below the root, and body or query."""
    return [
        (
            heard.method,
            heard.path.removeprefix("/trade-api/v2"),
            json.loads(heard.body) if heard.body else {name: values[0] for name, values in heard.query.items()},
        )
        for heard in scripted.heard
    ]


# New orders


def test_an_order_is_written_as_the_exchange_wants_it(scripted, portfolio, reply):
    """Every field of the reference, prices of yes, counts with two decimals, an end in whole seconds."""
    scripted.will(reply(ANSWER, status=201))

    placed = portfolio().create(ORDER)

    body = {
        "ticker": TICKER, "client_order_id": NAME, "side": "bid", "count": "10.00", "price": "0.4100",
        "time_in_force": "good_till_canceled", "expiration_time": 1_791_052_800,
        "self_trade_prevention_type": "taker_at_cross", "post_only": True, "reduce_only": False,
        "cancel_order_on_pause": True, "order_group_id": "og-1", "exchange_index": 0,
    }  # fmt: skip
    assert [("POST", "/portfolio/events/orders", body)] == sent(scripted)
    at = datetime(2026, 9, 21, 14, 13, 20, 123_000, tzinfo=UTC)
    assert (
        Placed(
            order_id="o-1",
            client_order_id=NAME,
            filled_centi=250,
            remaining_centi=750,
            average_price_micros=410_000,
            average_fee_micros=0,
            at_utc=at,
        )
        == placed
    )


def test_what_takes_neither_rests_nor_ends(scripted, portfolio, reply):
    """Immediate-or-cancel, without an end; one with an end is a mistake before it is sent."""
    scripted.will(reply(ANSWER | {"remaining_count": "0.00"}, status=201))
    take = replace(ORDER, side=-1, in_force="immediate_or_cancel", post_only=False, expires_utc=None)

    portfolio().create(take)

    ((_, _, body),) = sent(scripted)
    assert ("ask", "immediate_or_cancel", False) == (body["side"], body["time_in_force"], body["post_only"])
    assert "expiration_time" not in body
    for changes in ({"expires_utc": ENDS}, {"post_only": True}, {"centi": 0}, {"price_ticks": 10_000}, {"side": 0}):
        with pytest.raises(Usage):
            replace(take, **changes)


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "ü", "a/b", "a\n"])
def test_a_name_that_the_exchange_would_not_take_is_not_sent(scripted, portfolio, name):
    """At most 64 letters, digits and a few signs."""
    with pytest.raises(Usage, match="client order id"):
        portfolio().create(replace(ORDER, client_order_id=name))

    assert [] == scripted.heard


@pytest.mark.parametrize(
    "answer",
    [
        {"hangs": True},
        {"cut_after": 5, "body": ANSWER},
        {"status": 500},
        {"status": 503},
        {"body": {}},
        {"body": ANSWER | {"client_order_id": "another"}},
        {"body": ANSWER | {"fill_count": "-1"}},
        {"body": ANSWER | {"ts_ms": "soon"}},
        {"body": [1]},
        {"status": 409, "body": {"error": {"code": "order_already_exists", "message": "m"}}},
        {"status": 409, "body": {"error": {"code": "", "message": "m"}}},
    ],
    ids=str,
)
def test_a_new_order_of_which_nobody_knows_is_ambiguous(scripted, portfolio, reply, answer):
    """It is named, and was sent once."""
    scripted.will(reply(answer.pop("body", {}), **answer))

    with pytest.raises(Ambiguous) as ambiguous:
        portfolio().create(ORDER)

    assert ((NAME,), 1) == (ambiguous.value.client_order_ids, len(scripted.heard))


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "invalid_order"), (403, "forbidden"), (404, "not_found"), (409, "MARKET_INACTIVE"), (429, "")],
)
def test_a_refused_order_is_certainly_not_in_the_book(scripted, portfolio, reply, status, code):
    """With its code."""
    scripted.will(reply({"error": {"code": code, "message": "m"}}, status=status))

    with pytest.raises(VendorRefused) as refused:
        portfolio().create(ORDER)

    assert (status, code) == (refused.value.status, refused.value.code)


# Batches


def orders(number: int) -> list[NewOrder]:
    """So many orders."""
    return [replace(ORDER, client_order_id=f"n-{place}") for place in range(number)]


def batch_answer(names: list[str]) -> dict[str, object]:
    """All of them accepted."""
    return {"orders": [{**ANSWER, "client_order_id": name, "error": None} for name in names]}


def test_a_batch_is_cut_to_what_the_write_bucket_holds(scripted, portfolio, reply):
    """A hundred tokens are ten orders; the answers come back in their order."""
    names = [f"n-{place}" for place in range(12)]
    scripted.will(reply(batch_answer(names[:10]), status=201), reply(batch_answer(names[10:]), status=201))

    answers = portfolio().create_batch(orders(12))

    assert [10, 2] == [len(body["orders"]) for _, _, body in sent(scripted)]
    assert {"/portfolio/events/orders/batched"} == {path for _, path, _ in sent(scripted)}
    assert names == [answer.client_order_id for answer in answers]


def test_each_order_of_a_batch_has_its_own_fate(scripted, portfolio, reply):
    """One accepted, one refused, one answered in a way that nobody understands."""
    items = [
        ANSWER | {"client_order_id": "n-0"},
        {"error": {"code": "invalid_order", "message": "m"}},
        {"order_id": "x"},
    ]
    scripted.will(reply({"orders": items}, status=201))

    placed, refused, unknown = portfolio().create_batch(orders(3))

    assert "o-1" == placed.order_id
    assert (VendorRefused, "invalid_order") == (type(refused), refused.code)
    assert (Ambiguous, ("n-2",)) == (type(unknown), unknown.client_order_ids)


@pytest.mark.parametrize("answer", [{"status": 500}, {"hangs": True}, {"body": {"orders": []}}, {"body": {}}], ids=str)
def test_after_an_ambiguous_batch_nothing_more_is_sent(scripted, portfolio, reply, answer):
    """Of the first nobody knows; the second was certainly not sent."""
    scripted.will(reply(answer.pop("body", {}), **answer))

    answers = portfolio().create_batch(orders(12))

    assert [Ambiguous] * 10 + [VendorDown] * 2 == [type(answer) for answer in answers]
    assert 1 == len(scripted.heard)


def test_a_batch_of_cancels_is_cut_and_each_has_its_own_fate(scripted, portfolio, reply):
    """Two tokens each: fifty at once; one that fails leaves the others."""
    gone = {"error": {"code": "not_found", "message": "m"}}
    first = {"orders": [{"order_id": f"o-{place}", "reduced_by": "1.00"} for place in range(50)]}
    scripted.will(reply(first), reply({"orders": [gone, {"order_id": "o-51", "reduced_by": "0.50"}]}))

    answers = portfolio().cancel_batch([(f"o-{place}", TICKER) for place in range(52)])

    assert ["DELETE", "DELETE"] == [method for method, _, _ in sent(scripted)]
    assert {"order_id": "o-0", "market_ticker": TICKER, "exchange_index": 0} == sent(scripted)[0][2]["orders"][0]
    assert [Reduced] * 50 + [VendorRefused, Reduced] == [type(answer) for answer in answers]
    assert 50 == answers[-1].reduced_centi


# Changes


def test_a_cancel_names_its_market_and_is_repeated_until_it_is_heard(scripted, portfolio, reply):
    """Lost answers and trouble are asked again; its market routes it."""
    answer = {"order_id": "o-1", "client_order_id": NAME, "reduced_by": "7.50", "ts_ms": 1_790_000_000_123}
    scripted.will(reply(status=500), reply(answer))

    reduced = portfolio().cancel("o-1", market_ticker=TICKER)

    assert [("DELETE", "/portfolio/events/orders/o-1", {"market_ticker": TICKER, "exchange_index": "0"})] * 2 == sent(
        scripted
    )
    assert (750, None) == (reduced.reduced_centi, reduced.remaining_centi)


def test_a_cancel_of_what_is_gone_says_so(scripted, portfolio, reply):
    """404: look at the order to see how it went."""
    scripted.will(reply({"error": {"code": "not_found", "message": "m"}}, status=404))

    with pytest.raises(VendorRefused) as refused:
        portfolio().cancel("o-1", market_ticker=TICKER)

    assert 404 == refused.value.status


@pytest.mark.parametrize("name", ["..", "a/b", "a?b", "", "a b", "ö"])
def test_an_id_never_leads_elsewhere(scripted, portfolio, name):
    """What is put into an address is a name and nothing else."""
    with pytest.raises(Usage, match="no id"):
        portfolio().cancel(name, market_ticker=TICKER)

    assert [] == scripted.heard


def test_everything_is_cancelled_at_once(scripted, portfolio, reply):
    """An empty answer is an answer."""
    scripted.will(reply(b"", status=204))

    portfolio().cancel_all()

    assert [("DELETE", "/portfolio/events/orders", {})] == sent(scripted)


def test_an_amendment_counts_the_whole_order(scripted, portfolio, reply):
    """Filled and resting together; without an end it keeps the one it has."""
    scripted.will(reply(ANSWER))
    change = Amendment(
        order_id="o-1", client_order_id=NAME, market_ticker=TICKER, side=-1, price_ticks=4_200, total_centi=1_250
    )

    placed = portfolio().amend(change)

    body = {
        "ticker": TICKER, "side": "ask", "price": "0.4200", "count": "12.50", "client_order_id": NAME,
        "exchange_index": 0,
    }  # fmt: skip
    assert [("POST", "/portfolio/events/orders/o-1/amend", body)] == sent(scripted)
    assert 750 == placed.remaining_centi


def test_a_decrease_to_a_size_may_be_repeated_and_one_by_a_size_may_not(scripted, portfolio, reply):
    """Said twice, the second would take twice as much."""
    answer = {"order_id": "o-1", "remaining_count": "4.00", "ts_ms": 1_790_000_000_123}
    scripted.will(reply(status=500), reply(answer), reply(status=500))

    reduced = portfolio().decrease("o-1", market_ticker=TICKER, to_centi=400)
    with pytest.raises(Unheard):
        portfolio().decrease("o-1", market_ticker=TICKER, by_centi=100)

    bodies = [body for _, _, body in sent(scripted)]
    assert 400 == reduced.remaining_centi
    assert [{"reduce_to": "4.00"}] * 2 + [{"reduce_by": "1.00"}] == [
        {name: value for name, value in body.items() if name.startswith("reduce")} for body in bodies
    ]
    with pytest.raises(Usage):
        portfolio().decrease("o-1", market_ticker=TICKER)


# Order groups


def test_order_groups_are_made_changed_and_ended(scripted, portfolio, reply):
    """Each by its own method and path."""
    scripted.will(
        reply({"order_group_id": "og-1", "subaccount": 0}, status=201),
        *[reply({})] * 4,
        reply({"order_groups": [{"id": "og-1", "contracts_limit_fp": "100.00", "is_auto_cancel_enabled": True}]}),
        reply({"is_auto_cancel_enabled": False, "orders": ["o-1", "o-2"], "contracts_limit_fp": "100.00"}),
    )
    account = portfolio()

    name = account.create_group(limit_centi=10_000)
    account.limit_group(name, limit_centi=20_000)
    account.trigger_group(name)
    account.reset_group(name)
    account.delete_group(name)

    path = "/portfolio/order_groups"
    assert [
        ("POST", f"{path}/create", {"contracts_limit_fp": "100.00"}),
        ("PUT", f"{path}/og-1/limit", {"contracts_limit_fp": "200.00"}),
        ("PUT", f"{path}/og-1/trigger", {}),
        ("PUT", f"{path}/og-1/reset", {}),
        ("DELETE", f"{path}/og-1", {}),
    ] == sent(scripted)
    assert [("og-1", 10_000, True)] == [
        (one.order_group_id, one.limit_centi, one.auto_cancels) for one in account.groups()
    ]
    assert ("o-1", "o-2") == account.group("og-1").order_ids


# What there is


def test_orders_are_read_of_all_pages(scripted, portfolio, reply):
    """Every filter goes with every page; the order is exact."""
    scripted.will(reply({"orders": [AN_ORDER], "cursor": "c"}), reply({"orders": [], "cursor": ""}))

    (order,) = portfolio().orders(status="resting", market_ticker=TICKER, since_utc=ENDS)

    query = {"status": "resting", "ticker": TICKER, "min_ts": "1791052800", "limit": "200"}
    assert [("GET", "/portfolio/orders", query), ("GET", "/portfolio/orders", query | {"cursor": "c"})] == sent(
        scripted
    )
    assert Order(
        order_id="o-1", client_order_id=NAME, market_ticker=TICKER, side=-1, price_ticks=4_100, status="resting",
        filled_centi=250, remaining_centi=750, initial_centi=1_000, taker_fees_micros=0, maker_fees_micros=10_000,
        expires_utc=ENDS, created_utc=datetime(2026, 10, 3, 17, 25, 0, 829_382, tzinfo=UTC),
        updated_utc=datetime(2026, 10, 3, 17, 26, tzinfo=UTC), order_group_id="og-1",
    ) == order  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "pending"},
        {"status": None},
        {"book_side": "bid"},
        {"book_side": None, "outcome_side": None},
        {"book_side": "buy"},
        {"yes_price_dollars": "0.41005"},
        {"yes_price_dollars": 41},
        {"remaining_count_fp": "-1.00"},
        {"fill_count_fp": "1.005"},
        {"maker_fees_dollars": "0.0100001"},
        {"expiration_time": "tomorrow"},
        {"created_time": "2026-10-03T17:25:00"},
        {"order_id": None},
    ],
    ids=str,
)
def test_an_order_that_is_not_understood_is_refused_loudly(scripted, portfolio, reply, changes):
    """An unknown status, a side that contradicts itself, a finer price: nothing is guessed."""
    scripted.will(reply({"orders": [AN_ORDER | changes], "cursor": ""}))

    with pytest.raises(Unparsable):
        portfolio().orders()


def test_one_order_is_read_by_its_id(scripted, portfolio, reply):
    """Its end may be a number of seconds too."""
    scripted.will(reply({"order": AN_ORDER | {"expiration_time": 1_791_052_800}}))

    assert ENDS == portfolio().order("o-1").expires_utc


def test_fills_are_exact_and_name_no_client(scripted, portfolio, reply):
    """The reference's real fill; its fee to the micro."""
    scripted.will(reply({"fills": [A_FILL], "cursor": ""}))

    (fill,) = portfolio().fills(market_tickers=["A", "B"], order_id="849c8d28", since_utc=ENDS)

    assert Fill(
        trade_id="9a499d1c", order_id="849c8d28", market_ticker="KXUST10AD-26JUL30-T4.73", side=-1, price_ticks=1_300,
        centi=297, fee_micros=1, is_taker=False, at_utc=datetime(2026, 7, 30, 4, 39, 40, 458_649, tzinfo=UTC),
    ) == fill  # fmt: skip
    query = {"ticker": "A,B", "order_id": "849c8d28", "min_ts": "1791052800", "limit": "200"}
    assert [("GET", "/portfolio/fills", query)] == sent(scripted)


@pytest.mark.parametrize("changes", [{"count_fp": "0.00"}, {"trade_id": ""}, {"fee_cost": None}, {"is_taker": "no"}])
def test_a_fill_that_is_none_is_refused(scripted, portfolio, reply, changes):
    """Positions are made of fills."""
    scripted.will(reply({"fills": [A_FILL | changes], "cursor": ""}))

    with pytest.raises(Unparsable):
        portfolio().fills()


def test_positions_are_signed(scripted, portfolio, reply):
    """Yes counts up, no counts down; events are told beside."""
    market = {
        "ticker": TICKER, "exchange_index": 0, "total_traded_dollars": "10.000000", "position_fp": "-12.50",
        "market_exposure_dollars": "5.500000", "realized_pnl_dollars": "-0.250000", "fees_paid_dollars": "0.010000",
        "last_updated_ts": "2026-10-03T17:26:00Z",
    }  # fmt: skip
    event = {
        "event_ticker": "KXHIGHCHI-26OCT04", "total_cost_dollars": "10.000000", "total_cost_shares_fp": "12.50",
        "event_exposure_dollars": "5.500000", "realized_pnl_dollars": "-0.250000", "fees_paid_dollars": "0.010000",
    }  # fmt: skip
    scripted.will(reply({"market_positions": [market], "event_positions": [event], "cursor": ""}))

    held = portfolio().positions()

    assert (-1_250, 5_500_000, -250_000, 10_000) == (
        held.markets[0].position_centi,
        held.markets[0].exposure_micros,
        held.markets[0].realized_micros,
        held.markets[0].fees_micros,
    )
    assert ("KXHIGHCHI-26OCT04", 5_500_000) == (held.events[0].event_ticker, held.events[0].exposure_micros)


def test_the_balance_is_in_dollars_and_of_a_shard(scripted, portfolio, reply):
    """The cents are cut off, so they do not count; weather is paid for from the first shard."""
    shards = [{"exchange_index": 0, "balance": "990.0042"}, {"exchange_index": 1, "balance": "10"}]
    body = {"balance": 100_000, "balance_dollars": "1000.0042", "portfolio_value": 5_230, "updated_ts": 1_790_000_000}
    scripted.will(reply(body | {"balance_breakdown": shards}))

    balance = portfolio().balance()

    assert (1_000_004_200, 52_300_000, 990_004_200) == (
        balance.cash_micros,
        balance.portfolio_micros,
        balance.spendable_micros,
    )


def test_settlements_pay_in_cents(scripted, portfolio, reply):
    """Both sides may be there, where a market was sold out before."""
    row = {
        "ticker": TICKER, "event_ticker": "KXHIGHCHI-26OCT04", "market_result": "yes", "yes_count_fp": "10.00",
        "yes_total_cost_dollars": "4.100000", "no_count_fp": "2.00", "no_total_cost_dollars": "1.200000",
        "revenue": 800, "settled_time": "2026-10-05T12:00:00Z", "fee_cost": "0.170600", "value": 100,
    }  # fmt: skip
    scripted.will(reply({"settlements": [row], "cursor": ""}))

    (paid,) = portfolio().settlements()

    assert ("yes", 1_000, 200, 8_000_000, 170_600, 1_000_000) == (
        paid.result,
        paid.yes_centi,
        paid.no_centi,
        paid.revenue_micros,
        paid.fee_micros,
        paid.value_micros,
    )
    scripted.will(reply({"settlements": [row | {"market_result": "perhaps"}], "cursor": ""}))
    with pytest.raises(Unparsable):
        portfolio().settlements()


def test_queue_positions_count_what_is_before(scripted, portfolio, reply):
    """Of some markets, and of one order."""
    scripted.will(
        reply({"queue_positions": [{"order_id": "o-1", "market_ticker": TICKER, "queue_position_fp": "12.00"}]}),
        reply({"queue_position_fp": "3.50"}),
        reply({"queue_positions": None}),
    )
    account = portfolio()

    assert [QueuePosition(order_id="o-1", market_ticker=TICKER, ahead_centi=1_200)] == account.queue_positions(
        market_tickers=[TICKER]
    )
    assert 350 == account.queue_position("o-1", market_ticker=TICKER).ahead_centi
    assert [] == account.queue_positions(event_ticker="E")
    with pytest.raises(Usage, match="of markets or of an event"):
        account.queue_positions()


def test_the_exchange_tells_how_it_stands(scripted, portfolio, reply):
    """Whether it trades, and up to when reads are complete."""
    scripted.will(
        reply({"exchange_active": True, "trading_active": False, "exchange_estimated_resume_time": None}),
        reply({"as_of_time": "2026-10-03T18:40:00Z"}),
    )
    account = portfolio()

    assert not account.exchange_status().trading_active
    assert ENDS == account.user_data_utc()


def test_a_batch_is_as_large_as_the_tier_allows(scripted, portfolio, reply):
    """The exchange says what this key may; from then on it is kept to."""
    bucket = {"refill_rate": 300, "bucket_capacity": 900}
    scripted.will(
        reply({"usage_tier": "advanced", "read": bucket, "write": bucket, "grants": []}),
        reply(batch_answer([f"n-{place}" for place in range(12)]), status=201),
    )
    account = portfolio()

    limits = account.keep_to_limits()
    account.create_batch(orders(12))

    assert ("advanced", 300, 900) == (limits.tier, limits.write_tokens_per_second, limits.write_burst_tokens)
    assert 12 == len(sent(scripted)[-1][2]["orders"])


def test_reads_are_asked_again_as_ever(scripted, portfolio, reply):
    """A question changes nothing."""
    scripted.will(reply(status=503), reply(cut_after=1, body=b"{}"), reply({"balance_dollars": "1.0000"}))

    assert 1_000_000 == portfolio().balance().cash_micros


def test_the_key_is_in_nothing_that_the_client_says(scripted, portfolio, reply, all_logged):
    """Whatever the exchange repeats in its errors and answers."""
    said = []
    account = portfolio()
    for answer in (
        reply({"error": {"code": "a-key-id", "message": "a-key-id"}}, status=401),
        reply({"order_id": "a-key-id"}, status=201),
        reply(b"a-key-id", status=500),
    ):
        scripted.will(answer)
        for ask in (lambda: account.create(ORDER), account.balance, account.cancel_all, account.account_limits):
            try:
                said.append(repr(ask()))
            except Exception as error:
                said += [str(error), repr(error), repr(vars(error)), repr(error.__cause__), repr(error.__context__)]

    assert all("a-key-id" not in text for text in [*said, *all_logged, repr(account), repr(vars(account))])
