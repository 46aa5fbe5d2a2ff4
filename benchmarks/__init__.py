"""Benchmarks: run them by hand, as modules."""
