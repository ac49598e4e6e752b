"""What the next question to the model is made of, and what of a reply was heard."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.dialogue.history import (
    INTERRUPTED,
    INTERRUPTED_NOTE,
    History,
    cut_to_heard,
    estimate_tokens,
    mark_interrupted,
    trim,
)
from voicecli.text.join import joined
from voicecli.text.sentences import FULL, SentenceSplitter
from voicecli.types import ChatMessage

S, U, A = "system", "user", "assistant"


def messages(*pairs: tuple[str, str]) -> tuple[ChatMessage, ...]:
    return tuple(ChatMessage(role, content) for role, content in pairs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("你好", 2), ("你好abcd", 3), ("한국", 2), ("。", 1)],
)
def test_tokens_are_estimated(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


# -- trimming ----------------------------------------------------------------------------------------

LONG = messages((S, "x" * 40), (U, "a" * 40), (A, "b" * 40), (U, "c" * 40), (A, "d" * 40), (U, "e" * 40))


@pytest.mark.parametrize(
    ("budget", "kept"),
    [(84, [0, 1, 2, 3, 4, 5]), (83, [0, 3, 4, 5]), (56, [0, 3, 4, 5]), (55, [0, 5]), (28, [0, 5]), (1, [0, 5])],
)
def test_the_oldest_go_first_and_a_question_comes_first(budget: int, kept: list[int]) -> None:
    """Each message is 10 tokens and 4 of its own."""
    assert trim(LONG, budget) == tuple(LONG[i] for i in kept)


def test_a_question_is_kept_with_what_answers_it() -> None:
    talk = messages((U, "a" * 400), (A, "b" * 400))
    assert trim(talk, 10) == talk
    assert trim(messages((S, "s"), (A, "b")), 100) == messages((S, "s"))
    assert trim((), 10) == ()


MESSAGES = st.lists(
    st.builds(ChatMessage, st.sampled_from(["user", "assistant"]), st.text(min_size=1, max_size=50)), max_size=12
)


@given(st.booleans(), MESSAGES, st.integers(-5, 200))
def test_whatever_is_trimmed(with_system: bool, talk: list[ChatMessage], budget: int) -> None:
    system = [ChatMessage("system", "Be brief.")] if with_system else []
    kept = trim([*system, *talk], budget)
    rest = kept[len(system) :]
    assert list(kept[: len(system)]) == system
    assert list(rest) == talk[len(talk) - len(rest) :]
    assert not rest or rest[0].role == "user"
    questions = [i for i, each in enumerate(talk) if each.role == "user"]
    assert not questions or len(rest) >= len(talk) - questions[-1]
    cost = sum(estimate_tokens(each.content) + 4 for each in kept)
    assert cost <= budget or len(rest) == (len(talk) - questions[-1] if questions else 0)
    assert trim([*system, *talk], budget + 10_000) == (*system, *talk[questions[0] if questions else len(talk) :])


# -- joining -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((), ""),
        (("one", "two"), "one two"),
        ((" one ", "", "  ", "two"), "one two"),
        (("今天", "天气"), "今天天气"),
        (("今天，", "ok"), "今天，ok"),
        (("用", "Python", "写"), "用 Python 写"),
        (("Sure,", "I can.", "Yes"), "Sure, I can. Yes"),
        (("Wait", "... what"), "Wait... what"),
        (("안녕", "하세요"), "안녕 하세요"),
        (("はい", "そうです"), "はいそうです"),
    ],
)
def test_utterances_are_joined_as_they_are_written(parts: tuple[str, ...], text: str) -> None:
    assert joined(parts) == text


@given(st.text(max_size=200), st.integers(5, 60))
def test_joining_undoes_splitting_but_for_white_space(text: str, limit: int) -> None:
    pieces = SentenceSplitter(False, joined=FULL, limit=limit).flush(text)
    assert "".join(joined(pieces).split()) == "".join("".join(pieces).split())


# -- what was heard ----------------------------------------------------------------------------------

REPLY = [("Sure,", 100), ("I can help you today.", 2_100), ("And more.", 900)]


@pytest.mark.parametrize(
    ("sounded", "heard"),
    [
        (-5, ""),
        (0, ""),
        (99, ""),
        (100, "Sure,"),
        (199, "Sure,"),
        (200, "Sure, I"),
        (599, "Sure, I"),
        (600, "Sure, I can"),
        (1_100, "Sure, I can help"),
        (2_199, "Sure, I can help you"),
        (2_200, "Sure, I can help you today."),
        (2_500, "Sure, I can help you today. And"),
        (3_100, "Sure, I can help you today. And more."),
        (9_999, "Sure, I can help you today. And more."),
    ],
)
def test_the_text_is_cut_at_the_last_word_that_sounded(sounded: int, heard: str) -> None:
    assert cut_to_heard(REPLY, sounded) == heard


def test_chinese_is_cut_at_a_character() -> None:
    reply = [("好的，", 300), ("我来帮你看看。", 700)]
    assert cut_to_heard(reply, 300) == "好的，"
    assert cut_to_heard(reply, 650) == "好的，我来帮"
    assert cut_to_heard(reply, 999) == "好的，我来帮你看"


def test_a_piece_without_sound_was_not_heard() -> None:
    assert cut_to_heard([("One.", 100), ("Lost.", 0), ("Two.", 100)], 200) == "One. Two."
    assert cut_to_heard([("Lost.", 0)], 200) == ""


PIECES = st.lists(st.tuples(st.text("ab 好，. ", min_size=1, max_size=20), st.integers(0, 1000)), max_size=6)


@given(PIECES, st.integers(0, 5000), st.integers(0, 500))
def test_more_sound_is_more_text(pieces: list[tuple[str, int]], sounded: int, more: int) -> None:
    less, later = ("".join(cut_to_heard(pieces, n).split()) for n in (sounded, sounded + more))
    whole = "".join("".join(text for text, samples in pieces if samples).split())
    assert later.startswith(less)
    assert whole.startswith(later)
    assert "".join(cut_to_heard(pieces, sum(n for _, n in pieces)).split()) == whole


@pytest.mark.parametrize(
    ("heard", "marked"),
    [
        ("", ""),
        ("Sure,", "Sure…"),
        ("I can help", "I can help…"),
        ("I can.", "I can. …"),
        ("好的，我来", "好的，我来…"),
        (" , ", ""),
    ],
)
def test_an_interrupted_reply_shows_it(heard: str, marked: str) -> None:
    assert mark_interrupted(heard) == marked


# -- the conversation --------------------------------------------------------------------------------


def test_a_conversation_is_kept() -> None:
    history = History("Be brief.")
    history.user("Hi")
    history.assistant("Hello!")
    assert history.messages == messages((S, "Be brief."), (U, "Hi"), (A, "Hello!"))
    assert history.request("How are you?") == (*history.messages, ChatMessage("user", "How are you?"))
    assert len(history.messages) == 3


def test_two_questions_in_a_row_are_one() -> None:
    history = History()
    history.user("what is")
    history.assistant("   ")
    history.user("the time")
    history.assistant("It is")
    history.assistant("five.")
    assert history.messages == messages((U, "what is the time"), (A, "It is five."))
    history.user("and")
    assert history.request("tomorrow")[-1] == ChatMessage("user", "and tomorrow")


def test_a_person_who_goes_on_takes_the_question_back() -> None:
    history = History("s")
    history.user("first")
    history.assistant("one")
    history.user("what is")
    history.assistant("It is what", interrupted=True)
    assert history.take_back() == "what is"
    assert history.messages == messages((S, "s"), (U, "first"), (A, "one"))
    assert (history.take_back(), history.take_back()) == ("first", "")
    assert history.messages == messages((S, "s"))


def test_the_model_is_told_of_an_interruption_while_it_is_in_sight() -> None:
    history = History("Be brief.")
    history.user("Tell me all")
    history.assistant("It began in", interrupted=True)
    assert history.messages[-1].content == "It began in" + INTERRUPTED
    system = history.request("Go on")[0]
    assert system == ChatMessage("system", f"Be brief.\n\n{INTERRUPTED_NOTE}")
    assert history.messages[0].content == "Be brief."
    assert History(messages=history.messages[1:]).request("x")[0] == ChatMessage("system", INTERRUPTED_NOTE)
    history.clear()
    assert history.request("Go on")[0].content == "Be brief."


def test_a_reply_of_which_nothing_was_heard_leaves_no_message() -> None:
    history = History()
    history.user("one")
    history.assistant("", interrupted=True)
    assert history.messages == messages((U, "one"))


def test_the_request_is_trimmed_and_the_history_is_not() -> None:
    history = History("s" * 40, budget=60)
    for n in range(10):
        history.user(f"question {n} " * 4)
        history.assistant(f"answer {n} " * 4)
    request = history.request("last")
    assert request[0].role == "system"
    assert [each.role for each in request[1:]] == ["user", "assistant", "user"]
    assert len(history.messages) == 21


def test_an_earlier_conversation_is_taken_up() -> None:
    earlier = messages((S, "Be kind."), (U, "Hi"), (A, "Hello"))
    assert History(messages=earlier).messages == earlier
    assert History("Be brief.", messages=earlier).messages[0].content == "Be brief.\n\nBe kind."


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=20), st.booleans()), max_size=12), st.integers(0, 60))
def test_roles_alternate_whatever_happens(events: list[tuple[bool, str, bool]], budget: int) -> None:
    history = History("sys", budget)
    for is_user, text, flag in events:
        if is_user:
            history.user(text)
        else:
            history.assistant(text, interrupted=flag)
    request = history.request("last")
    roles = [each.role for each in request if each.role != "system"]
    assert roles[0] == roles[-1] == "user"
    assert all(a != b for a, b in pairwise(roles))
    assert all(each.content.strip() for each in request)
