"""From columns to orders: fees, sizes, limits, fills, and the one step that backtest, shadow and live all take."""
