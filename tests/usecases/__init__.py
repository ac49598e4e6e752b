"""Use cases in this process, against real local servers."""
