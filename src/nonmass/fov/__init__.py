"""Finding the field of view on an exported screen."""
