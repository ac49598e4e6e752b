"""Data files of the program. Belongs here: what is read, never code."""
