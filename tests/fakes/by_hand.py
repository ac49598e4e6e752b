"""Runs the services of a family by hand: python -m tests.fakes.by_hand selfhosted     # prints the backend's settings

Belongs here: the command line. Does not belong here: the services.
"""

from __future__ import annotations

import argparse
import threading
from contextlib import suppress

from tests.fakes.gov_media import GovMedia
from tests.fakes.selfhosted_meaning import SelfHostedMeaning

SERVICES: dict[str, type[GovMedia | SelfHostedMeaning]] = {"gov": GovMedia, "selfhosted": SelfHostedMeaning}


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=SERVICES)
    with SERVICES[parser.parse_args().family]() as service, suppress(KeyboardInterrupt):
        print(service.backend(), flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
