"""A run told to people: the figures that every surface shows alike, and a page that opens without a network."""
