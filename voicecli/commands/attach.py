"""Files that go with a question, for a command that is not asynchronous.

The work is usecases.attaching, which a use case awaits itself; this file goes once `chat` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.commands import session as common
from voicecli.usecases.attaching import PIPED as PIPED
from voicecli.usecases.attaching import Attached as Attached

if TYPE_CHECKING:
    from voicecli.commands.session import Session


def attached(session: Session, paths: Sequence[Path], *, private: bool) -> Attached:
    """What a model gets of `paths`. With `private` nothing is kept of it. InputError, and what recognising raises."""
    from voicecli.usecases import attaching

    piped = session.console.piped_bytes
    return common.run(lambda: attaching.attached(session.services(), paths, private=private, piped=piped))
