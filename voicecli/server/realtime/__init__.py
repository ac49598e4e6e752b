"""`WS /v1/realtime`: the conversation of `voice talk` for clients of OpenAI's realtime API.

Belongs here: nothing but the package.
"""
