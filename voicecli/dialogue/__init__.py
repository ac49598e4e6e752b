"""The conversation: pure rooms (events, sentences, history) and the loop that runs a turn."""
