"""What the program says in Chinese: the catalogue is whole, and what is shown is found in it again."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Voice
from tests.test_cli_terminal import Terminal, terminal  # noqa: F401
from voicecli import cli
from voicecli.storage.conversations import Conversation, Message, Store
from voicecli.terminal.help import is_code
from voicecli.terminal.language import code_of, language, sayer
from voicecli.text.phrases import Phrases, entries
from voicecli.text.width import cells, headed, wrapped
from voicecli.verbs import COMMANDS

ROOT = Path(__file__).parents[1]
CATALOGUE = (ROOT / "voicecli" / "locale" / "zh.po").read_text("utf-8")
CHINESE = {"LC_ALL": "zh_CN.UTF-8"}
GAP = re.compile(r"\{\w*\}")


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages", ROOT / "scripts" / "messages.py")
    assert spec and spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_no_sentence_chooses_english_words_in_a_gap(messages: ModuleType) -> None:
    assert messages.chosen() == [], "write a whole sentence for each"


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ("""f"{'replaced' if old else 'wrote'} {path}" """, True),
        ("""f"{total} {'file was' if total == 1 else 'files were'} left out" """, True),
        ("""f"the prompt: {prompt or '(none)'}" """, True),
        ("""f"{who or 'the recogniser'}: {what}" """, False),
        ("""f"{sign}{' ' if sign else ''} is left out" """, False),
        ("""f"{name}.{'verbose' if full else 'json'}" """, False),
    ],
)
def test_a_choice_of_words_in_a_sentence_is_refused(messages: ModuleType, source: str, refused: bool) -> None:
    assert messages.chooses(ast.parse(source.strip(), mode="eval").body) is refused


def test_no_sentence_is_missing_and_none_is_too_many(messages: ModuleType) -> None:
    there = dict(entries(CATALOGUE))
    found = set(messages.collected())
    assert found - set(there) == set(), "python scripts/messages.py, then translate what --missing lists"
    assert set(there) - found == set(), "python scripts/messages.py takes out what is said no more"


def test_a_translation_has_the_same_gaps() -> None:
    pairs = list(entries(CATALOGUE))
    wrong = [each for each in pairs if (set(GAP.findall(each[0])) ^ set(GAP.findall(each[1]))) - {"{x}"}]  # is, are
    assert pairs and wrong == []


SAY = Phrases(
    {
        "is empty": "是空的",
        "{path} holds {count} bytes": "{path} 有 {count} 字节",
        "It has: {names}.": "它有：{names}。",
        "no {KIND} was found": "没有找到{KIND}",
        "microphone": "麦克风",
        "the model {name} failed: {why}": "模型 {name} 失败：{why}",
        "{who} is {what}": "{who} 是 {what}",
    }
).say


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("is empty", "是空的"),
        ("is empty.", "是空的。"),
        ("  is empty\n", "  是空的\n"),
        ("a.wav: is empty", "a.wav: 是空的"),
        ("a.wav holds 12 bytes", "a.wav 有 12 字节"),
        ("It has: a, b.", "它有：a, b。"),
        ("no microphone was found", "没有找到麦克风"),
        ("the model microphone failed: is empty", "模型 microphone 失败：是空的"),
        ("Tom is ill", "Tom is ill"),
        ("nobody translated this", "nobody translated this"),
        ("It has: a holds 1 bytes, is empty.", "它有：a 有 1 字节, 是空的。"),
        ("It has: Tom is ill, is empty.", "它有：Tom is ill, is empty。"),
        ("", ""),
        ("holds " * 500, "holds " * 500),
    ],
)
def test_a_sentence_is_found_again_by_what_stands_outside_its_gaps(english: str, chinese: str) -> None:
    assert SAY(english) == chinese


@given(st.text(alphabet="ab :{}\\.holdsbyte", max_size=40), st.text(alphabet="xy {}0\\", min_size=1, max_size=9))
def test_what_stands_in_a_gap_is_shown_as_it_is(path: str, count: str) -> None:
    said = Phrases({"at {path} there lies {count} of it": "{count}：{path}"}).say(
        f"at {path}! there lies {count} of it"
    )
    assert said == f"{count}：{path}!"


@pytest.mark.parametrize(
    ("env", "wanted", "code"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh_cn", "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "c", "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_SG"}, "zh_sg", "zh"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh_cn", "zh"),
        ({"LANG": "C", "LANGUAGE": "zh_CN"}, "c", "en"),
        ({"LANG": "zh-Hans-CN@euro"}, "zh_hans_cn", "zh"),
        ({"LANG": "POSIX"}, "posix", "en"),
        ({}, "", "en"),
    ],
)
def test_the_environment_tells_the_language(env: dict[str, str], wanted: str, code: str) -> None:
    assert (language(env), code_of(env)) == (wanted, code)


@pytest.mark.parametrize("locale", ["en_US.UTF-8", "C.UTF-8", "zh_TW.UTF-8", "de_DE.UTF-8", ""])
def test_everybody_else_reads_english(locale: str) -> None:
    assert sayer({"LANG": locale})("is empty") == "is empty"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("3 conversations removed.", "已删除 3 段对话。"),
        ("1 conversation removed.", "已删除 1 段对话。"),
        ("Remove 1,000 conversations?", "删除 1,000 段对话？"),
        ("removed 1 entry", "已清除 1 条"),
        ("1 of 3 sentences was lost", "3 句中丢失了 1 句"),
        ("answers are not read aloud.", "回答不会朗读出来。"),
        ("Ray answers, in its mode plan.", "Ray 开始回答，模式为 plan。"),
        ("/x tells it of voice mcp.", "/x 把 voice mcp 告诉它。"),
        ("there is a text and -i", "既有文本又有 -i"),
        ("1 file was left out: 1 no text.", "略去了 1 个文件：1 个不是文本。"),
        ("3 files were left out: 2 no text, 1 larger than 2 MB", "略去了 3 个文件：2 个不是文本, 1 个大于 2 MB"),
        ("a.b must be a whole number from 1 to 9, not 0", "a.b 必须是 1 到 9 的整数，而不是 0"),
        ("Invalid value for '-n': 'x' is not a valid whole number.", "'-n' 的值无效：'x' 不是有效的整数。"),
        ("The microphone is left out: is empty.", "跳过麦克风：是空的。"),
    ],
)
def test_a_sentence_with_a_choice_in_it_is_told_whole(english: str, chinese: str) -> None:
    assert sayer(CHINESE)(english) == chinese


def test_help_and_errors_are_chinese_and_programs_read_english(voice: Voice) -> None:
    shown = voice("--help", env=CHINESE).stdout.decode()
    assert (
        "把录音变成文本。" in shown
        and "日常：" in shown
        and shown.startswith("用法：voice")
        and "Turn recordings" not in shown
    )
    assert "可重复" in voice("transcribe", "--help", env=CHINESE).stdout.decode()
    run = voice("chat", "hi", "-b", "nobody", "--json", env=CHINESE)
    assert run.returncode == 2 and run.stderr.decode().startswith("错误：没有名为 'nobody' 的后端")
    assert json.loads(run.stdout)["error"]["message"] == "no backend is called 'nobody'"
    assert voice("models", "list", env=CHINESE).stdout.decode().startswith("here\tname\t")


def test_a_person_reads_chinese_where_a_pipe_has_english(
    terminal: Terminal,  # noqa: F811
    voice: Voice,
    home: dict[str, str],
) -> None:
    env = CHINESE | {"VOICE_TALK_END_MS": "450", "NO_COLOR": "1", "CI": "1"}
    shown = terminal("config", "show", "-b", "local", env=env)[1]
    for row in ('use.chat  "local"  选项 --backend', "talk.end_ms  450  VOICE_TALK_END_MS", "cache.max_mb  1000  默认"):
        assert row.split() in map(str.split, shown.splitlines())
    assert "默认：127.0.0.1" in terminal("serve", "--help", env=env)[1]
    named = terminal("keys", "set", "--help", env=env)[1]
    assert "[必需]" in named and "voice keys set [OPTIONS] {NAME}\n" in named
    able = terminal("backends", env=env, columns=160)[1].splitlines()
    assert "live 需 live_url 或 桥接 有 桥接 桥接 有" in [" ".join(line.split()) for line in able]
    with Store.open(Path(home["XDG_STATE_HOME"]) / "voicecli" / "history.db") as store:
        store.write(Conversation("chat"), [Message("user", "七"), Message("assistant", "八", interrupted=True)])
    assert terminal("history", "show", env=env)[1] == "你：   七\nvoice: 八 (被打断)\n"
    assert b"yes" in voice("backends", env=CHINESE).stdout and b"default" in voice("config", "show", env=CHINESE).stdout


@pytest.mark.parametrize("width", range(8, 40))
def test_no_row_ends_with_an_opening_mark_or_begins_with_a_closing_one(width: int) -> None:
    text = "最准确（我们尚未试听）的识别：“普通话”、《英语》和「日语」（不含韩语）。"
    rows = wrapped(text, width).split("\n")
    assert "".join(rows) == text and max(map(cells, rows)) <= width
    assert not [row for row in rows if row[-1] in "（“《「" or row[0] in "）”》」、。："]


@pytest.mark.parametrize(
    ("name", "text", "told"), [("Usage", "a", "Usage: a"), ("用法", "a", "用法：a"), ("Ü", "", "Ü:")]
)
def test_a_name_has_the_colon_of_its_script(name: str, text: str, told: str) -> None:
    assert headed(name, text) == told


NAMES_ALONE = {"markdown, json.", "Models."}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_and_flag_is_chinese(name: str) -> None:
    command = cli.load(name, sayer(CHINESE))
    for each in [command, *getattr(command, "commands", {}).values()]:
        said = [part for part in (each.help or "").split("\n\n") if part.strip() and not is_code(part)]
        said += [param.help for param in each.params if param.help and param.help not in NAMES_ALONE]
        assert [text for text in said if text.isascii()] == []
