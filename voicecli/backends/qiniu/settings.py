"""The settings of a Qiniu backend. Belongs here: their dataclass, and Qiniu's own addresses."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.types import Backend, ServiceUrl

BASES = ("https://openai.qiniu.com/v1", "https://api.qnaigc.com/v1")
"""Where the service is when nobody says otherwise; the second is asked where the first does not answer."""


@dataclass(frozen=True, slots=True)
class QiniuSettings(Backend):
    """`base_urls` are asked in turn, after `base_url`."""

    base_urls: tuple[ServiceUrl, ...] = ()

    @property
    def bases(self) -> tuple[str, ...]:
        """The configured addresses in their order, else Qiniu's own."""
        given = (self.base_url, *self.base_urls)
        return tuple(dict.fromkeys(url.rstrip("/") for url in given if url)) or BASES
