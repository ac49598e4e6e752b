"""What is kept on this machine: files written whole or not at all, databases, caches."""
