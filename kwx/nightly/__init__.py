"""What is done when a day is over: lived days held against backtests, and whether they are good enough to go live."""
