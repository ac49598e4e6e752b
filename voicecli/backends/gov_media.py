"""The rest of the government cloud service: pictures and videos made and worked on, documents learnt.

    POST /v1/images/generations            {"prompt"}             -> {"data": [{"url"}]}
    POST /image/imageToText                file                   -> {"caption", "classification", "samUrl", "status"}
    POST /image/enhanceImage               file                   -> {"enhanceImageUrl", "status"}
    POST /image/generateVideo              file, a picture        -> {"svdVideoUrl", "status"}
    POST /video/motInference               file                   -> {"data", "status"}: what moves is marked
    POST /video/mmeditingInference         file                   -> {"data", "status"}: frames are put between
    POST /uploadFile/uploadLearningFile    ?category, fileToUpload -> {"result": true}

Addresses in answers expire: what is there is fetched at once (results). A status other than "success" is a failure.

Belongs here: what goes into these requests and what their answers mean. Does not belong here: the
transport (http), fetching (results).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from voicecli.backends.family import own
from voicecli.backends.gov_settings import GovSettings
from voicecli.backends.transport.http import HttpAdapter
from voicecli.backends.transport.results import PICTURE, VIDEO, fetched
from voicecli.backends.transport.wording import Complaint, clean, complaint_in
from voicecli.errors import ConfigError
from voicecli.ports import Stream
from voicecli.text.clean import one_line
from voicecli.types import (
    DescribeOptions,
    Description,
    LearnOptions,
    MediaChunk,
    Picture,
    PictureOptions,
    Upload,
    Verb,
)


class Media(HttpAdapter):
    """`Painter`, `Onlooker`, `Enhancer`, `Animator`, `Tracker`, `Smoother` and `Learner` of this service."""

    @asynccontextmanager
    async def image_make(self, prompt: str, options: PictureOptions) -> AsyncIterator[AsyncIterator[MediaChunk]]:
        """The picture. It takes no options."""
        body = self._service.backend.extra_for("image") | {"prompt": prompt}
        data = self._checked(await self._service.json("POST", "/v1/images/generations", verb="image_make", json=body))
        made = data.get("data")
        first = made[0] if isinstance(made, list) and made and isinstance(made[0], Mapping) else {}
        async with fetched(self._service, first.get("url"), PICTURE) as pieces:
            yield pieces

    async def image_describe(self, picture: Upload, options: DescribeOptions) -> Description:
        """A sentence and the kinds of things in it; with `segments` the picture with its parts marked, too."""
        data = await self._sent("image_describe", "/image/imageToText", picture)
        caption, kinds = data.get("caption"), data.get("classification")
        if not isinstance(caption, str) or not one_line(caption):
            raise self._service.protocol_error("answered without a caption", _shown(data))
        labels = tuple(clean(each, 80) for each in kinds.split()) if isinstance(kinds, str) else ()
        marked = await self._picture(data.get("samUrl")) if options.segments else None
        return Description(one_line(caption), labels, marked)

    def image_enhance(self, picture: Upload) -> Stream[MediaChunk]:
        """The picture, sharper."""
        return self._made("image_enhance", "/image/enhanceImage", picture, "enhanceImageUrl", PICTURE)

    def image_animate(self, picture: Upload) -> Stream[MediaChunk]:
        """A short video of the picture."""
        return self._made("image_animate", "/image/generateVideo", picture, "svdVideoUrl", VIDEO)

    def video_track(self, video: Upload) -> Stream[MediaChunk]:
        """The video with what moves marked."""
        return self._made("video_track", "/video/motInference", video, "data", VIDEO)

    def video_smooth(self, video: Upload) -> Stream[MediaChunk]:
        """The video with frames put between its own."""
        return self._made("video_smooth", "/video/mmeditingInference", video, "data", VIDEO)

    @asynccontextmanager
    async def _made(
        self, verb: Verb, path: str, upload: Upload, field: str, kind: str
    ) -> AsyncIterator[AsyncIterator[MediaChunk]]:
        """What the service made of an upload, from the address that stands in `field` of its answer."""
        data = await self._sent(verb, path, upload)
        async with fetched(self._service, data.get(field), kind) as pieces:
            yield pieces

    async def learn(self, document: Upload, options: LearnOptions) -> None:
        """Raises ConfigError without a category, ServiceError when the service did not take the document."""
        backend = own(GovSettings, self._service.backend)
        category = options.category or backend.category
        if not category:
            cure = f"Give --category, or set category in [backends.{backend.name}]"
            raise ConfigError("the service requires a category", who=backend.name, cure=cure)
        params = backend.extra_for("learn") | {"category": category}
        form = {"fileToUpload": _file(document)}
        data = self._checked(
            await self._service.json("POST", "/uploadFile/uploadLearningFile", verb="learn", files=form, params=params)
        )
        if data.get("result") is not True:
            raise self._failure(data, f"did not learn it: {_shown(data)}")

    # -- what they share ---------------------------------------------------------------------------

    async def _sent(self, verb: Verb, path: str, upload: Upload) -> Mapping[str, object]:
        """The answer to one file. Raises ServiceError for any status but success."""
        fields = {name: str(value) for name, value in self._service.backend.extra_for(verb.partition("_")[0]).items()}
        form = {"file": _file(upload)}
        data = self._checked(await self._service.json("POST", path, verb=verb, files=form, data=fields or None))
        status = data.get("status")
        if status is not None and str(status).lower() != "success":
            raise self._failure(data, f"failed with status {clean(str(status), 80)!r}")
        return data

    def _checked(self, data: object) -> Mapping[str, object]:
        """An answer that is an object and reports no error."""
        self._service.complain(data)
        if not isinstance(data, Mapping):
            raise self._service.protocol_error("answered something that is no object", _shown(data))
        return data

    def _failure(self, data: Mapping[str, object], otherwise: str) -> Exception:
        told = complaint_in(data)
        return self._service.error(Complaint(told.words or clean(otherwise), told.code))

    async def _picture(self, address: object) -> Picture:
        async with fetched(self._service, address, PICTURE) as pieces:
            found = [each async for each in pieces]
        return Picture(b"".join(each.data for each in found), found[0].kind)


def _file(upload: Upload) -> tuple[str, Any, str]:
    return upload.name, upload.file, upload.kind


def _shown(data: object) -> str:
    return json.dumps(data, ensure_ascii=False)[:2000]
