"""A conversation's events, folded in order into facts."""
