"""Many sets of settings over the same minutes: what is tried, what each came to, and how much of the best is luck."""
