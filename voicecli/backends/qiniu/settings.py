"""The settings of a Qiniu backend. Belongs here: their dataclass, Qiniu's own addresses, voice and limits."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.types import Backend, ServiceUrl

BASES = ("https://openai.qiniu.com/v1", "https://api.qnaigc.com/v1")
"""Where the service is when nobody says otherwise; the second is asked where the first does not answer."""

CHARACTERS, BYTES = 300, 1024
"""The most that one request may say, in characters and in bytes of UTF-8."""

VOICE = "qiniu_zh_female_tmjxxy"
"""The voice of the service's own examples, for who names none."""


@dataclass(frozen=True, slots=True)
class QiniuSettings(Backend):
    """`base_urls` are asked in turn, after `base_url`."""

    base_urls: tuple[ServiceUrl, ...] = ()

    @property
    def bases(self) -> tuple[str, ...]:
        """The configured addresses in their order, else Qiniu's own."""
        given = (self.base_url, *self.base_urls)
        return tuple(dict.fromkeys(url.rstrip("/") for url in given if url)) or BASES
