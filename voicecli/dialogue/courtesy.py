"""The small words around the use of a tool: whether the person said yes, and what is said while it works. Pure.

Belongs here: reading a short answer, the language of a text, the sentences of waiting. Does not belong here:
asking, whether the question was heard (dialogue.consent), running tools (dialogue.tools).

A yes must be one and nothing else: whatever says more ("yes, but a blue one") is not what was asked about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

from voicecli.text.characters import HAN_KANA


class Verdict(Enum):
    """What a person answered to "May I …?"."""

    YES = auto()
    NO = auto()
    OTHER = auto()


_YES = (
    "yes|yeah|yea|yep|yup|ya|aye|sure|sure thing|ok|o k|okay|okey|k|go|go ahead|go on|go for it|do|do it|do so|do that"
    "|please|please do|proceed|continue|carry on|by all means|of course|certainly|absolutely|definitely|surely"
    "|affirmative|agreed|i agree|approved|confirmed|confirm|allowed|granted|right|correct|exactly|alright|all right"
    "|fine|that s fine|it s fine|good|that s good|great|perfect|very well|sounds good|looks good|why not|no problem"
    "|i don t mind|you may|you can|yes you may|yes you can|feel free|be my guest|i do|i would|i d like that|i allow it"
    "|mhm|mm hmm|mmhm|uh huh|uhuh|let s do it|let s go|make it so"
    "|好|好的|好吧|好啊|好呀|好嘞|好哒|可以|可以的|可以啊|可以呀|行|行的|行啊|行吧|是|是的|是啊|对|对的|对啊|對|對的"
    "|嗯|嗯嗯|没问题|沒問題|当然|當然|当然可以|當然可以|没错|沒錯|同意|我同意|允许|允許|批准|确定|確定|确认|確認|要|要的"
    "|需要|需要的|愿意|願意|去吧|做吧|画吧|畫吧|发吧|發吧|来吧|來吧|开始|開始|开始吧|開始吧|继续|繼續|继续吧|請繼續|请继续"
    "|请|請|请便|請便|麻烦你了|麻煩你了|就这样|就這樣|中|成|没关系|沒關係|不介意|我不介意|不错|不錯|没意见"
)
_NO = (
    "no|nope|nah|naw|no way|not|not now|not yet|not really|of course not|certainly not|absolutely not|definitely not"
    "|no thanks|no thank you|don t|do not|please don t|don t do it|do not do it|don t do that|don t you dare|never"
    "|never mind|nevermind|stop|stop it|cancel|cancel it|cancel that|abort|forget it|forget that|leave it|skip it|wait"
    "|rather not|better not|i d rather not|negative|refused|denied|declined|i decline|i refuse|hold on"
    "|不|不要|不用|不用了|不行|不可以|不能|不好|不是|不对|不對|不必|不必了|不了|不同意|不需要|不允许|不允許|不准|不想|不愿意"
    "|别|別|别了|別了|先别|先別|先不|先不用|先不要|算了|算了吧|取消|停|停下|停止|等等|等一下|没必要|沒必要|还是不要|还是算了"
    "|请不要|請不要|请别|請別|不要了|不可|拒绝|拒絕|否|千万别|好了|行了"
)
_FILLER = (
    "please|thanks|thank you|thank you very much|of|now|then|just|um|uh|er|oh|ah|well|so|hey|that|this|it|the|a|me|my"
    "|one|for me|with it|with that|and|draw|make|send|run|use|read|write|look|search|picture|image|photo|file|for now"
    "|吧|啊|呀|哦|噢|喔|的|了|呢|嘛|啦|谢谢|謝謝|谢谢你|你|那|那就|就|帮我|幫我|给我|給我|我|麻烦你|麻煩你|请|請|这个|這個"
    "|画|畫|做|发|發"
)
_KINDS = ((Verdict.NO, _NO), (Verdict.YES, _YES), (Verdict.OTHER, _FILLER))
_MEANS = {phrase: kind for kind, phrases in reversed(_KINDS) for phrase in phrases.split("|")}
_LONGEST_FIRST = sorted(_MEANS, key=len, reverse=True)
_PHRASE = re.compile("|".join(each + (r"(?![a-z0-9])" if each.isascii() else "") for each in _LONGEST_FIRST))
_SILENT = re.compile(r"[\W_]+")
_WORDS = re.compile(f"[{HAN_KANA}]|[^\\W_{HAN_KANA}]+")
_ASKING = frozenset("吗嗎么麼")
_LONGEST_ANSWER = 80
"""Characters: who says more does more than answer."""


def verdict(text: str, question: str = "", *, typed: bool = False) -> Verdict:
    """What a person says who was asked `question`. Mixed answers, and whatever says more, are OTHER.

    Words of the question say nothing more: "yes, draw the pig". What is heard of it may be its echo, and decides
    nothing, unless it was `typed`.
    """
    asked = _WORDS.findall(question.casefold())
    known = set(asked) - _ASKING
    left = _SILENT.sub(" ", text[: _LONGEST_ANSWER + 1].casefold()).strip()
    if len(text.strip()) > _LONGEST_ANSWER or not (typed or _is_news(_WORDS.findall(left), asked)):
        return Verdict.OTHER
    kinds: set[Verdict] = set()
    while left:
        found = _PHRASE.match(left) or _WORDS.match(left)
        if found is None or (found[0] not in _MEANS and found[0] not in known):
            return Verdict.OTHER
        kinds.add(_MEANS.get(found[0], Verdict.OTHER))
        left = left[found.end() :].lstrip()
    decided = kinds - {Verdict.OTHER}
    return decided.pop() if len(decided) == 1 else Verdict.OTHER


def _is_news(said: Sequence[str], asked: Sequence[str]) -> bool:
    """Whether `said` cannot be the echo of what was `asked`: its words stand there in no row.

    Where the question begins a few of them may: 可以 is how a question begins, and how one is answered.
    """
    rows = [at for at in range(len(asked) - len(said) + 1) if list(said) == list(asked[at : at + len(said)])]
    return bool(said) and (not rows or (rows == [0] and 2 * len(said) < len(asked)))


def last_words(said: Sequence[str]) -> str:
    """Of what a person said, oldest first, the last that tells a language: "ok" is said in any."""
    return next((text for text in reversed(said) if verdict(text) is Verdict.OTHER), said[-1] if said else "")


_WAITING = {
    False: ("One moment.", "A moment more.", "It takes a little longer."),
    True: ("请稍等。", "请再等一下。", "还需要一点时间。"),
}


def waiting(number: int, *, chinese: bool) -> str:
    """What is said when tool number `number` of an answer (from 0) takes its time."""
    sentences = _WAITING[chinese]
    return sentences[min(number, len(sentences) - 1)]
