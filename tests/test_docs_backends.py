"""docs/backends.md: every example is a whole configuration that works, and the endpoints are all there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from voicecli import wiring
from voicecli.backends.registry import ENDPOINTS, FAMILIES
from voicecli.config import Config, load
from voicecli.types.hosts import is_loopback
from voicecli.verbs import COMMANDS, VERBS, Verb

pytestmark = pytest.mark.anyio

TEXT = (Path(__file__).parents[1] / "docs" / "backends.md").read_text(encoding="utf-8")
EXAMPLES = [
    pytest.param(block, id=re.sub(r"\W+", "-", heading) + str(n))
    for section in re.split(r"^##+ ", TEXT, flags=re.MULTILINE)[1:]
    for heading in [section.partition("\n")[0]]
    for n, block in enumerate(re.findall(r"```toml\n(.*?)```", section, re.DOTALL))
]
ROWS = re.findall(r"^\| (\w+) \| `(GET|POST|WS) (\S+)`(?: \(\w+\))? \| (.*) \|$", TEXT, re.MULTILINE)

NAMED = (
    *("OpenAI", "A relay", "Xinference with SenseVoice and ChatTTS", "Qiniu", "Local servers of your own"),
    *("The government cloud", "Ollama", "LM Studio", "llama.cpp", "vLLM", "LocalAI", "speaches", "whisper.cpp"),
    *("FunASR", "local"),
)

DOCUMENTED = """
openai POST /v1/chat/completions
openai POST /v1/audio/transcriptions
openai POST /v1/audio/translations
openai POST /v1/audio/speech
openai GET /v1/models
selfhosted POST /asr
selfhosted POST /asr/stream
selfhosted GET /health
selfhosted POST /api/chat
selfhosted POST /api/chat/stream
selfhosted POST /synthesize
selfhosted GET /Qwen3-Embedding-4B/{text}
selfhosted POST /Qwen3-Embedding-4B
selfhosted POST /similarity
selfhosted POST /rerank
gov POST /v1/chat/completions
gov POST /v1/asr
gov GET /v1/tts
gov POST /v1/images/generations
gov POST /uploadFile/uploadLearningFile
gov POST /image/imageToText
gov POST /image/enhanceImage
gov POST /image/generateVideo
gov POST /video/motInference
gov POST /video/mmeditingInference
qiniu POST /v1/voice/asr
qiniu WS /v1/voice/asr
qiniu GET /v1/voice/list
qiniu POST /v1/voice/tts
qiniu WS /v1/voice/tts
qiniu POST /v1/chat/completions
"""
"""Every endpoint that the services' own documents name."""


def loaded(example: str, folder: Path) -> Config:
    path = folder / "config.toml"
    path.write_text(example, encoding="utf-8")
    return load({"HOME": str(folder)}, path=path)


def test_every_service_that_people_ask_for_has_an_example() -> None:
    headings = re.findall(r"^### (.*)$", TEXT, re.MULTILINE)
    assert sorted(headings) == sorted(NAMED)
    assert len(EXAMPLES) > len(NAMED)


def test_every_link_inside_the_page_leads_somewhere() -> None:
    headings = re.findall(r"^##+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) == anchors - {"services", "software-on-your-machine"}


@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_loads_and_every_backend_of_it_opens(example: str, tmp_path: Path) -> None:
    """Opening checks addresses and settings, and sends nothing."""
    config = loaded(example, tmp_path)
    assert config.backends
    named = re.findall(r"^(\w+) = ", example.partition("[backends")[0], re.MULTILINE)
    verbs = [row.name for row in VERBS.values() if row.use in named and row.leaves]
    assert verbs
    for verb in verbs:
        family, backend = wiring.choose(verb, config)
        if not family.can(verb):  # over a bridge
            continue
        assert backend.name in config.backends
        if not family.offline:
            factory = family.opening(verb)
            assert factory is not None
            async with factory(backend):
                pass


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_example_holds_a_key_or_asks_for_one_on_this_machine(example: str, tmp_path: Path) -> None:
    for backend in loaded(example, tmp_path).backends.values():
        assert backend.key is None
        assert "sk-" not in example
        verbs: tuple[Verb, ...] = ("transcribe", "chat", "speak", "embed")
        hosts = {host for verb in verbs for host in wiring.hosts(verb, backend)}
        if hosts and all(is_loopback(host) for host in hosts):
            assert not backend.api_key_env


def test_the_examples_cover_every_family() -> None:
    families = set(re.findall(r'^family = "(\w+)"', TEXT, re.MULTILINE))
    assert families == set(FAMILIES)


def test_every_documented_endpoint_is_in_the_table() -> None:
    listed = {(family, method, path) for family, method, path, _ in ROWS}
    documented = {tuple(line.split()) for line in DOCUMENTED.split("\n") if line}
    assert documented <= listed
    assert len(ROWS) == TEXT.partition("## Which endpoint")[2].count("\n| ") - 2, "a row of the table has another form"
    assert len(ROWS) == sum(map(len, ENDPOINTS.values()))


def test_each_endpoint_names_commands_that_exist() -> None:
    for name, _, path, use in ROWS:
        commands = re.findall(r"`voice (\w+)[^`]*`", use)
        assert commands and set(commands) <= set(COMMANDS), (name, path)


OF_OUR_OWN = {("selfhosted", "voices"), ("gov", "voices")}
"""Lists that no service is asked for."""


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_endpoints_are_those_of_the_verbs_that_the_family_has(name: str) -> None:
    family = FAMILIES[name].at_best
    has = {verb for verb in get_args(Verb) if family.can(verb) and (name, verb) not in OF_OUR_OWN}
    assert {verb for each in ENDPOINTS[name] for verb in each.verbs} == has


def test_every_family_that_speaks_to_somebody_has_its_endpoints() -> None:
    assert set(ENDPOINTS) == {name for name, family in FAMILIES.items() if not family.at_best.offline}
