"""`python -m voicecli` is `voice`. Nothing else belongs here."""

from voicecli.cli import main

if __name__ == "__main__":
    main()
