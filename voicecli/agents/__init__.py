"""Agents: programs that act for a person, and are spoken with by the Agent Client Protocol (version 1, over stdio).

Belongs here: that protocol (`protocol`, `updates`, `forms`), the program (`command`, `process`), a session
(`beginning`, `session`, `sessions`), what it asks (`leave`, `asking`), and the session as what answers in a
conversation (`responder`). Does not belong here: hearing, speaking, flags.
"""
