"""Two ways of answering one question: an exact lattice and a simulator of paths."""
