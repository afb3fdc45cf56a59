"""`supportpulse up`: the whole pipeline with one command."""
