"""What we think and do with what the lake holds. Today: asking it, looking after it, and the command line."""
