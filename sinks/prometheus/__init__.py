"""What is watched: the pipeline's own health and the rolling windows, at /metrics."""
