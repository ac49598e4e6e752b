"""What an agent asks a person, from its first word aloud to the answer that the agent gets. Pure.

Belongs here: which question is next, after which answer or silence. Does not belong here: the words (agents.leave,
agents.forms), speaking, the pipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voicecli.agents import forms
from voicecli.agents.forms import Form, Unclear
from voicecli.agents.leave import SHOWN, decided, outcome, particulars, question, scope, visible, wants_always
from voicecli.agents.protocol import Table
from voicecli.agents.updates import Leave
from voicecli.dialogue.consent import asked_aloud
from voicecli.dialogue.courtesy import Verdict
from voicecli.types.jsonvalue import Json

TIMES = 2
"""How often a question is asked."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The agent's answer. `refused`: the person said no; `stop`: nor shall it go on in another way."""

    result: Table
    refused: bool = False
    stop: bool = False


class AgentAsks(Protocol):
    """A question that is open: `said` is what is asked aloud now, `shown` all of it for the screen."""

    request: Json
    said: str
    shown: str

    def answered(self, person: str, heard: str, before: str) -> Settled | None:
        """After the person's words; `heard` sounded, `before` and `said` having been said. None: `said` is asked."""
        ...

    def silent(self) -> Settled | None:
        """Nobody answers. None: `said` is asked once more."""
        ...


class AskingLeave:
    """Whether the agent may: once after a yes; for longer only after "always", its scope heard, and "always" again."""

    def __init__(self, leave: Leave, chinese: bool) -> None:
        self.leave, self.chinese, self.request = leave, chinese, leave.request
        self.said = question(leave.step, chinese=chinese)
        whole = particulars(leave.step)
        self._all_shown = len(whole) <= SHOWN
        cut = f"\n… ({len(whole)} characters: too much to agree to aloud)"
        self.shown = visible(whole[:SHOWN]) + ("" if self._all_shown else cut)
        self._times, self._always = 1, False

    def answered(self, person: str, heard: str, before: str) -> Settled | None:
        heard_out = self._all_shown and asked_aloud(heard, before, self.said)
        if heard_out and wants_always(person):
            if self._always:
                return Settled(outcome(self.leave, "allow_always"))
            if told := scope(self.leave, chinese=self.chinese):
                self.said, self._always, self._times = told, True, 1
                return None
        found = decided(person, self.said, heard, before, all_shown=self._all_shown)
        if found is Verdict.YES:
            return Settled(outcome(self.leave, "allow_once"))
        return self._refused(stop=False) if found is Verdict.NO else self.silent()

    def silent(self) -> Settled | None:
        self._times += 1
        return self._refused(stop=True) if self._times > TIMES else None

    def _refused(self, *, stop: bool) -> Settled:
        return Settled(outcome(self.leave, "reject_once", "reject_always"), refused=True, stop=stop)


class AskingForm:
    """The fields of a form, one after the other; what stays unclear is asked once more, and then given up."""

    def __init__(self, form: Form, chinese: bool) -> None:
        self.form, self.chinese = form, chinese
        self.request, self.shown = form.request, visible(forms.shown(form))
        self._filled: dict[str, Json] = {}
        self._times = 1
        self._ask()

    def _ask(self) -> None:
        self.said = forms.asked(self.form, len(self._filled), chinese=self.chinese)

    def answered(self, person: str, heard: str, before: str) -> Settled | None:
        wanted = self.form.fields[len(self._filled)]
        found = Unclear() if forms.declines(person) and not wanted.options else forms.value(wanted, person)
        if isinstance(found, Unclear):
            return Settled({"action": "cancel"}, refused=True) if forms.declines(person) else self.silent()
        self._filled[wanted.name] = found
        if len(self._filled) == len(self.form.fields):
            return Settled({"action": "accept", "content": dict(self._filled)})
        self._times = 1
        self._ask()
        return None

    def silent(self) -> Settled | None:
        self._times += 1
        return Settled({"action": "cancel"}, refused=True, stop=True) if self._times > TIMES else None
