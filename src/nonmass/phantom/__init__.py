"""Synthetic exported screens of breast ultrasound whose truth is known by construction."""
