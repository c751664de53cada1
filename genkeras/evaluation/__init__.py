"""Sampling from finished runs, and comparing them."""
