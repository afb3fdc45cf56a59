"""Believable support traffic, the same for the same seed: see `simulation.Simulation` and docs/simulator.md."""
