"""The page at `/`: its files as they are served, and a conversation through it in a real browser."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import dtmf
from tests.server.chromium import FAKE_DEVICES, Tab, browsing
from tests.server.conftest import CONFIG, Served, keep_key, serving

PAGE = Path(__file__).parents[2] / "voicecli" / "server" / "page"
RATE = 48_000
ANSWERED = "document.querySelector('.assistant:not(.open)')"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Tones are no speech for Silero."""
    with serving(tmp_path_factory.mktemp("served"), config=CONFIG + "[talk]\nvad = 'webrtc'\n") as server:
        yield server


# -- its files ---------------------------------------------------------------------------------------


def test_the_page_asks_for_nothing_elsewhere(served: Served) -> None:
    with served.client() as client:
        html = client.get("/")
        files = {name: client.get(f"/{name}") for name in re.findall(r'(?:href|src)="([^"]+)"', html.text)}
        for script in PAGE.glob("*.js"):
            files |= {name: client.get(f"/page/{name}") for name in re.findall(r'"\./(\w+\.js)"', script.read_text())}
    assert {name.removeprefix("page/") for name in files} | {"index.html", "worklets.js"} == {
        each.name for each in PAGE.iterdir()
    }
    for name, answer in {"/": html, **files}.items():
        assert answer.status_code == 200, name
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
        assert set(re.findall(r"https?://[^\"' ]+", answer.text)) <= {"http://www.w3.org/2000/svg"}, name
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", html.text)


def test_each_sentence_is_there_in_both_languages() -> None:
    english, chinese = re.findall(r"^  \w\w: \{(.*?)^  \}", (PAGE / "words.js").read_text(), re.S | re.M)
    names = [re.findall(r"^    (\w+):", each, re.M) for each in (english, chinese)]
    assert names[0] == names[1]
    asked = "".join(each.read_text() for each in (PAGE / "index.html", *PAGE.glob("*.js")) if each.name != "words.js")
    assert [name for name in names[0] if not re.search(rf"\W{name}\W", asked)] == []


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py", "%2e%2e%2fapp.py", "..%5capp.py", "index.html%00.js"])
def test_no_path_leads_out_of_the_page(served: Served, name: str) -> None:
    with served.client() as client:
        assert client.get(f"/page/{name}").status_code == 404


# -- in a browser ------------------------------------------------------------------------------------

SOUNDING = """
window.sounded = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to === this.context.destination && this instanceof AudioWorkletNode) {
    const tap = new AudioWorkletNode(this.context, "recorder", { numberOfOutputs: 0 });
    tap.port.onmessage = ({ data }) => window.sounded.push(...data);
    connect.call(this, tap);
  }
  return connect.call(this, to, ...rest);
};
"""
"""What the loudspeaker is given is kept, in the audio's own thread: a busy page loses nothing of it."""

LIKE_FIREFOX = """
const source = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (stream) {
  if (this.sampleRate === 24000) throw new DOMException("rates differ", "NotSupportedError");
  return source.call(this, stream);
};
"""


def microphone(path: Path, *said: str | float) -> str:
    """A flag: the microphone hears digits and, for numbers, so many seconds of silence."""
    quiet = [np.zeros(round(each * RATE), np.int16) for each in said if isinstance(each, float)]
    parts = [quiet.pop(0) if isinstance(each, float) else dtmf.encode(each, RATE) for each in said]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.concatenate(parts).tobytes())
    return f"--use-file-for-fake-audio-capture={path}%noloop"


def open_page(tab: Tab, url: str, *scripts: str) -> None:
    for each in scripts:
        tab.ask("Page.addScriptToEvaluateOnNewDocument", source=each)
    tab.ask("Page.navigate", url=url)
    tab.until("document.querySelector('#voice')?.options.length > 1")


def type_in(tab: Tab, text: str) -> None:
    tab.do(f"document.querySelector('#words').value = {text!r}, document.querySelector('#type').requestSubmit()")


def said(tab: Tab) -> list[list[str]]:
    found: list[list[str]] = tab.do("[...document.querySelectorAll('li')].map((x) => [x.className, x.textContent])")
    return found


def digits_that_sounded(tab: Tab) -> str:
    return dtmf.decode(np.array(tab.do("sounded"), np.int16), 24_000)


def troubles(tab: Tab) -> list[str]:
    """What the browser complains of, and what it asked of another host."""
    found = [str(each) for each in tab.seen if each.get("method") == "Runtime.exceptionThrown"]
    logged = [each["params"]["entry"] for each in tab.seen if each.get("method") == "Log.entryAdded"]
    found += [each["text"] for each in logged if each["level"] == "error" and "401" not in each["text"]]
    asked = [each["params"]["request"]["url"] for each in tab.seen if each.get("method") == "Network.requestWillBeSent"]
    return found + [each for each in asked if not each.startswith(("http://127.0.0.1:", "data:"))]


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A browser whose microphone hears a question a second after it is opened."""
    folder = tmp_path_factory.mktemp("hearing")
    with browsing(folder, FAKE_DEVICES[0], microphone(folder / "in.wav", 1.0, "189", 30.0)) as tab:
        yield tab


def permit(tab: Tab, setting: str) -> None:
    """The person's answer when the page asks for the microphone."""
    tab.ask("Browser.setPermission", permission={"name": "microphone"}, setting=setting)


@pytest.fixture(scope="module")
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A browser on a machine without a microphone."""
    folder = tmp_path_factory.mktemp("deaf")
    with browsing(folder, env={"PULSE_SERVER": f"unix:{folder / 'nobody'}"}) as tab:
        yield tab


@pytest.mark.needs_browser
@pytest.mark.needs_sound
@pytest.mark.parametrize("scripts", [(), (LIKE_FIREFOX,)], ids=["", "like Firefox"])
def test_a_question_is_heard_and_its_answer_sounds(served: Served, hearing: Tab, scripts: tuple[str, ...]) -> None:
    hearing.fresh()
    permit(hearing, "granted")
    open_page(hearing, served.url, SOUNDING, *scripts)
    hearing.do("document.querySelector('#talk').click()")
    hearing.until(ANSWERED)
    hearing.until("document.querySelector('#status').textContent === 'I am listening.'")
    assert said(hearing) == [["user", "189"], ["assistant", "290."]]
    assert digits_that_sounded(hearing) == "290"
    assert not troubles(hearing)


@pytest.mark.needs_browser
@pytest.mark.needs_sound
def test_speech_silences_an_answer(served: Served, hearing: Tab) -> None:
    hearing.fresh()
    permit(hearing, "granted")
    open_page(hearing, served.url, SOUNDING)
    type_in(hearing, "1234567890" * 4)
    hearing.until("window.sounded.length > 24000")
    hearing.do("document.querySelector('#talk').click()")
    hearing.until("document.querySelector('.cut')")
    heard = digits_that_sounded(hearing)
    hearing.until("document.querySelectorAll('.assistant:not(.open)').length === 2")
    assert said(hearing)[2] == ["user", "189"]
    assert 6 <= len(heard) < 40 and ("2345678901" * 4).startswith(heard.rstrip("?"))
    assert not troubles(hearing)


@pytest.mark.needs_browser
@pytest.mark.parametrize(
    ("browser", "setting", "sentence"),
    [
        ("hearing", "denied", "The browser may not use the microphone."),
        ("deaf", "granted", "No microphone was found."),
    ],
)
def test_without_a_microphone_one_can_type(
    served: Served, request: pytest.FixtureRequest, browser: str, setting: str, sentence: str
) -> None:
    tab: Tab = request.getfixturevalue(browser)
    tab.fresh()
    permit(tab, setting)
    open_page(tab, served.url)
    tab.do("document.querySelector('#talk').click()")
    tab.until(f"document.querySelector('#status').textContent.startsWith({sentence!r})")
    type_in(tab, "472")
    tab.until(f"{ANSWERED}?.textContent === '583.'")
    assert not troubles(tab)


@pytest.mark.needs_browser
def test_a_key_is_asked_for_in_the_persons_language(tmp_path: Path, deaf: Tab) -> None:
    keep_key(tmp_path)
    deaf.fresh()
    deaf.ask("Network.setUserAgentOverride", userAgent="", acceptLanguage="zh-CN")
    with serving(tmp_path) as server:
        deaf.ask("Page.navigate", url=server.url)
        deaf.until("document.querySelector('#locked')?.hidden === false")
        assert "这台服务器需要密钥。" in deaf.text() and "按下按钮" in deaf.text()
        deaf.do(
            "const key = document.querySelector('#key'); key.value = 'sesame-1234'; "
            "key.dispatchEvent(new Event('change', { bubbles: true }))"
        )
        deaf.until("document.querySelector('#voice').options.length > 1")
        type_in(deaf, "472")
        deaf.until(f"{ANSWERED}?.textContent === '583.'")
        assert not troubles(deaf)
