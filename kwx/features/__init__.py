"""What models see: pure functions from rows of a panel to columns of numbers, each declared with what it reads."""
