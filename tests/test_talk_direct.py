"""`voice talk` over one service that hears and speaks: the program against a strict one, files in place of devices."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tests import dtmf
from tests.conftest import Voice
from tests.fakes.selfhosted_meaning import SelfHostedMeaning
from tests.fakes.talking_server import TalkingServer
from tests.server.conftest import CONFIG, serving
from tests.test_talk_devices import expected
from tests.test_talk_files import QUESTIONS, conversation, heard, of, write
from voicecli.backends.openai.talking.session import SpeechToSpeech
from voicecli.types import Backend, TalkOptions
from voicecli.types.turns import Answer, AnswerWanted, Heard, Sound


def settings(server: TalkingServer, turns: str = "client") -> str:
    return f"""
[use]
talk = "one"
[backends.one]
family = "openai"
talk_url = "{server.talk_url}"
talk_model = "digits"
talk_dialect = "{server.dialect}"
price = {{ asked = 1e6, answered = 1e6 }}
[talk]
vad = "webrtc"
turns = "{turns}"
"""


@pytest.mark.parametrize(("dialect", "turns"), [("openai", "client"), ("xai", "service")])
def test_every_digit_is_heard_and_said(voice: Voice, tmp_path: Path, dialect: str, turns: str) -> None:
    source, target, config = write(tmp_path / "in.wav", conversation()), tmp_path / "out.wav", tmp_path / "config.toml"
    with TalkingServer(dialect=dialect) as server:
        config.write_text(settings(server, turns))
        flags = (
            "--input",
            source,
            "--output",
            str(target),
            "--json",
            "--timeline",
            str(tmp_path / "turns.html"),
            *(["--fast"] if turns == "client" else []),
        )
        done = voice("talk", *flags, env={"VOICE_CONFIG": str(config)})
    assert done.returncode == 0, done.stderr.decode()
    assert [each["text"] for each in of(done, "user_said")] == QUESTIONS
    assert heard(target)[0] == [expected(question) for question in QUESTIONS]
    assert [each["text"].replace(" ", "") for each in of(done, "assistant_said")] == [expected(q) for q in QUESTIONS]
    assert all(each["gap_ms"] for each in of(done, "turn_metrics"))
    assert server.faults == []
    page, told = (tmp_path / "turns.html").read_text(), of(done, "turn_metrics")
    assert page.count("<text") == 2 * len(QUESTIONS)
    assert [each["answered_tokens"] for each in told] == [5] * len(QUESTIONS), "as the service counted"
    assert f", about {sum(each['tokens'] + each['wasted_tokens'] for each in told):.2g}" in page


@pytest.mark.parametrize("dialect", ["openai", "qwen-omni"])
def test_an_answer_is_told_of_the_notes_that_fit_what_was_said(voice: Voice, tmp_path: Path, dialect: str) -> None:
    source, config = write(tmp_path / "in.wav", conversation()), tmp_path / "config.toml"
    for name, text in {"rome.md": "Breakfast in Rome is at eight.", "boat.md": "The ferry leaves at nine."}.items():
        (tmp_path / "work" / name).write_text(text)
    asks = {"13579": "When is breakfast in Rome?", "24680": "When does the ferry leave?", "112233": "Hm."}
    with TalkingServer(dialect=dialect, hears=lambda digits: asks[digits]) as server, SelfHostedMeaning(str) as lab:
        vectors = f'[backends.lab]\nfamily = "selfhosted"\nembedding_url = "{lab.embedding.url}"\n'
        config.write_text(settings(server).replace("[use]", '[use]\nembed = "lab"') + vectors)
        flags = ("--with", "rome.md", "--with", "boat.md", "--private", "-s", "Be brief.", "--json", "--fast")
        done = voice("talk", "-i", source, "-o", str(tmp_path / "o.wav"), *flags, env={"VOICE_CONFIG": str(config)})
    assert done.returncode == 0, done.stderr.decode()
    assert [each["text"] for each in of(done, "user_said")] == list(asks.values())
    assert [each["text"] for each in of(done, "assistant_said")][:2] == ["rome.md", "boat.md"]
    asked = [each["response"]["instructions"] for each in server.sessions[0].log if each["type"] == "response.create"]
    assert all(each.startswith("Be brief.\n\n") and "they are data" in each.lower() for each in asked)
    assert server.faults == []


def test_who_answers_by_itself_is_not_told_of_notes_too_late(voice: Voice, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    (tmp_path / "work" / "a.md").write_text("A note.")
    with TalkingServer() as server, SelfHostedMeaning(str) as lab:
        vectors = f'[backends.lab]\nfamily = "selfhosted"\nembedding_url = "{lab.embedding.url}"\n'
        config.write_text(settings(server, "service").replace("[use]", '[use]\nembed = "lab"') + vectors)
        done = voice("talk", "--with", "a.md", "-i", "-", "-o", "-", env={"VOICE_CONFIG": str(config)})
    assert done.returncode == 2 and b'Set [talk] turns = "client"' in done.stderr


def test_our_own_server_is_one_of_them(tmp_path: Path) -> None:
    """Its answers, its words, and an interruption that both sides remember alike."""

    async def talk(url: str) -> tuple[list[Answer], list[Answer]]:
        backend = Backend("own", "openai", talk_url=f"{url.replace('http', 'ws')}/v1/realtime", talk_dialect="voicecli")
        async with SpeechToSpeech(backend).converse(TalkOptions(), 16_000, list) as service:
            turns = []
            for digits in ("189", "40"):
                turn = service.begin(print)
                turn.hear(dtmf.encode(digits, 16_000).tobytes())
                async with asyncio.timeout(30), turn.answer(AnswerWanted()) as pieces:
                    turns.append([each async for each in pieces])
                turn.abandon()
            return turns[0], turns[1]

    with serving(tmp_path, config=CONFIG + "[talk]\nvad = 'webrtc'\n") as server:
        first, second = asyncio.run(talk(server.url))
    for pieces, question, answer in ((first, "189", "290"), (second, "40", "51")):
        sound = b"".join(each.pcm for each in pieces if isinstance(each, Sound))
        assert dtmf.decode(np.frombuffer(sound, "<i2"), 16_000) == answer
        assert [each.text.strip(" .") for each in pieces if isinstance(each, Heard)] == [question]
