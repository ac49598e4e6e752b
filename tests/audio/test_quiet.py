"""C's chatter is silenced, Python's words and those of child processes are not. In a process of its own."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import ctypes, os, sys
from voicecli.audio import quiet
libc = ctypes.CDLL(None)
libc.fputs.argtypes = (ctypes.c_char_p, ctypes.c_void_p)
def chatter(text):
    libc.fputs(text, ctypes.c_void_p.in_dll(ctypes.CDLL(None), "stderr"))
chatter(b"before\\n")
with quiet.hushed():
    chatter(b"ALSA lib pcm.c\\n")
    print("ours", file=sys.stderr, flush=True)
    os.system("echo a child >&2")
    quiet.begin()
    with quiet.hushed():
        pass
chatter(b"still silent\\n")
quiet.end()
chatter(b"after\\n")
"""


def test_only_c_falls_silent_and_only_for_the_time() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, timeout=30)
    expected = ["before", "ours", "a child", "after"] if sys.platform.startswith("linux") else None
    assert run.returncode == 0
    assert expected is None or run.stderr.decode().split("\n")[:-1] == expected


def test_without_a_stderr_nothing_breaks() -> None:
    code = "import os; os.close(2)\nfrom voicecli.audio import quiet\nwith quiet.hushed(): pass\nprint('fine')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30).stdout == b"fine\n"
