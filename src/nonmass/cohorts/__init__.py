"""Cohorts: one kind of source a module, and `manifest`, which makes one table of them all."""
