"""What can be seen of a running loop: logs, numbers, a file, an address on this machine, and alerts."""
