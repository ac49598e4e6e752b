"""Skills of words: spelling, repeating, help, and the few things people say to be polite.

Belongs here: sentences about words. Does not belong here: anything that needs a clock or a sum.
"""

from __future__ import annotations

from collections.abc import Callable

from voicecli.skills.skill import Answer, Question, Skill

_LONGEST_WORD = 40


def _spell(question: Question) -> Answer | None:
    word = question.slots.get("word", "")
    if not word or len(word) > _LONGEST_WORD:
        return None
    letters = ", ".join([char.upper() for char in word if char.isalnum()])
    return question.say(f"{letters}.", f"{word}的拼写是 {letters}。") if letters else None


def _repeat(question: Question) -> Answer:
    if not question.last_reply:
        return question.say("I have not said anything yet.", "我还没有说过什么。")
    return Answer(question.last_reply)


def _say(question: Question) -> Answer | None:
    said = question.slots.get("words", "")
    return Answer(f"{said[:1].upper()}{said[1:]}") if said else None


def _always(english: str, chinese: str) -> Callable[[Question], Answer]:
    """A skill's answer that is the same whatever was asked."""
    return lambda question: question.say(english, chinese)


SKILLS = (
    Skill(
        name="spell",
        help="spell words",
        help_chinese="拼写单词",
        answer=_spell,
        asked=(
            r"(?:how do (?:you|i) spell|how is|spell)(?: the word)? (?P<word>[^\s]+)(?: spelled| spelt)?",
            r"(?:拼写|拼读|拼1?一?下)\s*(?P<word>[a-z'-]+)",
            r"(?P<word>[a-z'-]+)\s*(?:这个(?:单?词|字))?是?怎么拼写?的?",
        ),
        verbatim=True,
    ),
    Skill(
        name="repeat",
        help="repeat what was said",
        help_chinese="重复我说的话",
        answer=_repeat,
        asked=(
            r"repeat(?: that| your answer)?|(?:say (?:that |it )?)?again|pardon|what did you say",
            r"(?:再说|重复)1?一?(?:遍|次)?|你?刚才说(?:了)?什么",
        ),
    ),
    Skill(
        name="say",
        answer=_say,
        asked=(
            r"(?:repeat after me|say after me|say|repeat) (?P<words>.+)",
            r"(?:请?(?:你)?(?:跟着?我|学我)(?:说|念|读)|重复|复述|说)\s*(?P<words>.+)",
        ),
        verbatim=True,
    ),
    Skill(
        name="hello",
        answer=_always("Hello. Ask me for help to hear what I can do.", "你好。说帮助，我会告诉你我能做什么。"),
        asked=(
            r"(?:hi|hello|hey)(?: there)?|good (?:morning|afternoon|evening)",
            r"(?:你好|您好|早上好|下午好|晚上好|早安|嗨)",
        ),
    ),
    Skill(
        name="how are you",
        answer=_always("I am fine, thank you.", "我很好，谢谢。"),
        asked=(r"(?:hi |hello |hey )?how are you.*", r"你(?:还|最近)?好吗|你怎么样"),
        verbatim=True,
    ),
    Skill(
        name="thanks",
        answer=_always("You are welcome.", "不客气。"),
        asked=(r"(?:thanks|thank you)(?: .*)?", r"(?:谢谢|多谢).*"),
    ),
    Skill(
        name="goodbye",
        answer=_always("Goodbye.", "再见。"),
        asked=(r"(?:bye|good ?bye|good night|see you)(?: .*)?", r"(?:再见|拜拜|晚安)"),
    ),
    Skill(
        name="name",
        answer=_always("I am voice, your offline assistant.", "我是 voice，离线语音助手。"),
        asked=(r"what is your name|(?:who are|what is) you", r"你是谁|你叫什么(?:名字)?"),
    ),
)
