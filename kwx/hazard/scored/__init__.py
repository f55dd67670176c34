"""How good stored distributions were, and how one day's chances went."""
