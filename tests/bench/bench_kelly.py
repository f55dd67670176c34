"""Kelly stakes of whole ladders against a loop over scipy's SLSQP: the same mean log of wealth, ladders per second.

Run as `python tests/bench/bench_kelly.py [--ladders 100000]`. Six brackets, prices with a spread and a fee around a
truth that the belief disagrees with, closed sides, positions held. SLSQP solves the first few ladders, with gradients;
its time for all is reckoned in proportion. The second measure is one call of the size of a backtest's minute. The
third is no time: how much of the gain is left where only prices with an edge of their own are open, as a step asks.
"""

from __future__ import annotations

import argparse
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from measure import Measure, best_of, report
from scipy.optimize import minimize

from kwx.exec.kelly import RECEIPTS_SHARE, ladder_kelly

BRACKETS, SOLVED = 6, 60
RATIO = 300.0
MINUTE_LADDERS, MINUTES, MINUTE_S = 100, 20, 100e-6
SAME = 1e-6
GATED_SHARE = 0.98

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def run(*, ladders: int = 100_000) -> list[Measure]:
    """Measure many ladders at once, and the few of one minute inside a scan."""
    return [_many(drawn(ladders)), _minute(drawn(MINUTE_LADDERS)), _gated(drawn(ladders))]


def _many(columns: Columns) -> Measure:
    kelly, asked = jax.jit(ladder_kelly), [jnp.asarray(column) for column in columns]
    kelly(*asked).block_until_ready()
    ours_s, trades = best_of(3, lambda: kelly(*asked).block_until_ready())
    few = [column[:, :SOLVED].astype(np.float64) for column in columns]
    solved_s, found = best_of(
        1, lambda: np.stack([by_slsqp(*(each[:, at] for each in few)) for at in range(SOLVED)], 1)
    )
    lead = mean_log(few, np.asarray(trades[:, :SOLVED], np.float64)) - mean_log(few, found)
    if lead.min() < -SAME or np.median(lead) > SAME:
        raise AssertionError(f"the mean logs differ: {lead.min():.1e} … {lead.max():.1e}")
    count = columns[0].shape[1]
    baseline_s = solved_s / SOLVED * count
    return Measure(
        name=f"Kelly of {count:,} ladders", ours_s=ours_s, baseline_s=baseline_s, ratio=baseline_s / ours_s,
        target=f">= {RATIO:.0f} x",
        note=f"{count / ours_s / 1e6:.2f} M ladders/s; SLSQP {SOLVED / solved_s:.0f}/s, scaled from {SOLVED}; "
        f"ours less its mean log: {lead.min():.0e} … {lead.max():.0e}",
        holds=baseline_s / ours_s >= RATIO,
    )  # fmt: skip


def _minute(columns: Columns) -> Measure:
    """Measure one call inside a scan, each minute's wealth another; many short scans, so that one has a core alone."""
    p, buy, sell, wealth = (jnp.asarray(column) for column in columns)
    drift = jnp.linspace(0, 1, MINUTES, dtype=jnp.float32)

    @jax.jit
    def minutes() -> jax.Array:
        def minute(carry: jax.Array, part: jax.Array) -> tuple[jax.Array, None]:
            return carry + ladder_kelly(p, buy, sell, wealth + part), None

        return lax.scan(minute, jnp.zeros_like(wealth), drift)[0]

    minutes().block_until_ready()
    ours_s = best_of(300, lambda: minutes().block_until_ready())[0] / MINUTES
    return Measure(
        name=f"Kelly of {MINUTE_LADDERS} ladders in a minute of a scan", ours_s=ours_s,
        target=f"<= {MINUTE_S * 1e6:.0f} us",
        note=f"{ours_s * 1e6:.0f} us a call, all of them trading",
        holds=ours_s <= MINUTE_S,
    )  # fmt: skip


def _gated(columns: Columns) -> Measure:
    """Measure what the mean log of wealth gains by prices with an edge of their own alone, beside all prices."""
    p, buy, sell, wealth = columns
    gated = p, np.where(p > buy, buy, np.inf), np.where(sell > p, sell, 0), wealth
    gains = []
    for asked in (columns, gated):
        trades = np.asarray(ladder_kelly(*(jnp.asarray(column) for column in asked)), np.float64)
        exact = [column.astype(np.float64) for column in asked]
        gains.append(float((mean_log(exact, trades) - mean_log(exact, np.zeros_like(trades))).mean()))
    whole, left = gains
    return Measure(
        name="gain in log wealth by prices that have an edge", ours_s=0.0, ratio=left / whole,
        target=f">= {GATED_SHARE} of the whole ladder's", note=f"{left:.5f} of {whole:.5f} a ladder",
        holds=left / whole >= GATED_SHARE,
    )  # fmt: skip


def drawn(ladders: int, *, seed: int = 5) -> Columns:
    """Draw beliefs, costs of buying, nets of selling and wealths, [B, N] float32."""
    draw = np.random.default_rng(seed)
    shape = (BRACKETS, ladders)
    truth = draw.gamma(1.0, size=shape) + 1e-6
    truth /= truth.sum(axis=0)
    belief = truth * np.exp(0.3 * draw.normal(size=shape))
    half = 0.01 * draw.uniform(0.3, 1.3, size=shape) + 0.0175 * truth * (1 - truth)
    buys, sells = (draw.random(shape) > 0.15 for _ in range(2))
    held = 10 * np.where(draw.random(shape) < 0.4, draw.normal(size=shape), 0)
    columns = (
        belief / belief.sum(axis=0),
        np.where(buys & (truth + half < 1), truth + half, np.inf),
        np.where(sells & (truth > half), truth - half, 0),
        np.maximum(100 + held - (held * truth).sum(axis=0), 1),
    )
    return tuple(column.astype(np.float32) for column in columns)


def by_slsqp(p: np.ndarray, buy: np.ndarray, sell: np.ndarray, wealth: np.ndarray) -> np.ndarray:
    """Solve one ladder as a general program: purchases and sales at least zero, wealth above zero, cash in bounds."""
    count, scale = len(p), wealth.max()
    price = np.concatenate([np.where(np.isfinite(buy), buy, 0), -sell])
    lift = np.hstack([np.eye(count), -np.eye(count)]) - price

    def loss(sizes: np.ndarray) -> tuple[float, np.ndarray]:
        after = np.maximum(wealth / scale + lift @ sizes, 1e-12)
        return -float(p @ np.log(after)), -(p / after) @ lift

    limits = [
        {"type": "ineq", "fun": lambda sizes: wealth / scale + lift @ sizes - 1e-9, "jac": lambda _: lift},
        {"type": "ineq", "fun": lambda sizes: RECEIPTS_SHARE + price @ sizes, "jac": lambda _: price},
    ]
    bounds = [(0, None if is_open else 0) for is_open in (*np.isfinite(buy), *(sell > 0))]
    found = minimize(
        loss, np.zeros(2 * count), jac=True, bounds=bounds, constraints=limits, method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )  # fmt: skip
    sizes = np.where([high is None for _, high in bounds], np.maximum(found.x, 0), 0) * scale
    return sizes[:count] - sizes[count:]


def mean_log(columns: list[np.ndarray], trades: np.ndarray) -> np.ndarray:
    """Return the mean log of wealth after trades, by its definition."""
    p, buy, sell, wealth = columns
    cost = np.where(trades > 0, np.where(np.isfinite(buy), buy, 0), sell) * trades
    return (p * np.log(np.maximum(wealth - cost.sum(axis=0) + trades, 1e-300))).sum(axis=0)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--ladders", type=int, default=100_000)
    sys.exit(report(run(ladders=asked.parse_args().ladders)))
