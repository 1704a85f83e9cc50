"""Marks burned into fields of view: found, listed, and taken away."""
