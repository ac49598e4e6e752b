"""Collects what the program says to people, and keeps the catalogues of their languages: python scripts/messages.py

    python scripts/messages.py          rewrite voicecli/locale/*.po: new sentences are added, lost ones taken out
    python scripts/messages.py --missing   list those without a translation
    python scripts/messages.py --chosen    list those with a choice of words in a gap, which would stay English there

A sentence is every text in the source of two words or more that is not documentation, a pattern or a line of the log;
help texts, heads of tables, labels of progress, and the single words of a few tables. A gap of an f-string gets the
name of what fills it. Babel reads and writes the files.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from inspect import cleandoc
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from voicecli.text.phrases import is_telling  # noqa: E402

LOCALES = ROOT / "voicecli" / "locale"

TECHNICAL = {
    *("compile", "sub", "search", "match", "fullmatch", "split"),
    *("execute", "pragma", "debug", "info", "AssertionError"),
}
"""Calls whose texts nobody reads."""
_LEFT = (
    r"voice |git |read -r |ch(?:mod|own) |(?:apt-get|dnf|pacman|zypper|apk|xbps-install|brew) |-h, |#",
    r"--[\w-]+(?: \S+){0,2}$",
    r"class:|bold |italic |\[not dim|bool \||\w+_ms$|.*(?:Rendition\[|\[str\]|\(\?[:=!P]|\\\w)",
    r"(?:SELECT|INSERT|DELETE|DROP|PRAGMA|BEGIN IMM|WHERE|ORDER BY)|.*(?:\bWHERE\b|LIKE \?|\w = O[NF]|a row was ins)",
    r".*(?:%[sd.(]|:\{\w+\}:\{|<f4|KEY-----)|[A-Z_]+ \{exc\}$|Bearer |(?:\{method\}|WebSocket) \{shown\}|Usage:",
    r"who offers|choose\(\) found|main\(\) puts|a Secret is never|没|\[tools\] folder",
    r"Your answers are spoken|These passages of|Answer with JSON|Describe this|\(A tool's|name its file in",
    r"say from which|Say exactly the|This is how I|on run|tell app",
    r"I can't answer that|I heard “|what is one plus one|Chinese \(S|Good morning|Guten|Bonjour",
)
LEFT = re.compile("|".join(_LEFT))
"""Texts that stay as they are: commands, styles and patterns, SQL, what programs read, what a model is told or says."""
TABLES = {
    "commands/history.py": {"INTERRUPTED"},
    "terminal/talking.py": {"INTERRUPTED", "PHASES"},
    "terminal/manual.py": {"TITLES"},
    "backends/local/choosing.py": {"WHAT"},
    "terminal/help.py": {"ABOUT", "ALONE", "ALSO", "EXAMPLES", "HELP", "MORE", "OPTIONS", "USAGE"},
    "terminal/console.py": {"WARNING", "ERROR"},
    "terminal/picking.py": {"KEYS"},
    "terminal/screen.py": {"HINT"},
    "terminal/audience.py": {"STAGES", "_TOLD"},
    "cli.py": {"MACHINE"},
    "verbs.py": {"Group"},
    "usecases/setup.py": {"DOING", "OTHER"},
}
"""Tables of words, by file."""
HEADER = """# What voice says, in another language; `python scripts/messages.py` keeps it.
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""
OTHERS = {
    "typer": (
        "Install completion for the current shell.",
        "Show this message and exit.",
        "Show completion for the current shell, to copy it or customize the installation.",
        "No such command {name}.",
        "No such command {name}. Did you mean {other}?",
        "No such option: {name}",
        "No such option: {name} (Possible options: {others})",
        "No such option: {name} Did you mean {other}?",
        "Missing argument {name}.",
        "Missing option {name}",
        "Option {name} requires an argument",
        "Invalid value for {name}: {what}",
        "Got unexpected extra argument(s) ({names})",
        "{value} is not a valid {kind}",
        "{value} is not a valid number.",
        "{value} is not a valid whole number.",
        "{value} is not in the range {span}.",
    ),
    "voicecli/toolbox": (
        "{what} - is stdin.",
        "The picture: PNG, JPEG, WebP …",
        "The video: MP4, MOV, WebM …",
        "One text.",
        "The other text.",
        "The texts.",
        "The texts to be put in order.",
        "{what} - is stdin, a text a line.",
    ),
    "voicecli/config/schema.py": (
        "{key} must be {what}, not {value}",
        "{key} is {value}; it must be {what}",
        "a number from {least} to {most}",
        "a whole number from {least} to {most}",
    ),
    "voicecli/config/resolve.py": ("default", "file", "flag", "profile"),
    "voicecli/terminal/manual.py": ("required",),
    "voicecli/commands/backends.py": ("yes", "with", "or", "bridge"),
    "voicecli/terminal/audience.py": ("you",),
    "voicecli/text/figures.py": (
        "{count} entry",
        "{count} entries",
        "{count} conversation",
        "{count} conversations",
        "{count} bytes",
    ),
    "voicecli/terminal/transcripts.py": ("recording", "piece", "start", "seconds", "as"),
    "voicecli/toolbox/offer.py": ("there is no tool {name}",),
    "voicecli/notes/folder.py": (
        "{count} no plain file",
        "{count} larger than {mb} MB",
        "{count} not for reading",
        "{count} no text",
        "{count} unreadable",
    ),
    "voicecli/usecases/checkup.py": ("program", "packages", "configuration"),
    "voicecli/usecases/models.py": ("{title} ({size}, {licence} licence)", "{title} (not yet heard by us)"),
}
"""Sentences of a library, and words that stand where too many others do."""
MODELS = "voicecli/data/models.toml"
NOT_FOR_PEOPLE = ("dialogue/", "server/", "skills/", "text/", "toolbox/", "agents/protocol")
"""Rooms whose words go to programs and models, or are spoken."""


def collected() -> dict[str, list[str]]:
    """Every sentence, and the files it stands in."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "voicecli").rglob("*.py")):
        name = path.relative_to(ROOT / "voicecli").as_posix()
        if not name.startswith(NOT_FOR_PEOPLE):
            for text in Collector(name, path.read_text("utf-8")).found:
                if f"voicecli/{name}" not in found.setdefault(text, []):
                    found[text].append(f"voicecli/{name}")
    for place, texts in (*OTHERS.items(), (MODELS, titles())):
        for text in texts:
            found.setdefault(text, []).append(place)
    return found


def chosen() -> list[str]:
    """Every sentence that chooses words in a gap, as `{'an a' if one else 'all'} of it`: write a sentence for each."""
    return [
        f"voicecli/{name}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted((ROOT / "voicecli").rglob("*.py"))
        if not (name := path.relative_to(ROOT / "voicecli").as_posix()).startswith(NOT_FOR_PEOPLE)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr) and chooses(node)
    ]


def chooses(node: ast.JoinedStr) -> bool:
    """Whether words are chosen in a gap of a sentence. What stands for a missing name may, if it is found by itself."""
    text = template(node)
    if " " not in text or "\n" in text or LEFT.match(text):
        return False
    words = [(each, word) for each in ast.walk(node) for word in choice(each) if re.search("[A-Za-z]{2}", word)]
    return any(isinstance(each, ast.IfExp) or not is_sentence(word, 2) for each, word in words)


def choice(node: ast.AST) -> list[str]:
    """The texts of which one is taken."""
    match node:
        case ast.IfExp(body=one, orelse=other):
            texts = [one, other]
        case ast.BoolOp(values=texts):
            pass
        case _:
            return []
    return [each.value for each in texts if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def titles() -> Iterator[str]:
    """What each model of the catalogue is."""
    with (ROOT / MODELS).open("rb") as file:
        yield from (each["title"] for each in tomllib.load(file)["model"].values())


class Collector(ast.NodeVisitor):
    """The sentences of one file: every text of two words or more that is no documentation and nothing technical."""

    def __init__(self, name: str, source: str) -> None:
        self.found: list[str] = []
        self._single = TABLES.get(name, set())
        self._help = name.startswith("commands/")
        self._least = 2
        self.visit(ast.parse(source))

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if self._help and any(arg.arg == "ctx" for arg in node.args.args) and not node.name.startswith("_"):
            self._take(ast.get_docstring(node) or "", 1)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = {each.id for each in node.targets if isinstance(each, ast.Name)}
        self._within(node.value, 1 if names & self._single else self._least)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)  # flags tell their help there
        if node.value is not None:
            single = isinstance(node.target, ast.Name) and node.target.id in self._single
            self._within(node.value, 1 if single else self._least)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in TECHNICAL:
            return
        if node.args and (name == "progress" or (name == "table" and self._help)):
            self._within(node.args[0], 1)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for value in node.values:
            self.visit(value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._take(template(node), self._least)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._take(node.value, self._least)

    def _within(self, node: ast.AST, least: int) -> None:
        before, self._least = self._least, least
        self.visit(node)
        self._least = before

    def _take(self, text: str, least: int) -> None:
        parts = paragraphs(cleandoc(text)) if "\n\n" in text else [text.strip()]
        self.found += [each for each in parts if is_sentence(each, least)]


def template(node: ast.JoinedStr) -> str:
    """An f-string with its gaps named; two that touch are one, named after a TABLE if one is."""
    parts, names = list[str](), list[str]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            name = gap(part.value)
            if names and parts[-1] == f"{{{names[-1]}}}":
                parts.pop()
                before = names.pop()
                name = name if name.isupper() else before
            while name in names:
                name += "2"
            names.append(name)
            parts.append(f"{{{name}}}")
    return "".join(parts)


def gap(value: ast.expr) -> str:
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_")
        case ast.Subscript(value=ast.Name(id=name)):
            return name
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name.strip("_")
    return "x"


def paragraphs(doc: str) -> list[str]:
    """Help is laid out by paragraphs, and so translated: prose as one line, examples not at all."""
    parts = doc.split("\n\n")
    return [" ".join(part.split()) for part in parts if not re.search(r"^ ", part, re.MULTILINE)]


def is_sentence(text: str, least: int) -> bool:
    """Whether it has so many words, its gaps counted, that could be said in another language."""
    words = [each for each in text.split() if not re.search(r"[/@=<>|]", each)]
    bare = re.sub(r"\{\w+\}", "", text)
    if len(words) < least or "\n" in text or not re.search(r"[A-Za-z]{2}", bare) or LEFT.match(text):
        return False
    return bare == text or is_telling(text)


def updated(old: Catalog | None, language: str) -> Catalog:
    """The catalogue of a language with exactly the sentences of today."""
    new = Catalog(locale=language, project="voicecli", fuzzy=False)
    for text, places in sorted(collected().items(), key=lambda each: (each[1][0], each[0])):
        known = old.get(text) if old else None
        new.add(text, known.string if known else "", locations=[(place, None) for place in places])
    return new


def read(path: Path) -> Catalog:
    return read_po(BytesIO(path.read_bytes()), locale=path.stem)


def written(catalogue: Catalog, language: str) -> str:
    """The file, which is the same whenever the sentences are."""
    out = BytesIO()
    write_po(out, catalogue, width=110, omit_header=True, ignore_obsolete=True)
    return HEADER.format(language=language) + out.getvalue().decode("utf-8")


def main(arguments: list[str]) -> int:
    if arguments == ["--chosen"]:
        print("\n".join(chosen()))
        return 0
    for path in sorted(LOCALES.glob("*.po")):
        catalogue = updated(read(path), path.stem)
        if arguments == ["--missing"]:
            print("\n".join(str(each.id) for each in catalogue if each.id and not each.string))
            continue
        path.write_text(written(catalogue, path.stem), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
