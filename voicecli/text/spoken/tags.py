"""Angle brackets: HTML, comments, reasoning, addresses, tags of services, and words that merely stand in them.

Belongs here: telling a tag that is markup from one that is spoken of. Does not belong here: Markdown.

A tag is markup by the text's own structure: a known name that closes again, or with attributes, or glued to what it
holds. Of all others the words are said: "<your-name>", "a <think> tag", "List<String>".
"""

from __future__ import annotations

import re

from voicecli.text.reasoning import NAMES as REASONING
from voicecli.text.spoken.addresses import host_of
from voicecli.text.spoken.saying import Skip, SpokenWords
from voicecli.text.spoken.signs import LONGEST_ADDRESS, LONGEST_TAG, MORE, sayable

_ATTRIBUTE = r"\s+[\w:@.-]+\s*=\s*(?:\"[^\"]{0,500}\"|'[^']{0,500}'|[^\s\"'<>=]{1,500})"
_TAG = re.compile(rf"<(/?)([a-zA-Z][\w:-]{{0,30}})((?:{_ATTRIBUTE}){{0,20}})(?:\s+[\w:@.-]+)?\s*(/?)>")
_TAG_OPEN = re.compile(
    rf"<(?:/?[a-zA-Z][\w:-]{{0,30}}(?:{_ATTRIBUTE}){{0,20}}"
    r"(?:\s+[\w:@.-]*(?:\s*=\s*(?:\"[^\"]{0,500}|'[^']{0,500}|[^\s\"'<>]{0,500}))?)?\s*/?"
    rf"|/|!-{{0,2}}|\|[\w/.:-]{{0,40}}\|?|[^\s<>]{{0,{LONGEST_TAG - 2}}})?\Z"
)
_AUTOLINK = re.compile(rf"<(?=[^\s<>.@:]{{1,500}}+[.@:])([^\s<>]{{3,{LONGEST_TAG - 2}}}+)>")
_SERVICE_TAG = re.compile(r"<\|[\w/.:-]{1,40}\|>")
_ALT = re.compile(r"\salt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_ANGLE_OPEN = re.compile(r"<[^<>]{0,40}\Z")
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n")
_CLOSES_LINE = re.compile(r"[ \t]*(?:\r?\n|\Z)")

_HIDING = frozenset([*REASONING, "script", "style", "svg"])
"""What stands between these is not said."""
_BREAKING = frozenset("br p div li ul ol tr table h1 h2 h3 h4 h5 h6 hr blockquote section".split())
_ALONE = frozenset("br hr wbr".split())
_LOOSE = frozenset("p li td tr th dt dd thead tbody tfoot option".split())
"""HTML lets these go without an end."""
_BLOCKS = _LOOSE | frozenset(
    "div ul ol dl table h1 h2 h3 h4 h5 h6 blockquote section article header footer main nav aside form figure"
    " figcaption details summary pre center caption fieldset html head body".split()
)
_INLINE = frozenset(
    "a abbr b bdi bdo big button cite code del dfn em font i img input ins kbd label mark picture q rp rt ruby s samp"
    " small source span strike strong sub sup time title tt u var video audio canvas iframe"
    " answer final message output reply response result".split()
)
_KNOWN = _BLOCKS | _INLINE | _ALONE


def read_angle(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """The place after what begins with "<"."""
    if text.startswith("<!--", at) and "comment" not in saying.hopeless:
        saying.skip_from(Skip("comment", re.compile("-->"), re.compile(r"-{1,2}\Z")), "<!--")
        return at + 4
    if tag := _TAG.match(text, at):
        return _read_tag(saying, tag, text, final)
    if service := _SERVICE_TAG.match(text, at):
        saying.dropped = True
        return service.end()
    if address := _AUTOLINK.match(text, at):
        saying.say(host_of(address[1]) or sayable(address[1].removeprefix("mailto:")))
        return address.end()
    if not final and (text.startswith("<<", at) and at + 2 == len(text)):
        return MORE
    if text.startswith("<<", at) and text[at + 2 : at + 3].isalpha():
        return at + 1
    if not final and len(text) - at < LONGEST_TAG and _TAG_OPEN.match(text, at):
        return MORE
    return saying.literal(text, at)


def _read_tag(saying: SpokenWords, tag: re.Match[str], text: str, final: bool) -> int:
    """Drops the tag, and what it hides; says its words where it is no markup."""
    if tag.end() == len(text) and not final:
        return MORE
    name = tag[2].lower()
    if name in _HIDING:
        return _read_hiding(saying, tag, text, final)
    markup = _is_markup(saying, tag, text, final) if name in _KNOWN else False
    if markup is None:
        return MORE
    if not markup:
        return _read_words(saying, tag, text)
    _count(saying, tag)
    alt = _ALT.search(tag[3]) if name == "img" else None
    if alt:
        saying.apart(sayable(alt[1] or alt[2] or ""))
    saying.dropped = True
    if name in _BREAKING:
        saying.end_line()
    elif name in _BLOCKS:
        saying.apart("")
    return tag.end()


def _count(saying: SpokenWords, tag: re.Match[str]) -> None:
    """Remembers what is open, so that its end is known for one."""
    name = tag[2].lower()
    if tag[1]:
        saying.opened[name] -= 1
    elif name not in _ALONE and not tag[4]:
        saying.opened[name] += 1


def _is_markup(saying: SpokenWords, tag: re.Match[str], text: str, final: bool) -> bool | None:
    """Whether a tag with a known name is one; None where what decides has not arrived."""
    name = tag[2].lower()
    if name in _ALONE or tag[3] or tag[4]:
        return True
    if tag[1]:
        return saying.opened[name] > 0
    if (not saying.line_head or name in _LOOSE) and name in _BLOCKS and _holds(text, tag.end()):
        return True
    return _closes(rf"</{name}\s*>", text, tag, final)


def _holds(text: str, after: int) -> bool:
    """Whether a tag is glued to what follows it, or ends its line."""
    follows = text[after : after + 1]
    return follows in ("", "\n", "\r", "<") or not (follows.isspace() or follows in ".,;:!?)]}\"'”’")


def _closes(closing: str, text: str, tag: re.Match[str], final: bool) -> bool | None:
    """Whether the end of `tag` follows in the same paragraph; None where that has not arrived."""
    return found if (found := _end_of(closing, text, tag, final)) is None else found > 0


def _end_of(closing: str, text: str, tag: re.Match[str], final: bool) -> int | None:
    """Where the end of `tag` ends; 0 where none follows soon, None where that has not arrived."""
    reach = tag.start() + LONGEST_ADDRESS
    paragraph = _EMPTY_LINE.search(text, tag.end(), reach)
    stop = paragraph.start() if paragraph else min(len(text), reach)
    if end := re.compile(closing, re.IGNORECASE).search(text, tag.end(), stop):
        return end.end()
    return 0 if final or paragraph or len(text) >= reach else None


def _read_words(saying: SpokenWords, tag: re.Match[str], text: str) -> int:
    saying.apart(sayable(tag[0].strip("</>").strip()))
    return tag.end() + (text[tag.end() : tag.end() + 1] == ">")


def _read_hiding(saying: SpokenWords, tag: re.Match[str], text: str, final: bool) -> int:
    """A script, or reasoning. It stands where a line begins, or is glued to what it hides; else it is spoken of."""
    name, follows = tag[2].lower(), text[tag.end() : tag.end() + 1]
    if tag[4] or name in saying.hopeless:
        return _read_words(saying, tag, text)
    if tag[1]:
        alone = not saying.line_head and follows in ("", "\n", "\r")
        return tag.end() if alone else _read_words(saying, tag, text)
    closing = rf"</{name}\s{{0,8}}>"
    begins = name in REASONING and not saying.tail
    if not saying.line_head and (begins or tag[3] or _holds(text, tag.end())):
        saying.skip_from(Skip(name, re.compile(closing, re.IGNORECASE), _ANGLE_OPEN), tag[0])
        return tag.end()
    if saying.line_head and not (tag[3] or follows.isalnum()):
        return _read_words(saying, tag, text)
    end = _end_of(closing, text, tag, final)
    if end is None or (end and not final and not text[end:].strip(" \t\r")):
        return MORE
    if not end or (not saying.line_head and not _CLOSES_LINE.match(text, end)):
        return _read_words(saying, tag, text)
    saying.dropped = True
    return end
