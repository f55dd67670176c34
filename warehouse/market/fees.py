"""What the exchange charges for a fill, to the micro ($0.000001): formula, rounding, and what rounding gives back.

A fill of C contracts at a price P costs `multiplier · rate · C · P · (1 − P)` dollars, rounded up to a micro: the trade
fee. The taker's rate is 0.07; a maker pays none, a quarter or a half of it, as the event's fee type says. In whole
numbers that is `num · centi · ticks · (10,000 − ticks) / 4,000,000,000` micros, where num is 7 × the multiplier in
thousandths × the quarters of the rate.

Balances are kept in steps of $0.0001 (direct members) or $0.01 (members of a broker). What a fill does to a balance is
rounded down to such a step; the difference is the rounding fee. It is gathered for each order, over its taking and its
resting fills; once a whole step is together a step is given back, in the first fill whose fee is at least as large, so
that no fee is below zero.

Before March 2026 an order paid the formula of all its fills together, rounded up once, to a cent. A fill pays what it
adds to that.

A buy changes the balance by −P·C. To sell what is held brings +P·C; to sell what is not held is to buy its opposite at
1 − P, which changes it by P·C less a dollar for each contract. A hundredth of a contract pays a whole cent, so that
difference is a whole number of steps and both round alike: one law for every sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from warehouse.errors import Refused
from warehouse.market.money import TICKS_PER_DOLLAR

QUADRATIC = "quadratic"
USUAL_MULTIPLIER_MILLI = 1_000
MAX_MULTIPLIER_MILLI = 10_000
"""Ten times the usual fee: beyond it a slip is likelier than a fee, and the arithmetic of arrays would not hold it."""

WITHDRAWN = "withdrawn"
"""Whose fees a change is of that the exchange took back before it counted: nobody's."""

FEE_STEP_MICROS = {"tick": 100, "cent": 10_000}
"""What balances are rounded to, by the word that fills carry: direct members, and members of a broker."""

ONCE_PER_ORDER = "order"
ONCE_PER_ORDER_MICROS = -FEE_STEP_MICROS["cent"]
ROUNDING_MICROS = {ONCE_PER_ORDER: ONCE_PER_ORDER_MICROS, **FEE_STEP_MICROS}
"""The same with the rule of whole cents for each order, told apart by its sign."""

CENTS_BY_FILL_SINCE = date(2026, 3, 1)
TICKS_SINCE = date(2026, 5, 28)
"""Before, every account was kept in cents."""

FEE_DENOMINATOR = 4_000_000_000
ORDER_UNITS_PER_CENT = FEE_DENOMINATOR
"""What an order has paid beyond its formula is counted so finely that nothing of a price in whole cents is lost: with
such a price the numerator of every fee is a multiple of ten thousand. It is less than a cent, so it fits 32 bits."""
_DENOMINATOR_BY_UNIT = FEE_DENOMINATOR * FEE_STEP_MICROS["cent"] // ORDER_UNITS_PER_CENT
_SEVENTHS_OF_RATE = 7
_TAKER_QUARTERS = 4
_MAKER_QUARTERS = {QUADRATIC: 0, "quadratic_with_maker_fees": 1, "quadratic_with_combo_maker_fees": 2}
FEE_TYPES = tuple(_MAKER_QUARTERS)

_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class FeeRule:
    """What an event charges; by default what every weather market has paid so far."""

    fee_type: str = QUADRATIC
    multiplier_milli: int = USUAL_MULTIPLIER_MILLI

    def __str__(self) -> str:
        return f"{self.fee_type} × {self.multiplier_milli / 1_000:g}"

    def __post_init__(self) -> None:
        if self.fee_type not in _MAKER_QUARTERS:
            raise Refused(
                f"fees of type {self.fee_type!r} have no formula here",
                hint=f"known: {' '.join(FEE_TYPES)}; read what the series charges before trading it",
            )
        if not 0 <= self.multiplier_milli <= MAX_MULTIPLIER_MILLI:
            raise Refused(
                f"the fee multiplier {self.multiplier_milli} thousandths is outside 0 … {MAX_MULTIPLIER_MILLI}",
                hint="1,000 thousandths are the usual fee",
            )

    @property
    def taker_num(self) -> int:
        """The numerator of a fill that takes."""
        return _SEVENTHS_OF_RATE * self.multiplier_milli * _TAKER_QUARTERS

    @property
    def maker_num(self) -> int:
        """The numerator of a fill that rested."""
        return _SEVENTHS_OF_RATE * self.multiplier_milli * _MAKER_QUARTERS[self.fee_type]


@dataclass(frozen=True, kw_only=True)
class FeeTerms:
    """What a series, or an event over its series, says of its fees from an instant on; None is nothing said."""

    since_utc: datetime = _EVER
    fee_type: str | None = None
    multiplier_milli: int | None = None


def terms_at(history: Sequence[FeeTerms], utc: datetime) -> FeeTerms:
    """Return what a series or an event says of its fees at an instant: the last that has begun, else nothing."""
    begun = [terms for terms in history if terms.since_utc <= utc]
    return max(begun, key=lambda terms: terms.since_utc, default=FeeTerms())


@dataclass(frozen=True, kw_only=True)
class FeeSchedule:
    """All that a series and one of its events say of fees over time."""

    series: Sequence[FeeTerms] = ()
    event: Sequence[FeeTerms] = ()

    def rules(self, *, since_utc: datetime, until_utc: datetime) -> list[tuple[datetime, FeeRule]]:
        """Return each rule that is in force somewhere in [since, until], with the instant from which on it is."""
        told = {terms.since_utc for terms in (*self.series, *self.event)}
        instants = sorted({since_utc, *(utc for utc in told if since_utc < utc <= until_utc)})
        return [(utc, self.rule_at(utc)) for utc in instants]

    def rule_at(self, utc: datetime) -> FeeRule:
        """Return what a fill at an instant pays: what is said, and the usual fee over silence."""
        said = self.terms_at(utc)
        return FeeRule(
            fee_type=QUADRATIC if said.fee_type is None else said.fee_type,
            multiplier_milli=USUAL_MULTIPLIER_MILLI if said.multiplier_milli is None else said.multiplier_milli,
        )

    def terms_at(self, utc: datetime) -> FeeTerms:
        """Return what is said at an instant, the event's word over the series'.

        A change holds from its instant on. An event's change that says nothing ends what it said before.
        """
        event, series = terms_at(self.event, utc), terms_at(self.series, utc)
        return FeeTerms(
            since_utc=max(event.since_utc, series.since_utc),
            fee_type=series.fee_type if event.fee_type is None else event.fee_type,
            multiplier_milli=series.multiplier_milli if event.multiplier_milli is None else event.multiplier_milli,
        )


@dataclass(frozen=True, kw_only=True)
class FillFee:
    """What one fill costs: trade fee and rounding fee less the rebate are the net fee."""

    trade_micros: int
    rounding_micros: int
    rebate_micros: int
    carry_micros: int
    """What rounding has taken of the order and not given back, for its next fill; where an order is rounded once, in
    ORDER_UNITS_PER_CENT."""

    @property
    def net_micros(self) -> int:
        """What the fill pays in the end."""
        return self.trade_micros + self.rounding_micros - self.rebate_micros


def trade_fee_micros(num: int, *, ticks: int, centi: int) -> int:
    """Return the fee of the formula, rounded up to a micro; yes and no have the same."""
    return _up(_model_fee(num, ticks=ticks, centi=centi), FEE_DENOMINATOR)


def fill_fee(num: int, *, ticks: int, signed_centi: int, step_micros: int, carry_micros: int = 0) -> FillFee:
    """Return the fee of a fill at a price of yes; bought contracts count up, sold ones down.

    `step_micros` is one of ROUNDING_MICROS.
    """
    if step_micros == ONCE_PER_ORDER_MICROS:
        return _share_of_order(num, ticks=ticks, centi=abs(signed_centi), carry_units=carry_micros)
    trade = trade_fee_micros(num, ticks=ticks, centi=abs(signed_centi))
    change = -signed_centi * ticks - trade
    rounding = change % step_micros
    gathered = carry_micros + rounding
    rebate = step_micros if gathered >= step_micros and trade + rounding >= step_micros else 0
    return FillFee(
        trade_micros=trade, rounding_micros=rounding, rebate_micros=rebate, carry_micros=gathered - rebate
    )  # fmt: skip


def _share_of_order(num: int, *, ticks: int, centi: int, carry_units: int) -> FillFee:
    """Return what a fill adds to the whole cents of its order, which has paid `carry_units` beyond its formula."""
    due = _up(_model_fee(num, ticks=ticks, centi=centi), _DENOMINATOR_BY_UNIT) - carry_units
    cents = _up(due, ORDER_UNITS_PER_CENT)
    net, trade = cents * FEE_STEP_MICROS["cent"], trade_fee_micros(num, ticks=ticks, centi=centi)
    return FillFee(
        trade_micros=trade, rounding_micros=max(net - trade, 0), rebate_micros=max(trade - net, 0),
        carry_micros=cents * ORDER_UNITS_PER_CENT - due,
    )  # fmt: skip


def _model_fee(num: int, *, ticks: int, centi: int) -> int:
    if not 0 <= ticks <= TICKS_PER_DOLLAR or centi < 0:
        raise Refused(
            f"{centi} hundredths of a contract at {ticks} ticks are no fill",
            hint="prices are 0 … 10,000 ticks of yes, counts are not negative",
        )
    return num * centi * ticks * (TICKS_PER_DOLLAR - ticks)


def _up(whole: int, parts: int) -> int:
    return -(-whole // parts)


def rounding_on(event_date: date, wanted: str) -> str:
    """Return how fees were rounded on an event date: as wanted, by cents before there was anything finer."""
    if event_date < CENTS_BY_FILL_SINCE:
        return ONCE_PER_ORDER
    return wanted if event_date >= TICKS_SINCE else "cent"
