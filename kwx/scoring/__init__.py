"""How good a forecast was: scores, calibration tests and comparisons over arrays; `stored` reads them from the lake."""
