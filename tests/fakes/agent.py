"""A scripted agent: a small program that speaks the Agent Client Protocol (version 1) over its pipes.

What it does is said in the prompt, `STEP; STEP; …`: see `Agent.step`. Every line that it gets is written to the file of
$AGENT_LOG, its number to that of $AGENT_LOG.pid. It ends with 3 where somebody opens two prompts at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Message = dict[str, Any]
HABITS = set(sys.argv[1:])
"""How it was started: sign-in, sign-in-late, keyed, no-modes, models, loads, resumes, forgetful, deaf, children."""
MODES = {
    "currentModeId": "auto",
    "availableModes": [{"id": "auto", "name": "Auto"}, {"id": "default", "name": "Manual"}],
}
MODELS = {
    "configOptions": [
        {
            "id": "m",
            "name": "Model",
            "category": "model",
            "type": "select",
            "currentValue": "small",
            "options": [
                {"group": "g", "name": "All", "options": [{"value": v, "name": v} for v in ("small", "large")]}
            ],
        }
    ]
}
FORM = {
    "type": "object",
    "required": ["colour", "sure", "count"],
    "properties": {
        "colour": {"type": "string", "oneOf": [{"const": "r", "title": "Red"}, {"const": "b", "title": "Dark blue"}]},
        "sure": {"type": "boolean", "title": "Are you sure"},
        "count": {"type": "integer", "title": "How many"},
        "note": {"type": "string"},
    },
}
OPTIONS = [
    {"optionId": "a", "name": "Allow all edits during this session", "kind": "allow_always"},
    {"optionId": "y", "name": "Yes", "kind": "allow_once"},
    {"optionId": "n", "name": "No", "kind": "reject_once"},
]


class Agent:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cancelled = threading.Event()
        self.answers: dict[int, Message] = {}
        self.answered = threading.Condition()
        self.prompt: Any = None
        self.signed = False
        self.asked = 0

    # -- the pipe ------------------------------------------------------------------------------------

    def write(self, message: Message) -> None:
        self.raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        with self.lock:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def update(self, update: str, **more: Any) -> None:
        self.write(
            {"method": "session/update", "params": {"sessionId": "s", "update": {"sessionUpdate": update, **more}}}
        )

    def say(self, text: str, kind: str = "agent_message_chunk") -> None:
        self.update(kind, content={"type": "text", "text": text})

    def word(self, text: str) -> None:
        self.say(text + " ")

    def count(self, number: str) -> None:
        for each in range(int(number)):
            self.word(str(each))

    def ask(self, method: str, params: Message) -> Message:
        """A request of ours; returns the answer, `{}` where the prompt was cancelled meanwhile."""
        self.asked += 1
        number = self.asked
        self.write({"id": number, "method": method, "params": {"sessionId": "s", **params}})
        with self.answered:
            self.answered.wait_for(lambda: number in self.answers)
        return self.answers[number]

    # -- what it does --------------------------------------------------------------------------------

    def step(self, step: str) -> str:
        """One step; returns why the prompt ends, or ""."""
        verb, _, rest = step.strip().partition(" ")
        does: dict[str, Callable[[str], object]] = {
            "say": self.word,
            "think": lambda text: self.say(text, "agent_thought_chunk"),
            "echo": lambda text: self.say(text, "user_message_chunk"),
            "count": self.count,
            "junk": lambda _: self.raw(b'warning: no JSON here\n{"a": \n[1]\n\xff\xfe\n"x"\n'),
            "large": lambda size: self.say("x" * int(size)),
            "strange": lambda _: self.strange(),
            "die": lambda code: os._exit(int(code or 1)),
            "wait": lambda seconds: self.cancelled.wait(float(seconds)),
            "sleep": lambda seconds: threading.Event().wait(float(seconds)),
            "tool": lambda title: self.update(
                "tool_call", toolCallId="t", title=title, kind="execute", status="pending"
            ),
            "done": lambda _: self.update("tool_call_update", toolCallId="t", status="completed"),
            "may": self.may,
            "mode": lambda id: self.update("current_mode_update", currentModeId=id),
            "form": lambda text: self.form(text),
            "fs": lambda _: self.say(f"error {self.ask('fs/read_text_file', {'path': '/x'})['error']['code']}. "),
            "late": lambda text: threading.Timer(0.2, self.late, [text]).start(),
        }
        if verb == "end":
            return rest
        does[verb](rest)
        return "cancelled" if self.cancelled.is_set() else ""

    def late(self, text: str) -> None:
        """Says it, then asks for something: the answer shows that what was said came."""
        self.say(text)
        self.ask("fs/read_text_file", {"path": "/x"})

    def strange(self) -> None:
        """Kinds, tools and notifications that nobody knows."""
        self.update("hologram", shape="cube")
        self.update("tool_call", toolCallId="z", title="Zap", kind="teleport", status="vanished", content="none")
        self.update("plan", entries=[{"content": "a", "priority": "high", "status": "pending"}])
        self.write({"method": "_craft/notify", "params": {"x": 1}})
        self.write({"id": 77, "method": "craft/drain", "params": []})
        self.write({"id": 4711, "result": {}})

    def may(self, name: str) -> None:
        """Asks whether it may write the file; it does, where the answer is a yes once."""
        call: Message = {"toolCallId": "w"}
        if not name.startswith("only"):
            diff = {"type": "diff", "path": str(Path(name).absolute()), "oldText": "", "newText": "made\n"}
            call |= {"title": f"Write {name}", "kind": "edit", "status": "pending", "content": [diff]}
        outcome = self.ask("session/request_permission", {"toolCall": call, "options": OPTIONS})["result"]["outcome"]
        if outcome.get("optionId") in ("y", "a"):
            Path(name).write_text("made\n", encoding="utf-8")
            self.say("I wrote it always. " if outcome["optionId"] == "a" else "I wrote it. ")

    def form(self, message: str) -> None:
        """Asks for a form, and says what it got."""
        wanted = {"mode": "form", "message": message, "requestedSchema": FORM}
        self.say(json.dumps(self.ask("elicitation/create", wanted)["result"], sort_keys=True) + " ")

    def run(self, number: Any, words: str) -> None:
        reason = ""
        for step in words.split(";"):
            if reason := self.step(step):
                break
        if reason == "cancelled" and "deaf" in HABITS:
            threading.Event().wait()
        self.prompt = None
        self.write({"id": number, "result": {"stopReason": reason or "end_turn"}})

    # -- what it is told -----------------------------------------------------------------------------

    def take(self, message: Message) -> None:
        method, number = message.get("method"), message.get("id")
        if method is None:
            with self.answered:
                self.answers[message["id"]] = message
                self.answered.notify_all()
        elif method == "session/cancel":
            self.cancelled.set()
        elif method == "session/prompt":
            if self.prompt is not None:
                os._exit(3)
            self.prompt = number
            self.cancelled.clear()
            if "sign-in-late" in HABITS:
                self.write({"id": number, "error": {"code": -32000, "message": "Please run /login"}})
                return
            words = message["params"]["prompt"][-1]["text"]
            threading.Thread(target=self.run, args=(number, words), daemon=True).start()
        else:
            self.write({"id": number, **self.opened(str(method))})

    def opened(self, method: str) -> Message:
        if method == "session/new" and ("sign-in" in HABITS or ("keyed" in HABITS and not self.signed)):
            return {"error": {"code": -32000, "message": "Authentication required"}}
        if method in ("session/load", "session/resume") and "forgetful" in HABITS:
            return {"error": {"code": -32002, "message": "No such session"}}
        if method == "session/load":
            for kind, said in (("user", "what "), ("user", "now?"), ("agent", "This\x1b[2J. ")):
                self.say(said, f"{kind}_message_chunk")
        self.signed = self.signed or method == "authenticate"
        opened = ({} if "no-modes" in HABITS else {"modes": MODES}) | (MODELS if "models" in HABITS else {})
        terminal = {"id": "login", "name": "Log in", "type": "terminal", "args": ["--login"]}
        can = {"loadSession": "loads" in HABITS, "sessionCapabilities": {"resume": {}} if "resumes" in HABITS else {}}
        ways = [{"id": "openai-api-key", "name": "Key"}] if "keyed" in HABITS else [terminal]
        known: Message = {
            "initialize": {"protocolVersion": 1, "agentCapabilities": can, "authMethods": ways},
            "session/new": {"sessionId": "s", **opened},
            "session/load": opened,
            "session/resume": opened,
        }
        return {"result": known.get(method, {})}


def main() -> None:
    if "deaf" in HABITS or "children" in HABITS:
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(15, 1); signal.pause()"])
    sys.stderr.write("agent: started\n")
    sys.stderr.flush()
    agent = Agent()
    log = os.environ.get("AGENT_LOG")
    if log:
        Path(f"{log}.pid").write_text(str(os.getpid()), encoding="utf-8")
    for line in sys.stdin.buffer:
        if log:
            with Path(log).open("ab") as file:
                file.write(line)
        agent.take(json.loads(line))
    if "deaf" in HABITS or "children" in HABITS:
        threading.Event().wait()


def group_lives(pid: int) -> bool:
    """Whether a process of the group runs; one that has ended, and that nobody has asked for, does not."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return any(int(group) == pid and not stat.startswith("Z") for group, stat in map(str.split, listed.splitlines()))


if __name__ == "__main__":
    main()
