"""Training: walks of windows, each window fitted in a process of its own, kept among the pilots and in the lake."""
