"""The operator's text model: loaded late and never downloaded, its rows kept, and missed by no digest."""

import logging
import sys
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from digest.app import App
from digest.config import Settings
from digest.errors import ConfigError
from digest.pipeline.compose import Composer, ComposeRules
from digest.pipeline.evaluate import evaluate_folder
from digest.pipeline.model_store import ModelStore
from digest.pipeline.moment import Moment
from digest.pipeline.text_model import SURROUNDINGS, TextModel
from digest.pipeline.vector_store import KeptEncoder
from digest.ranking import Model, load_model
from digest.storage import issues as issue_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.upkeep import run_fit
from tests.cli_runner import ok, run
from tests.evaluation_folder import invent
from tests.invented_encoder import InventedEncoder, in_other_words
from tests.ranking_cases import FIELDS, paper
from tests.storage_rows import TODAY, add_interest, add_papers, add_reader, make_entry

pytest_plugins = ("tests.storage_fixtures",)

MOMENT = Moment(datetime(2026, 8, 3, 9, tzinfo=UTC))


class Package:
    """A stand-in for the package: takes what it is given, and knows one model by its name."""

    KNOWN = "known-model"

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.encoded: list[tuple[list[str], dict[str, Any]]] = []
        self.threads: list[int] = []

    def make(self, name: str, **how: Any) -> "Package":
        self.made.append((name, how))
        if name != self.KNOWN and not Path(name).is_dir():
            raise OSError(f"We couldn't find {name}.\nMore lines that nobody reads.")
        return self

    def encode(self, texts: list[str], **how: Any) -> np.ndarray:
        self.encoded.append((texts, how))
        return np.array([[3.0, 4.0 * len(text), 0.0] for text in texts])


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Package:
    """The package as if it were installed."""
    found = Package()
    for name in ("sentence_transformers", "torch"):
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["sentence_transformers"].SentenceTransformer = found.make  # type: ignore[attr-defined]
    sys.modules["torch"].set_num_threads = found.threads.append  # type: ignore[attr-defined]
    for name in SURROUNDINGS:
        monkeypatch.setenv(name, "1")  # so that what is set in the test is put back
    return found


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package as if it were not installed, which is so on most machines."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)


def folder_of(path: Path, text: str = "{}") -> str:
    path.mkdir(exist_ok=True)
    (path / "modules.json").write_text(text)
    return str(path)


def test_it_is_loaded_when_first_needed_from_what_is_here_only(package: Package, tmp_path: Path) -> None:
    model = TextModel("known-model")
    model.check()
    assert (model.name, package.made) == ("known-model", [])
    rows = model.encode(["a", "bcd"])
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1])
    assert model.size == 3
    ((name, how),) = package.made
    assert name == "known-model"
    assert how == {"device": "cpu", "local_files_only": True, "trust_remote_code": False}
    assert package.encoded[0][1]["batch_size"] <= 32
    assert 1 <= package.threads[0] <= 2
    TextModel(folder_of(tmp_path / "mine")).open()
    assert package.made[-1][0] == str(tmp_path / "mine")


def test_another_model_in_the_same_folder_has_another_name(tmp_path: Path) -> None:
    setting = folder_of(tmp_path / "mine")
    first = TextModel(setting).name
    assert TextModel(setting).name == first
    folder_of(tmp_path / "mine", "another")
    assert TextModel(setting).name != first


@pytest.mark.parametrize("setting", ["known-model", "no-such-model"])
def test_without_the_package_one_sentence_says_what_to_install(no_package: None, setting: str) -> None:
    with pytest.raises(ConfigError, match=r"install paper-digest\[embeddings\], or leave embeddings unset$"):
        TextModel(setting).open()


def test_a_model_that_cannot_be_loaded_is_told_in_one_sentence(package: Package, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for setting, says in (
        (str(tmp_path / "nowhere"), "no such folder holds a model"),
        (str(tmp_path / "empty"), "no such folder holds a model"),
        ("never/fetched", r"fetch it once, as docs/ranking.md says \(We couldn't find never/fetched.\)"),
    ):
        with pytest.raises(ConfigError, match=says) as caught:
            TextModel(setting).open()
        assert "\n" not in str(caught.value)
    package.encode = lambda *_, **__: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="cannot be loaded"):
        TextModel("known-model").open()


def test_the_command_line_refuses_it_with_that_sentence(no_package: None) -> None:
    Path("digest.toml").write_text(f'data_dir = "{Path.cwd() / "data"}"\nembeddings = "some/model"\n')
    for words in (["fit"], ["evaluate", "--own"], ["evaluate", ".", "--embeddings", "some/model"]):
        ran = run(*words)
        assert ran.code == 2, ran
        assert ran.err.count("\n") == 1
        assert "paper-digest[embeddings]" in ran.err
    ok("run", "--help")


def test_each_text_is_encoded_once_and_the_next_process_knows_it(tmp_path: Path) -> None:
    inner = InventedEncoder()
    kept = KeptEncoder(inner, tmp_path)
    first = kept.encode(["one", "two", "one"])
    assert inner.asked == ["one", "two"]
    assert kept.encode(["two"]).tobytes() == first[1:2].tobytes()
    kept.save()
    later = InventedEncoder()
    again = KeptEncoder(later, tmp_path)
    assert again.size == later.size
    assert again.encode(["one", "two", "one"]).tobytes() == first.tobytes()
    assert (later.asked, later.opened) == ([], 0)
    again.encode(["one", "three"])
    assert later.asked == ["three"]


def test_many_new_ones_are_written_at_once_and_without_a_folder_nothing_is(tmp_path: Path) -> None:
    kept = KeptEncoder(InventedEncoder(), tmp_path)
    kept.encode([f"text {number}" for number in range(150)])
    assert kept.path is not None
    assert kept.path.exists()
    alone = InventedEncoder()
    remembering = KeptEncoder(alone, None)
    remembering.encode([f"text {number}" for number in range(150)])
    remembering.encode([f"text {number}" for number in range(150)])
    remembering.save()
    assert len(alone.asked) == 150
    assert [path.name for path in tmp_path.iterdir()] == [kept.path.name]


def test_it_is_bounded_and_what_was_not_asked_for_the_longest_goes(tmp_path: Path) -> None:
    kept = KeptEncoder(InventedEncoder(), tmp_path, most=3)
    kept.encode(["one", "two", "three"])
    kept.save()
    kept.encode(["one", "four"])
    kept.save()
    kept.encode(["five"])
    kept.save()
    inner = InventedEncoder()
    again = KeptEncoder(inner, tmp_path, most=3)
    again.encode(["four", "one", "five"])
    assert inner.asked == []
    again.encode(["two", "three"])
    assert inner.asked == ["two", "three"]


def test_what_another_process_wrote_meanwhile_stays(tmp_path: Path) -> None:
    one, two = KeptEncoder(InventedEncoder(), tmp_path), KeptEncoder(InventedEncoder(), tmp_path)
    one.encode(["one"])
    two.encode(["two"])
    one.save()
    two.save()
    inner = InventedEncoder()
    KeptEncoder(inner, tmp_path).encode(["one", "two"])
    assert inner.asked == []


def test_another_models_rows_are_dropped(tmp_path: Path) -> None:
    for name in ("first", "second"):
        kept = KeptEncoder(InventedEncoder(name), tmp_path)
        kept.encode(["one"])
        kept.save()
    assert list(tmp_path.iterdir()) == [kept.path]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut off", None])
def test_a_broken_file_costs_an_encoding(tmp_path: Path, content: bytes | None) -> None:
    kept = KeptEncoder(InventedEncoder(), tmp_path)
    expected = kept.encode(["one"])
    kept.save()
    assert kept.path is not None
    kept.path.write_bytes(kept.path.read_bytes()[:-200] if content is None else content)
    inner = InventedEncoder()
    again = KeptEncoder(inner, tmp_path)
    assert again.encode(["one"]).tobytes() == expected.tobytes()
    assert inner.asked == ["one"]
    again.save()
    last = InventedEncoder()
    KeptEncoder(last, tmp_path).encode(["one"])
    assert last.asked == []


def test_kept_rows_of_another_length_are_not_used(tmp_path: Path) -> None:
    kept = KeptEncoder(InventedEncoder(size=32), tmp_path)
    kept.encode(["one"])
    kept.save()
    again = KeptEncoder(InventedEncoder(size=64), tmp_path)
    again.open()
    assert again.encode(["one"]).shape == (1, 64)


def fill(database: Database) -> None:
    """Papers of four fields, of speech some in other words; a reader who likes speech."""
    with database.write() as session:
        entries = []
        for number in range(1, 49):
            given = paper(number, list(FIELDS)[number % 4])
            title, abstract = given.title, given.abstract
            if number > 44:
                title, abstract = in_other_words(title), in_other_words(abstract)
            entries.append(make_entry(number, title=title, abstract=abstract, authors=()))
        add_papers(session, entries)
        reader, _ = add_reader(session)
        liked = [paper(600 + number, "speech") for number in range(4)]
        examples = [{"title": one.title, "abstract": one.abstract, "paper_id": None} for one in liked]
        add_interest(session, reader, "Speech", examples=examples)


def composer_of(database: Database, folder: Path, inner: Any) -> Composer:
    rules = ComposeRules(window_days=7, papers=12, trend_weight=0.0)
    return Composer(database, rules, folder, KeptEncoder(inner, folder) if inner else None)


def composed(database: Database) -> list[dict[str, float]]:
    """The parts of the papers of the last issue."""
    with database.read() as session:
        ((_, row),) = subscriber_rows.list_active(session)
        (number, *_) = issue_rows.list_issue_ids(session, row.id or 0, limit=1)
        return [dict(one.parts) for one in issue_rows.list_recommendations(session, number)]


def test_a_morning_sees_papers_by_meaning_and_the_next_encodes_nothing(
    database: Database, tmp_path: Path
) -> None:
    fill(database)
    inner = InventedEncoder()
    assert composer_of(database, tmp_path, inner).compose(MOMENT)["issues"] == 1
    assert len(set(inner.asked)) == len(inner.asked) == 48 + 4
    parts = composed(database)
    assert parts
    assert all("similar_meaning" in one for one in parts)
    later = InventedEncoder()
    again = composer_of(database, tmp_path, later)
    prepared = again.prepare(TODAY, MOMENT.now, keep_model=False)
    assert (later.asked, later.opened) == ([], 0)
    assert prepared.model.encoder is again.encoder
    assert prepared.model.version == ModelStore(tmp_path).newest().stem.split("-")[-1]  # type: ignore[union-attr]


class Gone(InventedEncoder):
    """A text model whose package is gone."""

    def open(self) -> None:
        self.opened += 1
        raise ConfigError(["embeddings is gone, and there is no package"])

    def check(self) -> None:
        self.open()


@pytest.mark.parametrize("first", [True, False])
def test_a_morning_without_the_package_says_so_once_and_goes_on(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, first: bool
) -> None:
    """With a model that has the view, and with none."""
    fill(database)
    if first:
        with database.read() as session:
            ModelStore(tmp_path, encoder=KeptEncoder(InventedEncoder(), tmp_path)).current(session)
    composer = composer_of(database, tmp_path, Gone())
    with caplog.at_level(logging.WARNING):
        assert composer.compose(MOMENT)["issues"] == 1
        prepared = composer.prepare(TODAY, MOMENT.now)
    told = [record.getMessage() for record in caplog.records if "text model" in record.getMessage()]
    assert told == ["papers are ranked without the text model: embeddings is gone, and there is no package"]
    plain = composer_of(database, tmp_path / "plain", None).prepare(TODAY, MOMENT.now)
    assert prepared.model.version == plain.model.version
    assert composed(database)
    assert not any("similar_meaning" in one for one in composed(database))


def test_a_preview_loads_a_model_that_never_made_anything_and_goes_on_without_a_bad_one(
    database: Database, tmp_path: Path
) -> None:
    class Bad(Gone):
        def check(self) -> None:
            pass

    fill(database)
    inner = Bad()
    composer = composer_of(database, tmp_path, inner)
    for _ in range(2):
        assert composer.prepare(TODAY, MOMENT.now, keep_model=False).model.encoder is None
    assert inner.opened == 1


def test_turned_off_the_digest_is_what_it_was(database: Database, tmp_path: Path) -> None:
    fill(database)
    seeing = composer_of(database, tmp_path, InventedEncoder()).prepare(TODAY, MOMENT.now)
    plain = composer_of(database, tmp_path, None).prepare(TODAY, MOMENT.now)
    assert plain.model.version != seeing.model.version
    fresh = composer_of(database, tmp_path / "fresh", None).prepare(TODAY, MOMENT.now)
    assert plain.model.version == fresh.model.version
    assert plain.dense.tobytes() == fresh.dense.tobytes()


def test_fit_adds_the_view_at_once(
    package: Package, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command's report names the model that is kept and used."""
    fill(database)
    Path("digest.toml").write_text(f'data_dir = "{tmp_path}"\nembeddings = "known-model"\n')
    report = ok("fit", "--json").json
    newest = ModelStore(tmp_path / "models").newest()
    assert newest is not None
    assert report["version"] in newest.name
    assert sum(len(texts) for texts, _ in package.encoded) == 1 + 48


def fitted_at_night(database: Database, folder: Path) -> Model:
    """The model after a night in which the old one was behind."""
    fill(database)
    store = ModelStore(folder / "models")
    with database.read() as session:
        store.keep(store.current(session, keep=False), 1, 0)
    app = App(Settings(data_dir=folder, embeddings="known-model"), database)
    assert run_fit(app, MOMENT).counts["papers"] > 1
    newest = store.newest()
    assert newest is not None
    return load_model(newest, app.text_model)


def test_the_nights_fit_adds_the_view_too(package: Package, database: Database, tmp_path: Path) -> None:
    """Else the morning's digest waits for it."""
    assert fitted_at_night(database, tmp_path).encoder is not None


def test_the_nights_fit_does_without_a_text_model_that_is_not_there(
    no_package: None, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As composing does; ``digest fit``, which a person calls, refuses."""
    assert fitted_at_night(database, tmp_path).encoder is None
    assert "papers are ranked without the text model" in caplog.text


def test_evaluate_measures_what_it_brings(tmp_path: Path, package: Package) -> None:
    """New papers in other words: clearly better with a model that knows these, by the same command."""
    made = invent()
    fields = {word: f"{word[::-1]}um" for one in made.papers for word in one["title"].split()}
    for at, one in enumerate(made.papers):
        if one["id"] in made.candidates:
            texts = {
                name: " ".join(fields.get(word, word) for word in one[name].split())
                for name in ("title", "abstract")
            }
            made.papers[at] = {**one, **texts}
    folder = made.write(tmp_path / "folder")
    knows = InventedEncoder(same={other: word for word, other in fields.items()})
    plain = evaluate_folder(folder)["ndcg@20"]
    seeing = evaluate_folder(folder, encoder=KeptEncoder(knows, None))["ndcg@20"]
    assert seeing[1] > plain[2]
    told = ok("evaluate", str(folder), "--embeddings", "known-model", "--json").json
    assert told["readers"] == 8
    assert package.made
