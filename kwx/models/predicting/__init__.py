"""What promoted models say of the dates that came after they were fitted, kept in the lake beside their test dates."""
