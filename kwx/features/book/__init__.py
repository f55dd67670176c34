"""What the recorded order book and the tape say of each minute: who queues, who leaves, who strikes."""
