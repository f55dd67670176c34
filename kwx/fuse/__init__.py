"""Market and weather in one distribution: what quotes say, how two opinions are pooled, how much each one weighs."""
