"""Benchmarks: `python -m bench NAME`. How each is measured: docs/benchmarks.md."""
