"""The `voice` program and `python -m voicecli`. A Ctrl-C while it is still being loaded ends it without a word.

Nothing else belongs here.
"""

import sys


def main() -> None:
    """Loads the program, and runs it."""
    try:
        from voicecli.cli import main as begin
    except KeyboardInterrupt:
        sys.exit(130)
    begin()


if __name__ == "__main__":
    main()
