"""Reproducible detection and classification of non-mass lesions on breast ultrasound."""
