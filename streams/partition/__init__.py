"""The conversations of one partition: applying events, chunk by chunk, and keeping them packed."""
