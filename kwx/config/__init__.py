"""What models are trained and traded with: one file for every city, refused where it says nothing sensible."""
