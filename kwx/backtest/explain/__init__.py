"""One minute of one market: what was known, what was wanted, what stopped it, and what was done."""
