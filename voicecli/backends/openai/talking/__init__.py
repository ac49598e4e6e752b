"""Speech to speech: dialects (a table), protocol (pure), a line and lines (sockets), sound and turns, session."""
