"""What models are trained with: one file for every city and type of bracket, refused where it says nothing sensible."""
