"""``digest evaluate``: what it prints and writes, what it refuses, and that the judge finds the same."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from digest.pipeline import evaluate as evaluate_module
from tests.cli_runner import ok, run
from tests.evaluation_folder import FIELDS, Invented, invent

FIGURES = ("ndcg@20", "recall@20", "recall@100", "mrr")
COSTS = ("readers", "cpu_ms_per_reader", "fit_s", "peak_mb")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return invent().write(tmp_path / "invented")


def is_estimate(found: object) -> bool:
    return isinstance(found, list) and len(found) == 3 and found[1] <= found[0] <= found[2]


def test_json_has_the_figures_and_the_costs_and_nothing_else(folder: Path) -> None:
    found = ok("evaluate", str(folder), "--json").json
    assert set(found) == {*FIGURES, *COSTS, "mode"}
    assert all(is_estimate(found[name]) for name in FIGURES)
    assert found["readers"] == 8
    assert all(found[name] > 0 for name in COSTS)
    assert 0.3 < found["ndcg@20"][0] <= 1


def test_json_has_each_baseline_with_the_difference_to_it(folder: Path) -> None:
    found = ok("evaluate", str(folder), "--json", "--baseline", "centroid", "--baseline", "popularity").json
    assert list(found["baselines"]) == ["centroid", "popularity"]
    for its in found["baselines"].values():
        assert set(its) == {*FIGURES, *COSTS, "difference"}
        assert all(is_estimate(its[name]) for name in (*FIGURES, "difference"))
        assert its["difference"][0] == pytest.approx(found["ndcg@20"][0] - its["ndcg@20"][0], abs=2e-6)
    assert found["baselines"]["popularity"]["difference"][1] > 0


def test_lists_are_written_as_the_judge_reads_them(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    ok("evaluate", str(folder), "--rankings", str(out))
    head, *lines = out.read_text(encoding="utf-8").splitlines()
    assert head == "user\tpaper\trank"
    rows = [line.split("\t") for line in lines]
    candidates = (folder / "candidates.txt").read_text().split()
    assert len(rows) == 8 * len(candidates)
    for reader in {user for user, _, _ in rows}:
        own = [(paper, int(rank)) for user, paper, rank in rows if user == reader]
        assert [rank for _, rank in own] == list(range(1, len(candidates) + 1))
        assert {paper for paper, _ in own} == set(candidates)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_judge_finds_the_same(folder: Path, tmp_path: Path, shared: Path) -> None:
    out = tmp_path / "out.tsv"
    found = ok("evaluate", str(folder), "--rankings", str(out), "--json").json
    assert judged(shared, folder, out) == pytest.approx(estimates(found), abs=1e-4)


def judged(shared: Path, folder: Path, out: Path) -> list[float]:
    """What the judge beside the benchmark says of a file of lists."""
    command = [sys.executable, shared / "eval" / "score.py", folder / "likes.tsv", out, "--json"]
    command += ["--candidates", folder / "candidates.txt"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [value for name in ("nDCG@20", "recall@20", "recall@100", "MRR") for value in said[name]]


def estimates(found: dict[str, list[float]]) -> list[float]:
    return [value for name in FIGURES for value in found[name]]


@pytest.fixture
def real(shared: Path, tmp_path: Path) -> Path:
    """Fifty real readers with all their papers, and a tenth of the others."""
    source, made = shared / "eval" / "citeulike-t", Invented()
    readers = set((source / "users_quick.txt").read_text().split()[:50])
    rows = [line.split("\t") for line in (source / "likes.tsv").read_text().splitlines()]
    made.likes = [(user, paper, split) for user, paper, split in rows if user in readers]
    theirs = {paper for _, paper, _ in made.likes}
    with gzip.open(source / "papers.jsonl.gz", "rt", encoding="utf-8") as file:
        papers = [json.loads(line) for line in file]
    made.papers = [one for one in papers if one["id"] in theirs or one["id"].endswith("0")]
    kept = {one["id"] for one in made.papers}
    made.candidates = [one for one in (source / "candidates.txt").read_text().split() if one in kept]
    return made.write(tmp_path / "real")


def test_fifty_real_readers_are_served_well(real: Path, tmp_path: Path, shared: Path) -> None:
    out = tmp_path / "out.tsv"
    words = ("evaluate", str(real), "--mode", "single", "--baseline", "popularity", "--json")
    found = ok(*words, "--rankings", str(out)).json
    assert judged(shared, real, out) == pytest.approx(estimates(found), abs=1e-4)
    assert found["readers"] == 50
    assert found["ndcg@20"][0] > 0.3
    assert found["baselines"]["popularity"]["difference"][1] > 0.2


def test_what_mode_it_came_to_is_told(folder: Path) -> None:
    many = invent(readers=60, liked=8).write(folder.parent / "many")
    assert ok("evaluate", str(many), "--json").json["mode"] == "all"
    assert ok("evaluate", str(many), "--json", "--mode", "single").json["mode"] == "single"
    alone = invent(readers=1).write(folder.parent / "alone")
    assert ok("evaluate", str(alone), "--json").json["mode"] == "single"


def test_profile_size_leaves_out_who_has_fewer(folder: Path) -> None:
    assert ok("evaluate", str(folder), "--json", "--profile-size", "6").json["readers"] == 8
    ran = run("evaluate", str(folder), "--profile-size", "7")
    assert ran.code == 2
    assert "no reader has test rows and 7 train rows" in ran.err


def test_a_table_is_for_people(folder: Path) -> None:
    ran = ok("evaluate", str(folder), "--baseline", "bm25", "--baseline", "centroid")
    lines = ran.out.splitlines()
    assert lines[0] == "8 readers, with nobody else's likes (mode single)"
    names = [line.split()[0] for line in lines[3:6]]
    assert names == ["digest", "bm25", "centroid"]
    assert max(map(len, lines)) < 160
    assert ran.err == ""


def test_a_table_without_baselines_has_no_empty_column(folder: Path) -> None:
    assert "ahead" not in ok("evaluate", str(folder)).out


def test_nothing_is_stored(folder: Path, tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    ok("evaluate", str(folder))
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a folder, or --own"),
        (("DIR", "--own"), "name a folder, or --own"),
        (("--own", "--users", "x"), "go with a folder"),
        (("--own", "--profile-size", "3"), "go with a folder"),
        (("--own", "--rankings", "x"), "go with a folder"),
        (("DIR", "--baseline", "best"), "there is no baseline 'best'"),
        (("nowhere",), "there is no candidates.txt in nowhere"),
        (("DIR", "--users", "nowhere"), "there is no nowhere in"),
        (("DIR", "--rankings", "no/such/folder/out.tsv"), "out.tsv cannot be written: No such file"),
        (("DIR", "--rankings", "."), ". is no file"),
    ],
)
def test_what_cannot_be_is_one_sentence(folder: Path, words: tuple[str, ...], said: str) -> None:
    ran = run("evaluate", *(str(folder) if word == "DIR" else word for word in words))
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("words", [("--mode", "both"), ("--profile-size", "0"), ("--profile-size", "x")])
def test_options_have_bounds(folder: Path, words: tuple[str, ...]) -> None:
    assert run("evaluate", str(folder), *words).code == 2


def test_a_run_that_fails_leaves_the_old_lists(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.tsv"
    out.write_text("old")

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(evaluate_module, "compare", fails)
    with pytest.raises(RuntimeError):
        run("evaluate", str(folder), "--rankings", str(out))
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_own_log_with_too_little_is_told() -> None:
    ran = ok("evaluate", "--own")
    assert ran.out.startswith(
        "There is too little to tell: readers rated or saved 0 papers so far; it takes 30"
    )
    found = ok("evaluate", "--own", "--json").json
    assert found == {
        "enough": False,
        "reason": "readers rated or saved 0 papers so far; it takes 30 to tell anything",
    }


def test_an_own_log_is_shown_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    import digest.pipeline.evaluate_own as own_module

    estimate = [0.5, 0.4, 0.6]
    figures = dict.fromkeys(FIGURES, estimate) | {"cpu_ms_per_reader": 1.0, "fit_s": 1.0, "peak_mb": 100.0}
    log = {
        "enough": True,
        "split": "2026-06-07",
        "judged": 60,
        "candidates": 120,
        "readers": 6,
        "mode": "single",
        "sections": [{"section": "For you", "sent": 24, "well": 6, "badly": 1}],
        "ranks": [{"rank": "1", "sent": 4, "well": 2, "badly": 0}],
    }
    monkeypatch.setattr(own_module, "evaluate_own", lambda *_, **__: figures | log)
    lines = ok("evaluate", "--own").out.splitlines()
    assert lines[0].startswith("Learnt from what was said up to 2026-06-07, for 120 papers since.")
    assert ["For", "you", "24", "6", "(25.0%)", "1", "(4.2%)"] in [line.split() for line in lines]
    assert ["1", "4", "2", "(50.0%)", "0", "(0.0%)"] in [line.split() for line in lines]


def test_there_are_as_many_fields_as_the_tests_rely_on() -> None:
    """A word of one field in twelve is in less than a tenth of the papers."""
    assert len(FIELDS) == 12
