"""Logistic regression with the elastic net per city and type of bracket: searched, fitted, calibrated on later days."""

from kwx.models.elasticnet.fitted import ELASTICNET, FittedElasticnet
from kwx.models.elasticnet.recipe import CalibrationRule, ElasticnetRecipe, SearchRange

__all__ = ["ELASTICNET", "CalibrationRule", "ElasticnetRecipe", "FittedElasticnet", "SearchRange"]
