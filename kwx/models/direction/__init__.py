"""Direction: whether the mid of a bracket moves up or down within the next one or five minutes, if it moves at all."""

from kwx.models.direction.fit import DirectionFit, fit_direction, fit_window, fitted_window
from kwx.models.direction.fitted import DIRECTION
from kwx.models.direction.recipe import DirectionRecipe

__all__ = ["DIRECTION", "DirectionFit", "DirectionRecipe", "fit_direction", "fit_window", "fitted_window"]
