"""Qiniu's cloud voice: recognition over a binary WebSocket, speech, voices, and chat as OpenAI's.

`family` says what it can, with the factories. `frames`, `recognised` and `recognition` are pure; `failover` chooses
between its bases; `adapters` and `speech` carry bytes.
"""
