"""Sheets of screens for a person to check fields of view by eye, and to decide the doubtful ones."""
