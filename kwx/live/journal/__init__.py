"""What the loop saw and did, minute by minute, on the disk before anything is done about it."""
