"""Settings: which layer wins, what is refused, and that nothing secret is printed."""

import re
import tomllib
from pathlib import Path

import pytest

from digest.checking import check_source, read_settings
from digest.config import Settings, SourceSettings
from digest.errors import ConfigError
from digest.loading import SPECIAL, load_settings
from digest.pipeline.enricher_settings import check_enricher
from digest.sources import get_kind

ROOT = Path(__file__).resolve().parents[1]

TABLES = ("source", "enricher")


def test_environment_wins_over_dotenv_over_toml_over_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer hides the one below it."""
    Path("digest.toml").write_text("papers = 11\nhour = 11\nwindow_days = 11\n")
    Path(".env").write_text("DIGEST_PAPERS=12\nDIGEST_HOUR=12\n")
    monkeypatch.setenv("DIGEST_PAPERS", "13")
    settings = load_settings()
    assert (settings.papers, settings.hour, settings.window_days, settings.silent_days) == (13, 12, 11, 3)


def test_a_credential_wins_over_dotenv_and_the_environment_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file named after a setting, with or without our prefix; the line end is no part of the secret."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "smtp_url").write_text("smtps://user:credential@mail.example.org\n")
    (folder / "digest_secret_key").write_text("k" * 32 + "\r\n")
    (folder / "DIGEST_PAPERS").write_text("21\n")
    (folder / "zone").write_text("\n")
    (folder / "another_programs").write_text("not ours")
    Path(".env").write_text("DIGEST_SMTP_URL=smtp://dotenv\nDIGEST_MAIL_FROM=digest@example.org\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    settings = read_settings()
    assert settings.smtp_url is not None
    assert settings.smtp_url.get_secret_value() == "smtps://user:credential@mail.example.org"
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == "k" * 32
    assert (settings.papers, settings.zone) == (21, "UTC")
    monkeypatch.setenv("DIGEST_PAPERS", "22")
    assert read_settings().papers == 22


def test_a_credential_is_checked_like_any_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wrong one is a fault in words that does not quote it; one that is no text names its file."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret = tmp_path / "smtp_url"
    secret.write_text("pigeon://user:hunter2@example.org")
    with pytest.raises(ConfigError, match=r"smtp_url") as caught:
        read_settings()
    assert "hunter2" not in str(caught.value)
    secret.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"smtp_url is not text"):
        read_settings()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "nowhere"))
    assert read_settings().smtp_url is None


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown keys, wrong values, impossible combinations and what the kind finds, together."""
    Path("digest.toml").write_text(
        'hour = 25\nmisspelt = 1\nsmtp_url = "pigeon://u:p@h"\n'
        '[[source]]\nname = "a"\nkind = "huggingface"\nvia = "telepathy"\n'
        '[[source]]\nname = "b"\nkind = "no-such-kind"\n'
    )
    monkeypatch.setenv("DIGEST_TYPO", "1")
    with pytest.raises(ConfigError) as caught:
        read_settings()
    text = str(caught.value)
    for word in ("DIGEST_TYPO", "hour", "misspelt", "mail_from", "smtps://", "via", "no-such-kind"):
        assert word in text
    assert len(caught.value.faults) == 7


def test_an_unknown_key_in_dotenv_is_refused() -> None:
    """A typo in .env is no silent default."""
    Path(".env").write_text("DIGEST_PAPRES=12\n")
    with pytest.raises(ConfigError, match=r"(?i)papres"):
        load_settings()


@pytest.mark.parametrize(
    "text",
    [
        "hour = ",
        'zone = "Mars/Olympus"',
        'base_url = "ftp://x"',
        'base_url = "https://user:password@digest.example.org"',
        'base_url = "https://bücher.example"',
        'base_url = "https://digest.example.org/?a=b"',
        'base_url = "https://digest.example.org/a\\"b"',
        'base_url = "https://digest.example.org:99999"',
        'mail_from = "nobody"',
        'mail_from = "me@my_host"',
        'mail_from = "a..b@example.org"',
        'mail_from = "digest@bücher.example"',
        'unsubscribe_address = "a b@example.org"',
        'secret_key = "too short"',
        'database_url = "nonsense"',
        'database_url = "mysql://user:hunter2@localhost/d"',
        'data_dir = "~nobody-of-that-name/data"',
        'data_dir = "a\\u0000b"',
        "source = []",
        '[[source]]\nname = "a"\nkind = "huggingface"\n[[source]]\nname = "a"\nkind = "huggingface"',
        '[[source]]\nname = "Bad Name"\nkind = "huggingface"',
        '[[source]]\nname = "saved"\nkind = "huggingface"',
        '[[source]]\nname = "a"\nkind = "huggingface"\nurl = "ftp://mirror.example.org"',
        '[[source]]\nname = "a"\nkind = "huggingface"\nurl = "https://"',
        '[[source]]\nname = "a"\nkind = "huggingface"\nurl = "https://user:hunter2@mirror.example.org"',
        "trend_weight = 1.5",
        "keep_pages_days = 999999999",
        "now = 2026-01-01T00:00:00Z",
    ],
)
def test_wrong_files_give_a_sentence(text: str) -> None:
    """Each wrong file is a ConfigError, never a traceback."""
    Path("digest.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_settings()
    assert "hunter2" not in str(caught.value)


def test_a_setting_below_a_source_is_told_where_it_belongs() -> None:
    """In TOML what follows a table is part of it: who appends a line to the file writes it there."""
    Path("digest.toml").write_text(
        '[[source]]\nname = "a"\nkind = "huggingface"\nmail_from = "d@example.org"\n'
    )
    with pytest.raises(ConfigError, match=r"mail_from: is a setting of the program; put it above the first"):
        read_settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[[source]]\nname = "a"\nkind = "arxiv"\ncategories = "cs.CL"',
            "categories: should be a list, such as",
        ),
        (
            '[[source]]\nname = "a"\nkind = "arxiv"',
            "source 'a' (digest.toml): query: is needed where no categories",
        ),
        ('[[source]]\nname = "a"\nkind = "arxiv"\ncategorys = []', "did you mean categories?"),
        ('[[source]]\nname = "a"\nkind = "arxiv"\nallow_privat = true', "did you mean allow_private?"),
        ('[[source]]\nname = "a"\nkind = "page"\nitem = "li"', "title: is needed"),
        ('[[enricher]]\nname = "a"\nkind = "arxiv"\nmax_papers = "x"', "enricher 'a'"),
        ('[[sources]]\nname = "a"', "did you mean source?"),
        ('smtp_ulr = "x"', "did you mean smtp_url?"),
        ("web_port = 70000", "web_port (DIGEST_WEB_PORT or digest.toml): should be at most 65535"),
        ("hour = -1", "should be at least 0"),
        ("timeout_s = 0", "should be more than 0"),
        ("papers = 2.5", "should be a whole number"),
        ('trend_weight = "x"', "should be a number"),
        ('log_level = "loud"', "should be 'debug', 'info', 'warning' or 'error'"),
        ("list_name = 5", "should be text in quotes"),
        (f'list_name = "{"x" * 90}"', "should be shorter: at most 80 characters"),
        ("[[source]]\nname = 5", "is needed"),
    ],
)
def test_what_is_refused_is_told_in_our_words(text: str, told: str) -> None:
    Path("digest.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_settings()
    assert told in str(caught.value)
    assert "Input should" not in str(caught.value)
    assert "Value error" not in str(caught.value)
    assert "Extra inputs" not in str(caught.value)


def test_a_misspelt_variable_is_told_with_its_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_SMTP_ULR", "x")
    with pytest.raises(
        ConfigError, match=r"DIGEST_SMTP_ULR is no setting .*; did you mean DIGEST_SMTP_URL\?"
    ):
        read_settings()


@pytest.mark.parametrize("text", ["not json", "[" * 100_000, "{}", "3"])
def test_sources_in_the_environment_that_are_none_are_told_with_the_rest(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DIGEST_SOURCE is JSON, or a fault among the others."""
    monkeypatch.setenv("DIGEST_SOURCE", text)
    monkeypatch.setenv("DIGEST_HOUR", "25")
    with pytest.raises(ConfigError, match=r"DIGEST_SOURCE[\s\S]*DIGEST_HOUR|DIGEST_HOUR[\s\S]*DIGEST_SOURCE"):
        read_settings()


def test_sources_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other key, the sources may be set there."""
    monkeypatch.setenv("DIGEST_SOURCE", '[{"name": "a", "kind": "huggingface"}]')
    assert [source.name for source in read_settings().source] == ["a"]


def test_a_dotenv_that_is_no_text_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told with what else is wrong."""
    Path(".env").write_bytes(b"DIGEST_LIST_NAME=caf\xe9\n")
    monkeypatch.setenv("DIGEST_TYPO", "1")
    with pytest.raises(ConfigError, match=r"UTF-8") as caught:
        read_settings()
    assert "DIGEST_TYPO" in str(caught.value)


def test_a_wrong_value_in_dotenv_is_told_beside_other_faults() -> None:
    """The check of the mail server's address sees it wherever it is set, whatever else is wrong."""
    Path(".env").write_text("DIGEST_SMTP_URL=pigeon://user:hunter2@example.org\nDIGEST_HOUR=25\n")
    with pytest.raises(ConfigError) as caught:
        read_settings()
    text = str(caught.value)
    for word in ("DIGEST_SMTP_URL", "smtps://", "DIGEST_MAIL_FROM", "DIGEST_HOUR"):
        assert word in text
    assert "hunter2" not in text


def test_a_short_key_is_refused_with_how_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifteen bytes are too few, sixteen are enough."""
    monkeypatch.setenv("DIGEST_SECRET_KEY", "k" * 15)
    with pytest.raises(ConfigError, match=r"token_hex"):
        read_settings()
    monkeypatch.setenv("DIGEST_SECRET_KEY", "k" * 16)
    assert read_settings().secret_key is not None


def test_settings_that_are_right_pass_all_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks of the rooms above refuse nothing that works."""
    Path("digest.toml").write_text(
        'base_url = "https://digest.example.org/papers/"\nmail_from = "o\'neil+digest@mail-1.example.org"\n'
        'smtp_url = "smtps://user:pass@mail.example.org"\ndatabase_url = "sqlite:////tmp/some.db"\n'
        '[[source]]\nname = "a"\nkind = "huggingface"\nurl = "http://mirror.example.org:8080/hf"\n'
    )
    assert read_settings().base_url == "https://digest.example.org/papers"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("HTTPS://Digest.Example.ORG", "https://digest.example.org"),
        ("Http://Digest.example.org:8080/My/Path/", "http://digest.example.org:8080/My/Path"),
    ],
)
def test_the_web_address_is_kept_in_lower_case(written: str, meant: str) -> None:
    """But for its path, where case counts; links that begin otherwise are refused in every mail."""
    Path("digest.toml").write_text(f'base_url = "{written}"\n')
    assert read_settings().base_url == meant


def test_a_named_file_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """DIGEST_CONFIG must not silently fall back to defaults."""
    monkeypatch.setenv("DIGEST_CONFIG", "elsewhere.toml")
    with pytest.raises(ConfigError, match=r"elsewhere\.toml"):
        load_settings()


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the settings nor an error about them show a password or key."""
    monkeypatch.setenv("DIGEST_SMTP_URL", "smtps://user:hunter2@mail.example.org")
    monkeypatch.setenv("DIGEST_MAIL_FROM", "digest@example.org")
    monkeypatch.setenv("DIGEST_SECRET_KEY", "hunter2" * 6)
    monkeypatch.setenv("DIGEST_DATABASE_URL", "postgresql://u:hunter2@localhost/d")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_env_example_lists_every_setting_once() -> None:
    """.env.example and the code know the same names; the values shown are valid."""
    text = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^#(DIGEST_\w+)=(.*)$", text, re.MULTILINE))
    expected = {f"DIGEST_{name.upper()}" for name in Settings.model_fields if name not in TABLES}
    assert set(shown) == expected | (SPECIAL - {"DIGEST_SHARED"})
    assert text.count("\n#DIGEST_") == len(shown)


def test_toml_example_lists_every_setting_and_the_defaults() -> None:
    """Uncommented, digest.example.toml is a valid file, and what has a default shows it."""
    text = (ROOT / "digest.example.toml").read_text()
    values = tomllib.loads(re.sub(r"^#(?=[a-z_]+ = |\[\[)", "", text, flags=re.MULTILINE))
    assert set(values) == set(Settings.model_fields)
    settings = Settings(**values)
    for name, field in Settings.model_fields.items():
        if field.default is not None and not field.is_required() and field.default_factory is None:
            assert getattr(settings, name) == field.default, name
    assert check_source(settings.source[0]) == []
    options = get_kind("huggingface").Options()
    assert settings.source[0].options == options.model_dump(exclude_none=True)
    assert [check_enricher(enricher) for enricher in settings.enricher] == [[], []]
    assert settings.source[0].lookback_days == get_kind("huggingface").lookback_days


def test_env_example_values_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uncommented, .env.example loads."""
    text = (ROOT / ".env.example").read_text()
    lines = re.findall(r"^#(DIGEST_\w+=.*)$", text, re.MULTILINE)
    Path(".env").write_text("\n".join(line for line in lines if line.split("=")[0] not in SPECIAL))
    assert load_settings().papers == 10


def test_a_source_kind_checks_its_own_options() -> None:
    """What the kind does not know is told with what it knows."""
    faults = check_source(SourceSettings(name="a", kind="huggingface", typo=1))
    assert len(faults) == 1
    assert "typo" in faults[0]
    assert "page_size" in faults[0]
