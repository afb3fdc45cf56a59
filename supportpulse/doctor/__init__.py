"""Looking a deployment over: what is right, what is not, and what to do about it."""
