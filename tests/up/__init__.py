"""`supportpulse up`, as the one who types it meets it."""
