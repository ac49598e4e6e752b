"""Recordings to texts: which are meant, how they are sent, what becomes of them."""
