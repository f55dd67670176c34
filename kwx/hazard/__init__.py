"""From weather to bracket probabilities: what is known, a law of the air, two engines, one distribution."""
