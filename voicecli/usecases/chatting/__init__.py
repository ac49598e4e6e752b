"""Chatting: a conversation turn by turn, with its tools and notes, and what is kept of it."""
