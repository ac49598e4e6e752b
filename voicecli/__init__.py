"""voicecli: the command-line voice assistant. Nothing but the version lives here."""

__version__ = "0.1.0"
