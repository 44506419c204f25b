"""The documentation is true: its commands run, its settings, tables, files and layers are there.

Where a command is written in the pages or the README, it is held against the real commands; what can be run
without harm is run as it stands there, each in a copy of a small installation with sources on loopback. The
build itself, links and anchors are the business of tests/e2e/test_docs.py.
"""

import importlib
import io
import itertools
import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

from digest import enrichers, sources
from digest.cli import hoist
from digest.cli.commands import make_cli
from digest.config import EnricherSettings, Settings, SourceSettings
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGE = ROOT / "tests" / "data" / "huggingface" / "page_2024.html"
NOW = "2026-11-22T09:00:00Z"
BEGIN = "2026-11-22T02:30:00Z"

# What placeholders in running text stand for.
STANDS_FOR = {
    "EMAIL": "you@example.org",
    "PAPER": "2601.00001",
    "DAY": "2026-11-22",
    "NAME": "huggingface",
    "GROUP": "lab",
    "FOLDER": "a-folder",
    "FILE": "library.bib",
    "FILE.csv": "people.csv",
    "/var/mail/digest/Maildir": "bounces",
}
# Commands that are only held against the real ones here, as patterns, and why.
NOT_RUN = {
    "digest arm.*": "needs a restored copy: tests/test_restore.py",
    "digest evaluate( DIR.*)?": "needs a benchmark: tests/test_cli_evaluate.py",
    "digest init( --send .*)?": "asks a person: tests/test_init.py",
    "digest load.*": "needs an empty place: tests/test_dump.py",
    "digest papers split.*": "needs two papers that were joined: tests/test_splitting.py",
    "digest restore.*": "needs an empty place: tests/test_restore.py",
    "digest serve": "does not end by itself: tests/e2e/test_serve.py",
    "digest subscriber import .* --invite": "needs the web: tests/test_subscriber_import.py",
    "digest sources check.*": "the page's own kind: tests/test_adding_a_source.py",
    "digest web.*": "does not end by itself, or asks: tests/e2e/test_readme.py, tests/test_web_command.py",
}
# Words in the shape of a setting that are none: of the code, the output, templates, or other programs.
NO_SETTINGS = {
    *("clean_text", "safe_url", "parse_arxiv_id", "parse_doi", "spacing_s", "is_dated", "listed_on"),
    *("example_options", "at_least", "cell_biology", "last_day"),
    *("integrity_check", "pg_dump", "sign_headers"),
    *("accent_dark", "body_class", "logo_url", "is_last", "why_you"),
}
# Modules of these names would be looked for where files are meant.
FILES = {"toml", "db", "example"}
# Made when the program is installed, or by whoever follows the page.
MADE = {"digest/templates", "digest/locales/fr/LC_MESSAGES/digest.po"}


# --- reading pages ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One command as a page has it; ``is_whole``: from a block of code, so nothing of it may be missing."""

    page: str
    words: tuple[str, ...]
    is_whole: bool

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


@cache
def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The language and the text of each block of code."""
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            yield token.info, token.content


def pieces(page: Path) -> Iterator[str]:
    """Code in running text."""
    for token in tokens(page):
        for child in token.children or ():
            if child.type == "code_inline":
                yield child.content


def simple_commands(line: str) -> Iterator[list[str]]:
    """The commands that a shell would see in a line, without redirections; nothing where it is no shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    is_file = False
    for word in [*lexer, ";"]:
        if word and set(word) <= set(";&|"):
            yield words
            words = []
        elif word and set(word) <= set("<>"):
            is_file = True
        elif is_file:
            is_file = False
        else:
            words.append(word)


def begun(words: list[str]) -> list[str]:
    """Without what runs it: cron's fields, variables, sudo, a container."""
    text = " ".join(shlex.quote(word) for word in words)
    text = re.sub(r"^(?:(?:'?[0-9*/,-]+'? ){5})", "", text)
    text = re.sub(r"^(?:sudo(?: -u \S+)?|env|podman compose exec digest) ", "", text)
    text = re.sub(r"^(?:'?[A-Z_]+=\S* ?)+", "", text)
    found = shlex.split(text)
    return ["digest", *found[1:]] if found and Path(found[0]).name == "digest" else []


def commands_in_block(language: str, text: str) -> Iterator[list[str]]:
    for line in text.replace("\\\n", " ").splitlines():
        if language == "console" and not line.startswith("$ "):
            continue  # what the command before printed
        try:
            found = [begun(words) for words in simple_commands(line.removeprefix("$ "))]
        except ValueError:  # an apostrophe: a sentence, or a command that no shell would take
            assert not line.strip().startswith("digest "), line
            continue
        yield from filter(None, found)


@cache
def units() -> list[list[Line]]:
    """The commands of each block, which are typed one after the other; then each one of running text."""
    found: list[list[Line]] = []
    seen: set[tuple[str, ...]] = set()
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        for language, text in blocks(page):
            if language not in ("toml", "python"):
                found.append([Line(name, tuple(words), True) for words in commands_in_block(language, text)])
                seen |= {line.words for line in found[-1]}
    for page in PAGES:
        for piece in pieces(page):
            words = tuple(shlex.split(piece)) if re.match(r"digest [a-z-]", piece) else ()
            if words and words not in seen and "…" not in piece:
                seen.add(words)
                found.append([Line(page.relative_to(ROOT).as_posix(), words, False)])
    return [unit for unit in found if unit]


@cache
def lines() -> list[Line]:
    """Every command in the pages."""
    return [line for unit in units() for line in unit]


# --- commands --------------------------------------------------------------------------------------


@cache
def tree() -> Any:
    return typer.main.get_command(make_cli())


def check(words: Sequence[str]) -> tuple[str, bool]:
    """What is wrong with a command, empty if nothing; and whether all that it needs is there."""
    node, rest = tree(), hoist(list(words[1:]))
    while True:
        fault, rest, given = without_options(node, rest)
        if fault:
            return fault, False
        if not hasattr(node, "commands"):
            return check_arguments(node, rest, given)
        if not rest:
            return "", node.invoke_without_command
        if rest[0] not in node.commands:
            return f"there is no command {rest[0]!r}", False
        node, rest = node.commands[rest[0]], rest[1:]


def without_options(node: Any, words: list[str]) -> tuple[str, list[str], set[str]]:
    """What is wrong; the words that are no options (of a group, from its command on); the options given."""
    known = {name: one for one in node.params for name in (*one.opts, *one.secondary_opts)}
    rest, given, place = [], set(), 0
    while place < len(words):
        word = words[place]
        place += 1
        if not word.startswith("-") or word == "-":
            if hasattr(node, "commands"):
                return "", words[place - 1 :], given
            rest.append(word)
            continue
        name, equals, _ = word.partition("=")
        if name in ("--help", "-h"):
            continue
        if name not in known or known[name].param_type_name != "option":
            return f"there is no option {name}", [], given
        given.add(known[name].name)
        if not known[name].is_flag and not equals:
            if place == len(words):
                return f"{name} wants a value", [], given
            place += 1
    return "", rest, given


def check_arguments(node: Any, words: list[str], given: set[str]) -> tuple[str, bool]:
    arguments = [one for one in node.params if one.param_type_name == "argument"]
    if len(words) > len(arguments) and all(one.nargs == 1 for one in arguments):
        return f"{' '.join(words[len(arguments) :])} is too much", False
    options = {one.name for one in node.params if one.param_type_name == "option" and one.required}
    return "", len(words) >= sum(one.required for one in arguments) and options <= given


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("digest status --json", ""),
        ("digest --now 2026-01-01T00:00:00Z why you@example.org", ""),
        ("digest stauts", "there is no command 'stauts'"),
        ("digest sources lst", "there is no command 'lst'"),
        ("digest status --jsno", "there is no option --jsno"),
        ("digest papers list --limit", "--limit wants a value"),
        ("digest why a@example.org b@example.org", "b@example.org is too much"),
    ],
)
def test_a_wrong_command_is_seen(words: str, fault: str) -> None:
    """Else what follows would prove nothing."""
    assert check(words.split())[0] == fault


def test_commands_are_found_where_shells_would_find_them() -> None:
    """Behind cron's fields, variables and pipes; not in output, comments or other programs' arguments."""
    text = """$ digest backup
made by digest backup
$ 5 * * * * env DIGEST_CONFIG=… ~/.digest/bin/digest run
$ digest status --metrics > a && mv a b
$ journalctl -u digest -p warning  # digest doctor
$ /opt/digest/bin/digest bounces read - || exit 75
"""
    assert [" ".join(words) for words in commands_in_block("console", text)] == [
        "digest backup",
        "digest run",
        "digest status --metrics",
        "digest bounces read -",
    ]


def test_every_command_in_the_pages_exists_with_its_options() -> None:
    """In running text arguments may be left out."""
    faults = {str(line): check(line.words)[0] for line in lines() if line.words[1] != "COMMAND"}
    assert {line: fault for line, fault in faults.items() if fault} == {}
    bare = [str(line) for line in lines() if line.is_whole and not check(line.words)[1]]
    assert bare == [], "an argument is missing"


# --- running them ----------------------------------------------------------------------------------

DAYS = {
    f"2026-11-{day:02d}": [
        item(day, title=f"Dense retrieval with late interaction, part {day}", votes=day),
        item(100 + day, title=f"Question answering over tables {day}", votes=2 * day),
    ]
    for day in range(19, 23)
}
DAYS["2026-11-20"][0]["paper"]["id"] = "2601.00001"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with settings and data of a reader who has had a digest; its sources answer on loopback."""
    folder = tmp_path_factory.mktemp("documented")
    with pytest.MonkeyPatch.context() as patch, serving(DailyServer(DAYS)) as site:
        for name in [name for name in os.environ if name.startswith("DIGEST_")]:
            patch.delenv(name)
        patch.chdir(folder)
        patch.setenv("XDG_CONFIG_HOME", str(folder / "xdg"))
        settle(site.url)
        invented_files()
        ok("refresh", "--source", "huggingface", "--since", "2026-11-19", "--now", BEGIN)
        for email in ("you@example.org", "ada@example.org", "bo@example.org"):
            ok("subscriber", "add", email, "--active", "--now", BEGIN)
        words = ("--name", "retrieval", "--keyword", "retrieval")
        ok("interest", "add", "you@example.org", *words, "--now", BEGIN)
        ok("run", "--now", "2026-11-22T08:00:00Z")
        yield folder


def settle(url: str) -> None:
    """Every source that the pages name is one that answers here."""
    table = f'[[source]]\nname = "%s"\nkind = "huggingface"\nurl = "{url}"\nallow_private = true\n'
    table += "lookback_days = 1\n"
    names = ("huggingface", "arxiv", "github-python")
    Path("digest.toml").write_text(
        'data_dir = "data"\nbounce_mailbox = "bounces"\noperator_address = "me@example.org"\n'
        'bounce_address = "bounces@example.org"\n' + "".join(table % name for name in names)
    )
    Path("digest.toml").chmod(0o600)
    for name in ("cur", "new", "tmp"):
        Path("bounces", name).mkdir(parents=True)


def invented_files() -> None:
    """What commands are given that read a file."""
    Path("library.bib").write_text(
        "@article{one, title={Dense Retrieval of Spoons}, author={Example, Ada}}\n"
    )
    Path("page.html").write_bytes(PAGE.read_bytes())
    Path("people.csv").write_text("email\nfriend2@example.org\n")


# What has to be there before a unit that begins so, as a pattern; run in the copy.
BEFORE: Mapping[str, Sequence[Sequence[str]]] = {
    "digest subscriber add EMAIL --feed-only": [("subscriber", "remove", "you@example.org")],
    "digest suppression remove (.*)": [("suppression", "add", r"\1", "--reason", "x")],
    "digest group (change|leave|delete) Seminar.*|.* seminar@lists.*": [
        ("group", "add", "Seminar", "--list", "seminar@lists.example.org"),
        ("group", "join", "Seminar", "ada@example.org"),
    ],
}


def to_run() -> list[list[Line]]:
    found = [[line for line in unit if is_run(line)] for unit in units()]
    return [unit for unit in found if unit]


def is_run(line: Line) -> bool:
    if line.words[1] == "COMMAND" or not check(line.words)[1]:
        return False
    return not any(re.fullmatch(pattern, " ".join(line.words)) for pattern in NOT_RUN)


def test_what_is_not_run_is_named_in_the_pages() -> None:
    """An exception that no page needs any more is to go."""
    written = [" ".join(line.words) for line in lines()]
    assert [one for one in NOT_RUN if not any(re.fullmatch(one, words) for words in written)] == []


@pytest.mark.parametrize("unit", to_run(), ids=lambda unit: str(unit[0]))
def test_documented_commands_run(
    unit: list[Line], installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are written, in a copy of a small installation, and end with 0."""
    shutil.copytree(installation, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("DIGEST_NOW", NOW)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Subject: hello\n\nhello\n")))
    for pattern, commands in BEFORE.items():
        if found := re.fullmatch(pattern, " ".join(unit[0].words)):
            for command in commands:
                ok(*(found.expand(word) for word in command))
    for line in unit:
        with monkeypatch.context() as patch:
            if "--invite" in line.words:  # the mail leads somewhere
                patch.setenv("DIGEST_BASE_URL", "https://digest.example.org")
            ran = run(*(STANDS_FOR.get(word, word) for word in line.words[1:]))
        assert ran.code == 0, f"{line}\n{ran.err or ran.out}"


# --- settings and tables ---------------------------------------------------------------------------


def options() -> dict[str, set[str]]:
    """The keys that a table may hold, by kind."""
    common = {"source": set(SourceSettings.model_fields), "enricher": set(EnricherSettings.model_fields)}
    found: dict[str, set[str]] = {}
    for what, known in (("source", sources.KINDS), ("enricher", enrichers.KINDS)):
        for name, kind in known.items():
            own = {field.alias or key for key, field in kind.Options.model_fields.items()}
            found.setdefault(name, set()).update(common[what] | own)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_a_page_names_exist(page: Path) -> None:
    """As variables, and as words in the shape of a setting."""
    variables = {
        name.lower() for name in re.findall(r"\bDIGEST_([A-Z][A-Z_]*[A-Z])", page.read_text("utf-8"))
    }
    assert variables - Settings.model_fields.keys() - {"config", "now", "shared"} == set()
    known = set(Settings.model_fields).union(NO_SETTINGS, *options().values())
    named = {one for one in pieces(page) if re.fullmatch(r"[a-z]+(_[a-z]+)+", one)}
    assert {one for one in named - known if not one.startswith("digest_")} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_a_page_sets_exist(page: Path) -> None:
    """In running text (``name = value``) and in blocks: of the program, or of the kind of the table."""
    known = set(Settings.model_fields).union(*options().values(), {"selector", "path"})
    for piece in pieces(page):
        assert " = " not in piece or read_toml(piece).keys() <= known, piece
    for _, text in blocks(page):
        for table in tables(text):
            check_table(table)


def read_toml(text: str) -> dict[str, Any]:
    """What a text says as TOML; nothing where it is none."""
    try:
        return tomllib.loads(text.replace("…", "x"))
    except tomllib.TOMLDecodeError:
        return {}


def tables(text: str) -> Iterator[dict[str, Any]]:
    """A block that holds settings: at least one key of it is one."""
    read = read_toml(text)
    if read.keys() & Settings.model_fields.keys():
        yield read


def check_table(read: dict[str, Any]) -> None:
    known = options()
    assert read.keys() <= Settings.model_fields.keys()
    for what in ("source", "enricher"):
        for one in read.get(what, ()):
            if one["kind"] != "kettles":  # the one that the page itself invents
                assert one.keys() <= known[one["kind"]], one


# --- files and modules -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    """Linked ones, from where the page lies; and those in running text, from the top."""
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
    tops = "digest|tests|bench|deploy|docs|templates|requirements"
    for piece in [*pieces(page), *(text for _, text in blocks(page))]:
        for path in re.findall(rf"(?:^|(?<=\s))(?:\./)?((?:{tops})/[\w./-]*)(?=$|[\s:,)])", piece):
            assert path.rstrip("/") in MADE or (ROOT / path).exists() or is_module(path), (
                f"{page.name}: {path}"
            )


def is_module(path: str) -> bool:
    """A room may be a folder or one file: ``digest/schedule``."""
    return (ROOT / f"{path}.py").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_a_page_names_exist(page: Path) -> None:
    """And what they hold: ``digest.ranking.parts.score_of``."""
    for piece in pieces(page):
        if re.fullmatch(r"digest(\.[a-zA-Z_]+)+", piece) and piece.split(".")[1] not in FILES:
            assert holds(piece), piece


def holds(dotted: str) -> bool:
    module, _, name = dotted.rpartition(".")
    try:
        importlib.import_module(dotted)
    except ModuleNotFoundError:
        return hasattr(importlib.import_module(module), name)
    return True


def test_the_layers_are_drawn_as_they_are() -> None:
    """Each room of the drawing is a real one, and stands above those that it may import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    place = {name.strip(" ()"): row for row, layer in enumerate(layers) for name in layer.split("|")}
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Rooms")[2]
    drawn = re.search(r"\n((?:    [a-z].*\n)+)", page)
    assert drawn
    rows = [re.split(r"\s{2,}", row.strip())[0].split(" | ") for row in drawn[1].splitlines()]
    places = [[place[name] for name in row] for row in rows]
    assert len(rows) > 10
    assert all(max(above) <= min(below) for above, below in itertools.pairwise(places)), places


def test_every_page_is_in_a_table_of_contents() -> None:
    """Else nobody finds it; and no page is listed that is not there."""
    text = (ROOT / "docs" / "index.md").read_text("utf-8")
    listed = {
        line
        for block in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line and not line.startswith(":")
    }
    docs = ROOT / "docs"
    assert listed == {page.relative_to(docs).with_suffix("").as_posix() for page in docs.rglob("*.md")} - {
        "index"
    }
