"""The government service's pictures, videos and documents: what is sent, and what of its answers is believed."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.fakes.forms import multipart
from tests.fakes.gov_media import GovMedia
from tests.fakes.pictures import doubled, mp4, pdf, png, png_digits
from tests.fakes.server import Reply
from tests.serving import serving
from voicecli.backends.gov import opened
from voicecli.backends.gov_media import Media
from voicecli.errors import ConfigError, ServiceError, VoiceError
from voicecli.types import DescribeOptions, LearnOptions, PictureOptions, Secret, Upload

pytestmark = pytest.mark.anyio

DIGITS = "4071993825"


gov = serving(GovMedia)


def picture() -> Upload:
    return Upload(io.BytesIO(png(DIGITS)), "picture.png", "image/png")


async def asked(gov: GovMedia, verb: str, *what: Any, **settings: Any) -> Any:
    """The answer of a verb: bytes where it is a stream."""
    async with opened(gov.backend(**settings), Media) as media:
        call = getattr(media, verb)(*what)
        if not hasattr(call, "__aenter__"):
            return await call
        async with call as chunks:
            return b"".join([each.data async for each in chunks])


async def failure(gov: GovMedia, verb: str, *what: Any, **settings: Any) -> VoiceError:
    with pytest.raises(VoiceError) as caught:
        await asked(gov, verb, *what, **settings)
    assert str(caught.value).startswith("city")
    return caught.value


async def test_the_base_address_may_end_with_v1_or_not(gov: GovMedia) -> None:
    for base in (gov.url, f"{gov.url}/v1", f"{gov.url}/v1/"):
        assert png_digits(await asked(gov, "image_make", "a 7", PictureOptions(), base_url=base)) == "7"


async def test_a_key_goes_to_the_service_and_never_to_its_store(gov: GovMedia) -> None:
    key = "sk-gov-0123456789-nowhere-else"
    for verb, what in (("image_make", ("a 7", PictureOptions())), ("image_enhance", (picture(),))):
        await asked(gov, verb, *what, key=Secret(key))
    assert {each.headers["authorization"] for each in gov.requests} == {f"Bearer {key}"}
    assert len(gov.store.requests) == 2
    assert not any(key in str(each.headers) for each in gov.store.requests)


async def test_a_description_is_cleaned_and_its_labels_are_apart(gov: GovMedia) -> None:
    found = await asked(gov, "image_describe", picture(), DescribeOptions())
    assert (found.text, found.labels, found.segments) == (f"图中的数字是{DIGITS}", ("叉车", "加油泵"), None)
    assert gov.store.requests == []


async def test_the_parts_are_fetched_when_they_are_wanted(gov: GovMedia) -> None:
    found = await asked(gov, "image_describe", picture(), DescribeOptions(segments=True))
    assert found.segments.kind == "image/png" and png_digits(found.segments.data) == doubled(DIGITS)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "failed", "message": "GPU out of memory\x1b[31m"},
        {"status": "failed", "caption": "x", "enhanceImageUrl": "a.png", "error": "GPU out of memory"},
        {"status": 500, "detail": "GPU out of memory"},
    ],
)
async def test_another_status_is_a_failure_in_the_services_words(gov: GovMedia, answer: dict[str, Any]) -> None:
    for path, verb in (("/image/imageToText", "image_describe"), ("/image/enhanceImage", "image_enhance")):
        gov.on(path, Reply.json(answer))
        options = (DescribeOptions(),) if verb == "image_describe" else ()
        error = await failure(gov, verb, picture(), *options)
        assert type(error) is ServiceError and "GPU out of memory" in str(error) and str(error).isprintable()


async def test_a_failure_without_words_tells_its_status(gov: GovMedia) -> None:
    gov.on("/video/motInference", Reply.json({"status": "busy", "data": ""}))
    error = await failure(gov, "video_track", Upload(io.BytesIO(mp4("1")), "video.mp4", "video/mp4"))
    assert "status 'busy'" in str(error)


async def test_success_without_a_status_is_believed(gov: GovMedia) -> None:
    made = await asked(gov, "image_enhance", picture())
    path = gov.store.requests[-1].path
    query = "&".join(f"{name}={each[0]}" for name, each in gov.store.requests[-1].query.items())
    gov.on("/image/enhanceImage", Reply.json({"enhanceImageUrl": f"{gov.store.url}{path}?{query}"}))
    assert await asked(gov, "image_enhance", picture()) == made


async def test_the_own_name_of_a_picture_stays_here_and_extra_fields_go_along(gov: GovMedia) -> None:
    gov.on("/image/imageToText", Reply.json({"caption": "x", "status": "success"}))
    extra = {"image": {"detail": "high"}, "chat": {"a": 1}}
    await asked(gov, "image_describe", picture(), DescribeOptions(), extra=extra)
    parts = multipart(gov.requests[-1])
    assert {name: part.filename for name, part in parts.items()} == {"detail": None, "file": "picture.png"}
    assert parts["detail"].text == "high" and parts["file"].data == png(DIGITS)


# -- documents -------------------------------------------------------------------------------------


def document(name: str = "手册 1.pdf", data: bytes | None = None) -> Upload:
    return Upload(io.BytesIO(pdf(DIGITS) if data is None else data), name, "application/pdf")


async def test_a_document_is_learnt_under_its_name(gov: GovMedia) -> None:
    assert await asked(gov, "learn", document(), LearnOptions()) is None
    assert await asked(gov, "learn", document(), LearnOptions("hr")) is None
    assert gov.learnt == [("bj_gov", "手册 1.pdf", DIGITS), ("hr", "手册 1.pdf", DIGITS)]


async def test_without_a_category_nothing_is_sent(gov: GovMedia) -> None:
    error = await failure(gov, "learn", document(), LearnOptions(), category="")
    assert type(error) is ConfigError and "--category" in error.cure
    assert gov.requests == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"result": False}, "did not learn it"),
        ({"result": "true"}, "did not learn it"),
        ({"result": False, "message": "unknown category"}, "unknown category"),
        ({"error": "no room"}, "no room"),
        ([True], "no object"),
    ],
)
async def test_whatever_is_not_true_was_not_learnt(gov: GovMedia, answer: Any, told: str) -> None:
    gov.on("/uploadFile/uploadLearningFile", Reply.json(answer))
    error = await failure(gov, "learn", document(), LearnOptions())
    assert isinstance(error, ServiceError) and told in str(error)


async def test_a_file_is_sent_from_its_beginning_at_each_attempt(gov: GovMedia) -> None:
    """A busy service is asked again."""
    busy = Reply.json({"error": "busy"}, 429, retry_after="0")
    gov.on("/image/imageToText", busy, Reply.json({"caption": "x", "status": "success"}))
    upload = picture()
    upload.file.read(7)
    assert (await asked(gov, "image_describe", upload, DescribeOptions())).text == "x"
    assert [multipart(each)["file"].data for each in gov.to("/image/imageToText")] == [png(DIGITS)] * 2


async def test_the_parts_share_one_connection(gov: GovMedia) -> None:
    async with opened(gov.backend(), Media) as media:
        assert isinstance(media, Media)
        for _ in range(3):
            await media.image_describe(picture(), DescribeOptions())
    assert gov.connections == 1
