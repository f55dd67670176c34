"""What the exchange charges for a fill, to the micro ($0.000001): formula, rounding, and what rounding gives back.

A fill of C contracts at a price P costs `multiplier · rate · C · P · (1 − P)` dollars, rounded up to a micro: the trade
fee. The taker's rate is 0.07; a maker pays none, a quarter or a half of it, as the event's fee type says. In whole
numbers that is `num · centi · ticks · (10,000 − ticks) / 4,000,000,000` micros, where num is 7 × the multiplier in
thousandths × the quarters of the rate.

Balances are kept in steps of $0.0001 (direct members) or $0.01 (members of a broker). What a fill does to a balance is
rounded down to such a step; the difference is the rounding fee. It is gathered for each order, over its taking and its
resting fills; once a whole step is together a step is given back, in the first fill whose fee is at least as large, so
that no fee is below zero.

A buy changes the balance by −P·C. To sell what is held brings +P·C; to sell what is not held is to buy its opposite at
1 − P, which changes it by P·C less a dollar for each contract. A hundredth of a contract pays a whole cent, so that
difference is a whole number of steps and both round alike: one law for every sale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from warehouse.errors import Refused
from warehouse.market.money import TICKS_PER_DOLLAR

QUADRATIC = "quadratic"
USUAL_MULTIPLIER_MILLI = 1_000
MAX_MULTIPLIER_MILLI = 10_000
"""Ten times the usual fee: beyond it a slip is likelier than a fee, and the arithmetic of arrays would not hold it."""

FEE_STEP_MICROS = {"tick": 100, "cent": 10_000}
"""What balances are rounded to, by the word that fills carry: direct members, and members of a broker."""

TICKS_SINCE = date(2026, 5, 28)
"""Before, every account was kept in cents: a single fill cost what the rule of whole cents per order charged."""

FEE_DENOMINATOR = 4_000_000_000
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


@dataclass(frozen=True, kw_only=True)
class FeeSchedule:
    """All that a series and one of its events say of fees over time."""

    series: Sequence[FeeTerms] = ()
    event: Sequence[FeeTerms] = ()

    def rule_at(self, utc: datetime) -> FeeRule:
        """Return what a fill at an instant pays: the event's word over the series', and the usual fee over silence.

        A change holds from its instant on. An event's change that says nothing ends what it said before.
        """
        said = (_in_force(self.event, utc), _in_force(self.series, utc))
        types = [terms.fee_type for terms in said if terms.fee_type is not None]
        multipliers = [terms.multiplier_milli for terms in said if terms.multiplier_milli is not None]
        return FeeRule(
            fee_type=(*types, QUADRATIC)[0], multiplier_milli=(*multipliers, USUAL_MULTIPLIER_MILLI)[0]
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FillFee:
    """What one fill costs: trade fee and rounding fee less the rebate are the net fee."""

    trade_micros: int
    rounding_micros: int
    rebate_micros: int
    carry_micros: int
    """What rounding has taken of the order and not given back, for its next fill."""

    @property
    def net_micros(self) -> int:
        """What the fill pays in the end."""
        return self.trade_micros + self.rounding_micros - self.rebate_micros


def trade_fee_micros(num: int, *, ticks: int, centi: int) -> int:
    """Return the fee of the formula, rounded up to a micro; yes and no have the same."""
    return _up(_model_fee(num, ticks=ticks, centi=centi), FEE_DENOMINATOR)


def fill_fee(num: int, *, ticks: int, signed_centi: int, step_micros: int, carry_micros: int = 0) -> FillFee:
    """Return the fee of a fill at a price of yes; bought contracts count up, sold ones down."""
    trade = trade_fee_micros(num, ticks=ticks, centi=abs(signed_centi))
    change = -signed_centi * ticks - trade
    rounding = change % step_micros
    gathered = carry_micros + rounding
    rebate = step_micros if gathered >= step_micros and trade + rounding >= step_micros else 0
    return FillFee(
        trade_micros=trade, rounding_micros=rounding, rebate_micros=rebate, carry_micros=gathered - rebate
    )  # fmt: skip


def whole_cent_fee_micros(num: int, fills: Iterable[tuple[int, int]]) -> int:
    """Return the fee of an order before March 2026, of its fills' (ticks, centi): rounded up once, to a cent."""
    model = sum(_model_fee(num, ticks=ticks, centi=centi) for ticks, centi in fills)
    cent = FEE_STEP_MICROS["cent"]
    return _up(model, FEE_DENOMINATOR * cent) * cent


def _model_fee(num: int, *, ticks: int, centi: int) -> int:
    if not 0 <= ticks <= TICKS_PER_DOLLAR or centi < 0:
        raise Refused(
            f"{centi} hundredths of a contract at {ticks} ticks are no fill",
            hint="prices are 0 … 10,000 ticks of yes, counts are not negative",
        )
    return num * centi * ticks * (TICKS_PER_DOLLAR - ticks)


def _up(whole: int, parts: int) -> int:
    return -(-whole // parts)


def _in_force(history: Sequence[FeeTerms], utc: datetime) -> FeeTerms:
    begun = [terms for terms in history if terms.since_utc <= utc]
    return max(begun, key=lambda terms: terms.since_utc, default=FeeTerms())


def rounding_on(event_date: date, wanted: str) -> str:
    """Return the step of balances on an event date: what is wanted, cents before there was anything finer."""
    return wanted if event_date >= TICKS_SINCE else "cent"
