"""Where a state lies on the nodes of a lattice: at a point between them, or spread over them as a bell."""

from __future__ import annotations

import numpy as np

from kwx.hazard.engines.barrier import Singles
from kwx.hazard.engines.interpolation import lagrange
from kwx.hazard.question import Floats, Ints

STATE_TAPS = 8
_BELL_STEPS = 0.9
_BELL_SD_KEPT = 5.5
_POINT = ((0.0, 1.0),)
_NARROW = ((-(3**0.5), 1 / 6), (0.0, 2 / 3), (3**0.5, 1 / 6))


def bell_nodes(sd_steps: Floats) -> Ints:
    """Return [n] how many nodes to either side a state can lie on."""
    return STATE_TAPS // 2 + np.ceil(_BELL_SD_KEPT * sd_steps).astype(np.int64)


def on_nodes(place: Floats, sd_steps: Floats) -> tuple[Ints, Singles]:
    """Return the first node and the weights of the nodes on which each state lies: a point, or a bell."""
    reach = 2 * int(bell_nodes(sd_steps).max(initial=STATE_TAPS // 2))
    base = np.floor(place).astype(np.int64) - (reach // 2 - 1)
    taps = np.zeros((len(place), reach))
    bell = sd_steps >= _BELL_STEPS
    away = (base[bell, None] + np.arange(reach) - place[bell, None]) / sd_steps[bell, None]
    taps[bell] = np.exp(-0.5 * np.minimum(away**2, 160))
    for offset, share in _NARROW if sd_steps[~bell].any() else _POINT:
        at = place[~bell] + offset * sd_steps[~bell]
        whole = np.floor(at)
        columns = (whole.astype(np.int64) - (STATE_TAPS // 2 - 1) - base[~bell])[:, None] + np.arange(STATE_TAPS)
        taps[np.flatnonzero(~bell)[:, None], columns] += share * lagrange(at - whole, STATE_TAPS)
    return base, (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
