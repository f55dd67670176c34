"""Days that were lived, told to the lake as backtests are: runs of the kinds shadow and live."""
