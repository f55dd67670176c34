"""The steps of a night, one file each: what it reads and writes, when it is due, what it does, what it tells."""
