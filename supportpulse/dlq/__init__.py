"""Dead letters: looking at what was parked, and sending it again."""
