"""A ledger worked out by hand, to the micro ($0.000001): a buy that rests, in two parts, a sale that takes, the end.

Makers pay 0.0175 · C · P (1 − P), takers 0.07 · C · P (1 − P); what a fill does to the balance is rounded down to
$0.0001.

minute 0   10 contracts of the first bracket are ordered at 42 ¢: order 1.
minute 1   4 of them are filled. Fee 0.0175 · 4 · 0.42 · 0.58 = 0.017052. The balance moves by −1.68 − 0.017052 =
           −1.697052, rounded down to −1.6971: the fill costs 0.0171 in fees, of which 48 micros are rounding.
minute 2   The other 6. Fee 0.0175 · 6 · 0.2436 = 0.025578; −2.52 − 0.025578 = −2.545578, down to −2.5456: 0.0256 in
           fees, 22 micros of them rounding. 48 + 22 = 70 micros are no whole step of 100, so nothing is given back.
           Cash −1.6971 − 2.5456 = −4.2427.
minute 3   5 are sold by taking: order 2, at the bid of 50 ¢ less 1 ¢ of slippage. Fee 0.07 · 5 · 0.49 · 0.51 =
           0.087465; +2.45 − 0.087465 = 2.362535, down to 2.3625: 0.0875 in fees. Cash −4.2427 + 2.3625 = −1.8802.
minute 4   Nothing.
row 5      The first bracket pays: 5 contracts are $5. Cash 3.1198; fees 0.0171 + 0.0256 + 0.0875 = 0.1302.

Held to settlement the fills gain 4 · 0.58 − 0.0171 = 2.3029, 6 · 0.58 − 0.0256 = 3.4544 and −5 · 0.51 − 0.0875 =
−2.6375: 3.1198 together.
"""

from __future__ import annotations

from kwx.exec.bars.bars import Bars
from kwx.exec.codes import Gate, Verb
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.ledger import Ledger, ledger_of
from kwx.exec.state import Actions
from tests.kwx.backtest.made_trace import made_actions, made_bars

RUN = "a-run"
CASH_MICROS, FEES_MICROS = 3_119_800, 130_200
GAINS_MICROS = (2_302_900, 3_454_400, -2_637_500)


def three_bars(**said: object) -> Bars:
    """Return the minutes of the example."""
    usual = {
        "bid_ticks": [[4_200, 3_000], [4_200, 3_000], [4_300, 0], [5_000, 3_000], [5_200, 3_000], [0, 0]],
        "ask_ticks": [[4_400, 3_200], [4_400, 3_200], [4_500, 3_200], [5_200, 3_200], [5_400, 3_200], [10_000] * 2],
        "volume_centi": [[0, 0], [400, 0], [900, 0], [0, 0], [0, 0], [0, 0]],
        "p_fair": 0.55,
        "winner": [-1, -1, -1, -1, -1, 0],
    }
    return made_bars(6, **(usual | said))


def three_actions(bars: Bars) -> Actions:
    """Return what was done in them. The second bracket wanted to trade in minutes 2 and 3 and was stopped."""
    return made_actions(
        bars,
        verb={(0, 0): Verb.PLACE, (3, 0): Verb.TAKE},
        gate={(2, 1): Gate.SPREAD, (3, 1): Gate.SPREAD, (4, 0): Gate.NO_EDGE, (4, 1): Gate.NO_EDGE},
        want_centi={(0, 0): 1_000, (2, 1): 700, (3, 0): -500, (3, 1): 700},
        edge_ticks={(0, 0): 1_257, (3, 0): 150},
        made_centi={(1, 0): 400, (2, 0): 600},
        made_ticks={(1, 0): 4_200, (2, 0): 4_200},
        made_fee_micros={(1, 0): 17_100, (2, 0): 25_600},
        made_serial={(1, 0): 1, (2, 0): 1},
        took_centi={(3, 0): -500},
        took_ticks={(3, 0): 4_900},
        took_fee_micros={(3, 0): 87_500},
        order_side={(0, 0): 1, (2, 0): 0},
        order_ticks={(0, 0): 4_200, (2, 0): 0},
        order_left_centi={(0, 0): 1_000, (1, 0): 600, (2, 0): 0},
        order_serial={(0, 0): 1, (3, 0): 2},
        settled_micros={(5, 0, 0): 5_000_000},
        cash_micros={(1, 0, 0): -1_697_100, (2, 0, 0): -4_242_700, (3, 0, 0): -1_880_200, (5, 0, 0): CASH_MICROS},
        fees_micros={(1, 0, 0): 17_100, (2, 0, 0): 42_700, (3, 0, 0): FEES_MICROS},
        position_micros={
            (1, 0, 0): 1_720_000,
            (2, 0, 0): 4_400_000,
            (3, 0, 0): 2_550_000,
            (4, 0, 0): 2_650_000,
            (5, 0, 0): 0,
        },
        at_risk_micros={(1, 0, 0): 1_697_100, (2, 0, 0): 4_242_700, (3, 0, 0): 1_880_200, (5, 0, 0): 0},
    )


def three_trades(**said: object) -> tuple[Bars, Actions, Ledger]:
    """Return bars, actions and the ledger told from them."""
    bars = three_bars(**said)
    actions = three_actions(bars)
    return bars, actions, ledger_of(RUN, "a_strategy", bars, actions, known=Known.nothing())
