"""A client's pictures, each inside its own address. Pure.

Belongs here: reading such an address. Does not belong here: files, fetching: this server fetches nothing that a client
names.
"""

from __future__ import annotations

import binascii

from voicecli.types import Picture


def read_picture(url: str, most: int) -> Picture:
    """The picture in a `data:` address of at most `most` characters. Raises ValueError with words for the client."""
    head, _, data = url.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64") or len(data) > most:
        raise ValueError(f"Pictures are taken as data:image/…;base64 addresses of at most {most // 2**20} MB.")
    try:
        found = binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        found = b""
    if not found:
        raise ValueError("A picture is no base64.")
    return Picture(found, head.removeprefix("data:").removesuffix(";base64"))
