"""What a step did in a minute, in words: the deed, the orders, the fills, and the sizes behind them."""

from __future__ import annotations

from collections.abc import Iterator

from kwx.backtest.explain.gates import At
from kwx.backtest.gate_words import WORDS
from kwx.exec.codes import Gate, Verb
from kwx.exec.sizes import LIMITS
from kwx.exec.state import Orders
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_CENT


def done_in_words(at: At) -> str:
    """Return what the step did with the market, or why nothing."""
    actions = at.look.actions
    verb, gate = Verb(at.market(actions.verb)), Gate(at.market(actions.gate))
    resting = order_in_words(at, at.look.after.orders)
    if verb is Verb.TAKE:
        took = at.market(actions.took_centi)
        return f"it took: {_trade(took, at.market(actions.took_ticks), at.market(actions.took_fee_micros))}"
    if verb in (Verb.PLACE, Verb.AMEND, Verb.EXIT):
        made = {Verb.PLACE: "it placed", Verb.AMEND: "it amended", Verb.EXIT: "it placed, to leave a position,"}
        return f"{made[verb]} an order: {resting}"
    why = _why_not(at, gate)
    return f"it canceled its order: {why}" if verb is Verb.CANCEL else f"it did nothing: {why}"


def _why_not(at: At, gate: Gate) -> str:
    if gate is not Gate.NONE:
        return f"{gate.word}: {WORDS[gate].meaning}"
    if at.market(at.look.after.orders.side):
        return "what is wanted rests in the book already"
    return "what is wanted is held already" if at.market(at.look.after.position_centi) else "nothing more was wanted"


def order_in_words(at: At, orders: Orders) -> str:
    """Return the order that rests, or that there is none."""
    side = at.market(orders.side)
    if side == 0:
        return "none"
    return (
        f"{'buy' if side > 0 else 'sell'} {_contracts(at.market(orders.left_centi))} at"
        f" {_cents(at.market(orders.ticks))}, {at.market(orders.age_minutes)} minutes old,"
        f" {_contracts(at.market(orders.ahead_centi))} ahead of it"
    )


def fills_in_words(at: At) -> Iterator[str]:
    """Yield what was filled in the minute: of the order that rested, then by taking."""
    actions = at.look.actions
    for style in ("made", "took"):
        centi, ticks, fee = (
            at.market(getattr(actions, f"{style}_{what}")) for what in ("centi", "ticks", "fee_micros")
        )
        if centi:
            yield f"{style}: {_trade(centi, ticks, fee)}"


def sizes_of(at: At) -> dict[str, float]:
    """Return contracts: what Kelly wants beyond the position, what each limit left of it, and what was opened."""
    look = at.look
    return {
        "kelly": at.market(look.sizes.want_centi) / CENTI_PER_CONTRACT,
        **{
            f"after {gate.word}": at.market(left) / CENTI_PER_CONTRACT
            for (gate, _), left in zip(LIMITS, look.cut, strict=True)
        },
        "opened": at.market(look.sizes.open_centi) / CENTI_PER_CONTRACT,
    }


def _trade(centi: int, ticks: int, fee_micros: int) -> str:
    word = "bought" if centi > 0 else "sold"
    return f"{word} {_contracts(abs(centi))} at {_cents(ticks)}, fee ${fee_micros / 1_000_000:.4f}"


def _contracts(centi: int) -> str:
    return f"{centi / CENTI_PER_CONTRACT:,.2f}"


def _cents(ticks: int) -> str:
    return f"{ticks / TICKS_PER_CENT:.2f} ¢"
