"""Reporting checklists, a model card and the methods in words, told from parameters and results."""
