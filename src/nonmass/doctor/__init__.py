"""`nonmass doctor`: what would be wrong with a folder of data, before anything runs."""
