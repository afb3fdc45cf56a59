"""Damaged input for everything that reads what comes from outside: `python -m chaos.fuzz --inputs 1000000 --seed 1`."""
