"""The daily scores of every source of probabilities, kept date by date, and whether they have drifted."""
