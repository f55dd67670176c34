"""The audit of leakage: nothing that the lake says of a minute may depend on what became known after it."""
