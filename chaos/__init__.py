"""Faults, one after the other, on the whole pipeline; and whether the numbers are right afterwards."""
