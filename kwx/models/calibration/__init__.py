"""Calibrators: monotone functions from a model's probability to a better one, each a few numbers that JSON holds.

- temperature: the log-odds over one number.
- platt: a line in the log-odds; never falling.
- beta: a·ln p − b·ln(1 − p) + c in log-odds (Kull, Silva Filho and Flach 2017), a and b not below 0.
- isotonic: the isotonic regression, drawn by straight lines between its corners, as scikit-learn does.

The first three are fitted by log loss to targets that Platt (1999) takes a little off 0 and 1, so that their numbers
are finite whatever came. All are fitted to the distinct probabilities, so the order of the rows means nothing.
"""

from __future__ import annotations

from kwx.models.calibration.methods import METHODS, Method, calibrator_of, fit_calibrator
from kwx.models.calibration.sample import LEAST_P

__all__ = ["LEAST_P", "METHODS", "Method", "calibrator_of", "fit_calibrator"]
