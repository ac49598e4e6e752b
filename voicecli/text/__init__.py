"""Text without a world: pure functions on strings."""
