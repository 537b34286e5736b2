"""Benchmarks that people can run again; each prints what the README's table says."""
