"""Training: clips to batches, a loss for each stage, and one loop."""
