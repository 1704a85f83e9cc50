"""Answers for screens that no pipeline has seen; works without torch from an exported release."""
