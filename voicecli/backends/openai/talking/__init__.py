"""Speech to speech: dialects (a table), protocol (pure), line (sockets), turns, session."""
