"""A person's notes, found by meaning: cut into passages, turned into vectors, kept, found, given to a model."""
