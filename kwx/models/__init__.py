"""Models of how a market settles, or of where its price goes next: fitted on past days, judged on later ones."""
