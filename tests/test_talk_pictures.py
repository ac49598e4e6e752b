"""`voice talk --attach` and /attach: a picture goes with what is said next, to a model and to one service alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.fakes.openai_pictures import OpenAIPictures
from tests.fakes.openai_server import Habits
from tests.fakes.pictures import png
from tests.fakes.talking_server import TalkingServer
from tests.test_talk_devices import expected, settings
from tests.test_talk_direct import settings as one_service
from tests.test_talk_files import QUESTIONS, conversation, of, write
from voicecli.dialogue.events import AssistantSaid, UserSaid
from voicecli.errors import InputError
from voicecli.types import Picture
from voicecli.usecases.attaching import picture
from voicecli.wiring.showing import Showing

SEEN = "778"
ONE, TWO = Picture(b"1", "image/png"), Picture(b"2", "image/png")


@pytest.mark.parametrize("direct", [False, True])
def test_a_picture_goes_with_what_is_said_first(voice: Voice, tmp_path: Path, direct: bool) -> None:
    (tmp_path / "work" / "it.png").write_bytes(png(SEEN))
    config, flags = tmp_path / "config.toml", ("-i", write(tmp_path / "in.wav", conversation()), "--fast", "--json")
    with TalkingServer() if direct else OpenAIPictures(Habits(answer=lambda text: " ".join(text))) as server:
        config.write_text(one_service(server) if isinstance(server, TalkingServer) else settings(server))
        target = str(tmp_path / "out.wav")
        done = voice("talk", "-o", target, "-a", "it.png", *flags, env={"VOICE_CONFIG": str(config)})
    assert done.returncode == 0, done.stderr.decode()
    first, *others = ["".join(filter(str.isdigit, each["text"])) for each in of(done, "assistant_said")]
    assert first == SEEN
    assert others == [expected(each) if direct else each for each in QUESTIONS[1:]]


@pytest.mark.parametrize(("name", "told"), [("it.txt", "is no picture"), ("no.png", "is no picture")])
def test_what_is_no_picture_is_refused_before_anybody_speaks(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "it.txt").write_text("words")
    with pytest.raises(InputError, match=told):
        picture(tmp_path / name)


def test_a_picture_stays_until_an_answer_to_what_was_said_after_it() -> None:
    told: list[int] = []
    showing = Showing(lambda pictures: told.append(len(pictures)))
    showing.emit(UserSaid("hello"), 1)
    showing.show(ONE)
    showing.show(TWO)
    showing.emit(AssistantSaid("Hello. A timer rings."), 1)
    showing.emit(AssistantSaid("It rings."), 2)
    assert showing.pictures == (ONE, TWO), "neither was an answer to what they were shown with"
    showing.emit(UserSaid("what is this?"), 3)
    showing.emit(AssistantSaid("A pig."), 3)
    assert told == [1, 2, 0]
