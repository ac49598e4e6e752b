"""Interop tests run only where their tools were asked for: VOICE_INTEROP names them (scripts/interop.sh sets it).

Belongs here: which files are collected, and what all of them share. Does not belong here: starting any one tool.
"""

from __future__ import annotations

import os

TOOLS = {
    "sdk": "test_openai_sdk.py",
    "aimock": "test_aimock.py",
    "litellm": "test_litellm.py",
    "prism": "test_prism.py",
    "agents": "test_agents.py",
    "schemathesis": "test_schemathesis.py",
    "openai-agents": "test_serve.py",
    "peers": "test_serve_heavy.py",
    "ray": "test_ray.py",
}
ASKED = os.environ.get("VOICE_INTEROP", "").split()
collect_ignore = [file for tool, file in TOOLS.items() if tool not in ASKED]
