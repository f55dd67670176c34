"""Direction: whether the mid of a bracket moves up or down within the next one or five minutes, if it moves at all."""

from kwx.models.direction.fit import fit_direction, fit_window, validation_rows
from kwx.models.direction.fitted import DIRECTION
from kwx.models.direction.recipe import DirectionRecipe

__all__ = ["DIRECTION", "DirectionRecipe", "fit_direction", "fit_window", "validation_rows"]
