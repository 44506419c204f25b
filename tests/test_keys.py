"""Keys are rotated, and every mail that was ever sent can still be left by."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.app import App, make_app
from digest.demo.program import DemoSettings
from digest.errors import ConfigError, UsageError
from digest.keys import HEAD, KeyFile, read_old_keys, rotate_keys
from digest.tokens import (
    IN_MAILS,
    LASTING,
    Keys,
    key_named,
    make_confirmation,
    make_tag,
    make_token,
    read_tag,
    read_token,
)
from tests.cli_runner import ok, run
from tests.test_main_job import configure

NOW = datetime(2026, 8, 3, 9, tzinfo=UTC)
DAY = timedelta(days=1)
# Every purpose that the program makes tokens for.
ENDING = ("session preferences", "session feedback", "form", "admin", "admin form")
PURPOSES = (*sorted(LASTING), *sorted(IN_MAILS), *ENDING)
TAGS = ("b", "u")
REFERENCE = bytes(range(8))


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "secret.key")


def opened(keys: Keys, tokens: dict[str, str]) -> set[str]:
    """The purposes whose tokens count; each says what it said, or nothing."""
    said = {purpose: read_token(keys, purpose, token) for purpose, token in tokens.items()}
    assert set(said.values()) <= {None, ("7", 1)}
    return {purpose for purpose, claim in said.items() if claim}


def test_tokens_of_every_purpose_through_two_rotations(file: KeyFile) -> None:
    """Leaving counts for ever, other links in mails until their day, sessions and forms end at once."""
    old = [{purpose: make_token(file.at(NOW), purpose, "7", 1) for purpose in PURPOSES}]
    tags = [{letter: make_tag(file.at(NOW), letter, REFERENCE) for letter in TAGS}]
    for rotation, days in enumerate((90, 30), start=1):
        at = NOW + rotation * DAY
        rotate_keys(file, at, days=days)
        old.append({purpose: make_token(file.at(at), purpose, "7", 1) for purpose in PURPOSES})
        tags.append({letter: make_tag(file.at(at), letter, REFERENCE) for letter in TAGS})
    ends = [NOW + 91 * DAY, NOW + 32 * DAY]
    links, everything = {"unsubscribe", "feedback", "issue", "preferences"}, set(PURPOSES)
    assert [opened(file.at(NOW + 2 * DAY), one) for one in old] == [links, links, everything]
    assert [opened(file.at(ends[1]), one) for one in old] == [links, links, everything]
    assert [opened(file.at(ends[1] + DAY), one) for one in old] == [links, {"unsubscribe"}, everything]
    assert [opened(file.at(ends[0] + DAY), one) for one in old] == [
        {"unsubscribe"},
        {"unsubscribe"},
        everything,
    ]
    late = file.at(NOW + 9999 * DAY)
    assert all(read_tag(late, letter, tag) == REFERENCE for one in tags for letter, tag in one.items())
    assert len({one["unsubscribe"] for one in old}) == 3


def test_a_leaked_key_opens_nothing_but_the_way_out(file: KeyFile) -> None:
    """Rotated with 0 days."""
    tokens = {purpose: make_token(file.at(NOW), purpose, "7", 1) for purpose in PURPOSES}
    assert rotate_keys(file, NOW, days=0) is None
    assert opened(file.at(NOW), tokens) == {"unsubscribe"}


def test_after_a_leak_no_key_of_the_stolen_file_opens_anything_but_the_way_out(file: KeyFile) -> None:
    """The older ones lay beside the one that leaked."""
    keys = [file.at(NOW).signing]
    for days in (365, 365, 0):
        rotate_keys(file, NOW, days=days)
        keys.append(file.at(NOW).signing)
    for key in keys[:-1]:
        assert opened(file.at(NOW), {one: make_token(key, one, "7", 1) for one in PURPOSES}) == {
            "unsubscribe"
        }


def test_a_key_is_never_seen_half_made(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs start at the same first moment: whoever looks sees no key or a whole one, the same."""
    seen = []

    def sync(descriptor: int) -> None:
        seen.append(file.path.exists())
        if not any(seen) and len(seen) == 1:
            seen.append(KeyFile(file.path).at(NOW))  # another program, before ours has its name

    monkeypatch.setattr("os.fsync", sync)
    ours = file.at(NOW)
    assert seen[0] is False
    assert ours in seen
    assert [one.name for one in file.path.parent.iterdir()] == [file.path.name]
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_key_is_made_where_there_are_no_hard_links(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """On FAT, for one."""

    def link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    assert file.at(NOW) == KeyFile(file.path).at(NOW)
    assert [one.name for one in file.path.parent.iterdir()] == [file.path.name]


def test_a_running_program_takes_a_rotation_up(file: KeyFile) -> None:
    """It reads the file again as soon as it is another."""
    running = KeyFile(file.path)
    before = running.at(NOW)
    rotate_keys(file, NOW, days=1)
    assert running.at(NOW) == file.at(NOW) != before
    assert running.at(NOW).lasting == (before.signing,)


def test_the_keys_of_others_open_nothing(file: KeyFile) -> None:
    """Of a tag and of a token."""
    rotate_keys(file, NOW, days=9)
    keys = file.at(NOW)
    assert read_token(keys, "unsubscribe", make_token(b"x" * 32, "unsubscribe", "7", 1)) is None
    assert read_tag(keys, "u", make_tag(b"x" * 32, "u", REFERENCE)) is None
    assert read_tag(keys, "u", make_tag(keys, "b", REFERENCE)) is None


@pytest.mark.parametrize("key", [b"\xff\n\x00" * 20, b"words with blanks " * 3, b"hex:" + b"0" * 60])
def test_a_key_of_any_bytes_survives_rotation(file: KeyFile, key: bytes) -> None:
    """An operator may have made it in a way of their own."""
    file.path.write_bytes(key + b"\n")
    token = make_token(key.strip(), "unsubscribe", "7", 1)
    rotate_keys(file, NOW, days=1)
    rotate_keys(file, NOW, days=1)
    assert read_token(file.at(NOW), "unsubscribe", token) == ("7", 1)
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text", [b"", b"short", HEAD, HEAD + b"\nabc\n", HEAD + b"\n" + b"k" * 32 + b" until 2026-99-99"]
)
def test_a_damaged_file_is_named(file: KeyFile, text: bytes) -> None:
    """It is not written over."""
    file.path.write_bytes(text)
    with pytest.raises(ConfigError, match=r"secret\.key.*backup"):
        file.at(NOW)
    assert file.path.read_bytes() == text


def test_days_that_cannot_be_are_refused(file: KeyFile) -> None:
    """And nothing is changed."""
    before = file.at(NOW)
    for days in (-1, 4000):
        with pytest.raises(UsageError, match="0 to 3650"):
            rotate_keys(file, NOW, days=days)
    assert file.at(NOW) == before


def test_older_keys_can_be_settings(tmp_path: Path) -> None:
    """With the day until which other links count."""
    older = f"{'a' * 32} until 2026-08-09, {'b' * 32}"
    settings = DemoSettings(data_dir=tmp_path / "data", secret_key="c" * 32, secret_key_old=older)  # type: ignore[arg-type]
    app = make_app(settings, now=NOW)
    keys = app.secret_key()
    assert (keys.signing, keys.lasting, keys.recent) == (b"c" * 32, (b"a" * 32, b"b" * 32), (b"a" * 32,))
    assert opened(keys, {one: make_token(b"b" * 32, one, "7", 1) for one in PURPOSES}) == {"unsubscribe"}
    with pytest.raises(UsageError, match=r"put it into secret_key_old"):
        app.rotate_key(days=3)
    assert not (tmp_path / "data" / "secret.key").exists()
    app.database.close()


@pytest.mark.parametrize(
    "key", ["a comma,in a key of some length", "hex:" + "00" * 16, "blanks within a key", "ü" * 9]
)
def test_a_key_that_is_not_plain_is_an_older_one_in_hexadecimal(tmp_path: Path, key: str) -> None:
    """As the program says where it cannot put it there itself; the old links go on working."""
    settings = DemoSettings(data_dir=tmp_path / "data", secret_key=key)  # type: ignore[arg-type]
    app = make_app(settings, now=NOW)
    with pytest.raises(UsageError, match="this one as “hex:”") as caught:
        app.rotate_key(days=3)
    app.database.close()
    assert key not in str(caught.value)
    assert [one.key for one in read_old_keys("hex:" + key.encode().hex())] == [key.encode()]


def test_settings_that_are_no_keys_are_refused_without_quoting_them() -> None:
    """Too short, with blanks, with a day that there is not."""
    for text in ("hunter2", "k" * 32 + " and more", "k" * 32 + " until 2026-02-30"):
        with pytest.raises(UsageError, match=r"hex:|a day that there is not") as caught:
            read_old_keys(text)
        assert "hunter2" not in str(caught.value)
        assert "kkk" not in str(caught.value)


def test_a_letter_keeps_the_key_it_was_planned_with() -> None:
    """By that key's name, which tells nothing of it; what confirms is stored as a hash."""
    before = Keys(b"a" * 32)
    after = Keys(b"b" * 32, lasting=(before.signing,))
    nonce = bytes(32)
    assert make_confirmation(key_named(after, before.name), nonce) == make_confirmation(before, nonce)
    assert make_confirmation(key_named(after, "unknown"), nonce) == make_confirmation(after, nonce)
    assert "aaa" not in repr(after)


def test_the_command_line_rotates_and_shows_no_key() -> None:
    """Names only; the reader's way out made before goes on working."""
    configure("http://127.0.0.1:9")
    ok("subscriber", "add", "ada@example.org", "--active")
    before = ok("key", "show", "--json").json
    done = ok("key", "rotate", "--days", "3", "--json").json
    shown = ok("key", "show", "--json").json
    assert [row["signs"] for row in shown] == [True, False]
    assert (shown[0]["key"], shown[1]["key"]) == (done["key"], before[0]["key"])
    assert shown[1]["until"] == done["until"]
    lines = Path("data/secret.key").read_text().splitlines()[1:]
    text = ok("key", "show").out + ok("key", "rotate").out
    assert not any(line.split()[0] in text for line in lines)
    assert run("key", "rotate", "--days", "-1").code == 2


def test_an_app_reads_links_of_before(tmp_path: Path) -> None:
    """The program's own way to its key."""
    app: App = make_app(DemoSettings(data_dir=tmp_path / "data"), now=NOW)
    token = make_token(app.secret_key(), "unsubscribe", "7", 1)
    app.rotate_key(days=0)
    assert read_token(app.secret_key(), "unsubscribe", token) == ("7", 1)
    assert make_token(app.secret_key(), "unsubscribe", "7", 1) != token
    app.database.close()
