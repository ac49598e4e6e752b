"""The keys and words of `voice talk`.

Belongs here: which key or typed word asks what of the conversation. Does not belong here: drawing, what a conversation
does when it is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from voicecli.dialogue.manners import SpokenWish
from voicecli.text.clean import one_line

if TYPE_CHECKING:
    from voicecli.dialogue.keys import Keys as Controls

HELP = (
    "While you talk, type a line and Enter to ask in writing.",
    "Ctrl-C or /exit   leave",
    "Ctrl-X or /stop   stop the reply",
    "Ctrl-R or /again  send a lost turn again",
    "F5 or /pause      hold the reply, or go on",
    "F6 or /repeat     say the last sentence again",
    "F7 or /slower     speak more slowly, and F8 or /faster more quickly",
    "Ctrl-O or /mute   close and open the microphone",
    "Ctrl-T or /end    end your turn now (with --ptt: hold it, or press to begin and to end)",
    "/attach FILE      show a picture with what you say next",
    "/mic, /speaker    list microphones or loudspeakers; with a name or number: take that one",
)

WISHES = (
    ("f5", "/pause", SpokenWish.PAUSE),
    ("f6", "/repeat", SpokenWish.REPEAT),
    ("f7", "/slower", SpokenWish.SLOWER),
    ("f8", "/faster", SpokenWish.FASTER),
)
PRESS, RELEASE = Keys.F23, Keys.F24
"""Stand for Ctrl-T pressed and let go, where the terminal tells both (kitty's keyboard protocol)."""
KITTY_ON, KITTY_OFF = "\x1b[>3u", "\x1b[<u"


Taken = Literal["input", "output", "picture"]
Choose = Callable[[Taken, str], str]
"""Takes another device, or a picture, by its name; what is to be told of it."""


def _teach_kitty() -> None:
    """Ctrl chords arrive as CSI u once a terminal reports releases; Ctrl-T's two halves get keys of their own."""
    for code in range(ord("a"), ord("z") + 1):
        key = Keys(f"c-{chr(code)}")
        for suffix in ("5u", "5:1u", "5:2u"):
            ANSI_SEQUENCES[f"\x1b[{code};{suffix}"] = key
        ANSI_SEQUENCES[f"\x1b[{code};5:3u"] = Keys.Ignore
    ANSI_SEQUENCES.update(
        {
            "\x1b[116;5u": PRESS,
            "\x1b[116;5:1u": PRESS,
            "\x1b[116;5:2u": Keys.Ignore,
            "\x1b[116;5:3u": RELEASE,
            # The key may be let go after Ctrl: its release then carries no modifier.
            "\x1b[116;1:3u": RELEASE,
            "\x1b[27u": Keys.Escape,
            "\x1b[27;1:3u": Keys.Ignore,
        }
    )
    for letter in "ABCDHF":
        ANSI_SEQUENCES[f"\x1b[1;1:3{letter}"] = Keys.Ignore


class Keyboard:
    """Keys and typed lines, as calls of a conversation's methods. What is typed before it is ready waits."""

    def __init__(
        self, leave: Callable[[], None], tell: Callable[[str], None], choose: Choose, *, push_to_talk: bool
    ) -> None:
        self.controls: Controls | None = None
        self._leave, self._tell, self._choose, self._ptt = leave, tell, choose, push_to_talk
        self._pressed = self._ready = False
        self._early: list[str] = []
        if push_to_talk:
            _teach_kitty()

    def ready(self) -> None:
        """The conversation listens: what was typed before goes to it."""
        self._ready, early, self._early = True, self._early, []
        for text in early:
            self._ask("type", text)

    def bindings(self) -> KeyBindings:
        keys = KeyBindings()
        table: dict[Any, Callable[[], None]] = {
            "c-c": self._leave,
            "c-x": lambda: self._ask("interrupt"),
            "c-r": lambda: self._ask("again"),
            "c-o": self._toggle_mute,
            **{key: partial(self._ask, "obey", wish) for key, _, wish in WISHES},
            "c-t": self._toggle_talk,
            PRESS: lambda: self._ask("press") if self._ptt else self._ask("release"),
            RELEASE: lambda: self._ask("release") if self._ptt else None,
        }
        for key, act in table.items():
            # At once: Ctrl-X begins longer chords of the line, for which it would wait a second.
            keys.add(key, eager=True)(_bound(act))
        keys.add("c-d")(self._on_ctrl_d)
        if sys.platform != "win32":
            keys.add("c-z")(lambda event: event.app.suspend_to_background())
        return keys

    def typed(self, buffer: Buffer) -> bool:
        """A line and Enter: a word of ours, or a question in writing."""
        text = buffer.text.strip()
        if text.startswith("/"):
            self._word(text)
        elif text and self._ready:
            self._ask("type", text)
        elif text:
            self._early.append(text)
            self._tell("asked as soon as it is ready")
        return False

    def _ask(self, what: str, *given: object) -> None:
        """Calls the conversation's method `what`, once it listens."""
        if self.controls is not None and self._ready:
            getattr(self.controls, what)(*given)

    def _on_ctrl_d(self, event: KeyPressEvent) -> None:
        if not event.current_buffer.text:
            self._leave()

    def _toggle_mute(self) -> None:
        if self.controls is not None and self._ready:
            self.controls.mute(not self.controls.muted)

    def _toggle_talk(self) -> None:
        """Ctrl-T where the terminal tells no releases: begin, then end. Without --ptt it ends the turn."""
        if not self._ptt:
            self._ask("release")
            return
        self._pressed = not self._pressed
        self._ask("press" if self._pressed else "release")

    def _word(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        acts: dict[str, Callable[[], None]] = {
            "/exit": self._leave,
            "/quit": self._leave,
            "/stop": lambda: self._ask("interrupt"),
            "/again": lambda: self._ask("again"),
            "/mute": self._toggle_mute,
            **{word: partial(self._ask, "obey", wish) for _, word, wish in WISHES},
            "/end": lambda: self._ask("release"),
            "/help": lambda: self._tell("\n".join(HELP)),
            "/attach": lambda: self._tell(self._choose("picture", rest.strip())),
            "/mic": lambda: self._tell(self._choose("input", rest.strip())),
            "/speaker": lambda: self._tell(self._choose("output", rest.strip())),
        }
        unknown = f"no command is called {one_line(word)}; /help lists them"
        acts.get(word.lower(), lambda: self._tell(unknown))()


def _bound(act: Callable[[], None]) -> Callable[[KeyPressEvent], None]:
    return lambda _event: act()
