"""Parsing in a child: same results, bounded in time and memory, whatever the page or the parser does."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import sources
from digest.errors import ParseError
from digest.parsing import InProcess, PageParser, Parsers, child
from digest.parsing.wire import dump_answer, load_answer, read_page
from digest.sources import KINDS
from digest.sources.huggingface import HuggingFace
from digest.types import Entry, PageRequest, ParsedPage
from tests import golden, parsing_kinds
from tests.parsing_kinds import MischiefOptions

ROOT = Path(__file__).resolve().parents[1]
REQUEST = PageRequest(url="https://example.org/papers", day=date(2026, 3, 9))
NESTED = b"<ul><li>" * (250 * 1024 // 8)
linux_only = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where another package is installed."""
    folder = tmp_path_factory.mktemp("site")
    parsing_kinds.install(folder)
    return folder


@pytest.fixture(autouse=True)
def _on_the_import_path(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))


@pytest.fixture(autouse=True, scope="module")
def _found_anew() -> Iterator[None]:
    """What this process knows of the installed kinds is not what it knew before."""
    sources._entry_points.cache_clear()
    yield
    sources._entry_points.cache_clear()


@pytest.fixture(scope="module")
def shared_parsers() -> Iterator[Parsers]:
    made = Parsers(time_s=20, workers=1)  # not entered: a child started here would not find the kind
    yield made
    made.close()


@pytest.fixture
def parsers(shared_parsers: Parsers) -> Parsers:
    """One child for all tests; those that spoil it leave the next one a new one."""
    shared_parsers._told.clear()
    return shared_parsers


def do(parsers: PageParser, act: str, body: bytes = b"", **options: Any) -> ParsedPage:
    return parsers.parse("mischief", MischiefOptions(act=act, **options), body, REQUEST)


def pid_of(parsers: Parsers) -> int:
    return int(do(parsers, "whoami").entries[0].title)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(is_so: Callable[[], bool], limit_s: float = 15.0) -> bool:
    end = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class TestSameResults:
    @pytest.mark.parametrize(
        ("name", "url"),
        [
            ("daily_2026.json", "https://huggingface.co/api/daily_papers?date=2026-03-09&limit=100&p=0"),
            ("daily_2024.json", "https://huggingface.co/api/daily_papers?date=2026-03-09&limit=100&p=0"),
            ("daily_odd.json", "https://huggingface.co/api/daily_papers?date=2026-03-09&limit=100&p=0"),
            ("page_2024.html", "https://huggingface.co/papers?date=2026-03-09"),
            ("page_empty.html", "https://huggingface.co/papers?date=2026-03-09"),
            ("page_trending_2026.html", "https://huggingface.co/papers?date=2026-03-09"),
        ],
    )
    def test_a_golden_page_parses_to_the_same_in_a_child(self, parsers: Parsers, name: str, url: str) -> None:
        body = golden.read(f"huggingface/{name}")
        given = ("huggingface", HuggingFace.Options(), body, PageRequest(url=url, day=date(2026, 3, 9)))
        here = KINDS["huggingface"].parse(body, given[3], given[1])
        assert parsers.parse(*given, content_type="text/html") == here
        assert InProcess().parse(*given) == here

    @pytest.mark.parametrize("name", ["reader.html", "windows.txt", "save_as_cards.html"])
    def test_a_saved_page_parses_to_the_same_in_a_child(self, parsers: Parsers, name: str) -> None:
        given = (golden.read(f"saved/{name}"), date(2026, 3, 20), name)
        assert parsers.parse_saved(*given) == InProcess().parse_saved(*given)

    def test_every_field_comes_back_as_it_went(self, parsers: Parsers) -> None:
        here = do(InProcess(), "everything", key="a-secret")
        there = do(parsers, "everything", key="a-secret")
        assert there == here
        assert there.next_requests[0].headers == (("x-key", "a-secret"),)

    def test_lone_surrogates_and_nuls_survive_the_way(self, parsers: Parsers) -> None:
        assert do(parsers, "lone_surrogates") == do(InProcess(), "lone_surrogates")

    def test_a_body_larger_than_any_pipe_arrives_whole(self, parsers: Parsers) -> None:
        body = b"paper " * 2**20
        assert do(parsers, "echo", body).entries[0].title == body.decode()

    @given(
        st.builds(
            ParsedPage,
            entries=st.lists(st.from_type(Entry), max_size=3).map(tuple),
            declared=st.none() | st.integers(0, 2**31),
            page_date=st.none() | st.dates(),
            next_requests=st.lists(st.from_type(PageRequest), max_size=2).map(tuple),
            disagreement=st.none() | st.text(st.characters(exclude_categories=())),
        )
    )
    def test_any_page_is_read_back_equal(self, page: ParsedPage) -> None:
        assert repr(read_page(load_answer(dump_answer({"page": page}))["page"])) == repr(page)


class TestErrors:
    def test_the_kinds_own_message_is_kept(self, parsers: Parsers) -> None:
        with pytest.raises(ParseError) as there:
            do(parsers, "refuse")
        with pytest.raises(ParseError) as here:
            do(InProcess(), "refuse")
        assert str(there.value) == str(here.value)
        assert "<table> of “papers”" in str(there.value)

    def test_a_message_is_bounded_and_holds_nothing_that_a_database_refuses(self, parsers: Parsers) -> None:
        with pytest.raises(ParseError) as told:
            do(parsers, "refuse_with_controls")
        assert str(told.value).isprintable()
        assert len(str(told.value)) == 2000

    @pytest.mark.parametrize("act", ["fail", "wrong_types", "no_page"])
    def test_a_fault_of_the_parser_is_told_and_logged_not_raised(
        self, parsers: Parsers, act: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(ParseError, match=r"^the parser of kind mischief failed: ") as there:
            do(parsers, act)
        assert parsers._alive == 0
        assert "the parser of kind mischief" in caplog.text
        with pytest.raises(ParseError) as here:
            do(InProcess(), act)
        assert str(there.value) == str(here.value)

    def test_the_fault_is_named_and_its_traceback_logged(
        self, parsers: Parsers, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(ParseError, match=r"^the parser of kind mischief failed: TypeError: can't concat"):
            do(parsers, "fail")
        with pytest.raises(ParseError, match=r"TypeError"):  # as it is for each page of a list
            do(parsers, "fail")
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert "in fail" in caplog.text
        assert "TypeError" in caplog.text

    def test_in_process_says_the_same_and_keeps_the_cause(self, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(
            ParseError, match=r"^the parser of kind mischief failed: TypeError: can't concat"
        ) as told:
            do(InProcess(), "fail")
        assert isinstance(told.value.__cause__, TypeError)

    def test_a_kind_that_the_child_cannot_find_is_an_error_not_a_crash(self, parsers: Parsers) -> None:
        with pytest.raises(
            ParseError, match="parser of kind nowhere failed: UsageError: 'nowhere' is no kind"
        ):
            parsers.parse("nowhere", MischiefOptions(), b"", REQUEST)

    def test_options_that_cannot_be_handed_over_are_told(self, parsers: Parsers) -> None:
        class Local(MischiefOptions):
            pass

        with pytest.raises(ParseError, match="its options cannot be pickled"):
            parsers.parse("mischief", Local(), b"", REQUEST)


class TestTime:
    @pytest.mark.parametrize("act", ["spin", "build_tree"])
    def test_fault_250_kib_of_nested_lists_end_in_time(self, act: str) -> None:
        with Parsers(time_s=0.5, workers=1) as parsers:
            pid_of(parsers)
            began = time.monotonic()
            with pytest.raises(ParseError, match=r"^the page took longer than 0\.5 s to read$"):
                do(parsers, act, NESTED)
            assert time.monotonic() - began < 5
            assert do(parsers, "echo", b"next").entries[0].title == "next"

    def test_nested_html_in_a_saved_page_ends_in_time(self) -> None:
        """100,000 nested divs took 22 seconds."""
        body = b"<html>" + b"<div>" * 100_000
        told = pytest.raises(ParseError, match=r"^deep\.html took longer than 0\.5 s to read$")
        with Parsers(time_s=0.5, workers=1) as parsers, told:
            parsers.parse_saved(body, date(2026, 3, 20), "deep.html\x00")

    def test_20_000_attributes_end_in_time(self) -> None:
        attributes = " ".join(f'data-a{number}="{number}"' for number in range(20_000))
        body = (
            f'<main><div data-target="DailyPapers" {attributes}><article {attributes}></div></main>'.encode()
        )
        with Parsers(time_s=10) as parsers:
            page = parsers.parse("huggingface", HuggingFace.Options(), body, REQUEST)
        assert page.entries == ()

    def test_starting_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(child, "_MAIN", f"import time; time.sleep(1.5); {child._MAIN}")
        with Parsers(time_s=1, workers=1) as parsers:
            assert do(parsers, "echo", b"a").entries[0].title == "a"

    def test_a_parser_that_only_sleeps_is_ended_too(self, tmp_path: Path) -> None:
        with Parsers(time_s=0.3, workers=1) as parsers, pytest.raises(ParseError, match="took longer"):
            do(parsers, "doze", str(tmp_path / "began").encode())


@linux_only
class TestMemory:
    def test_a_page_that_needs_too_much_memory_is_told_and_the_next_one_read(self) -> None:
        with Parsers(time_s=20, memory_mb=48, workers=1) as parsers:
            with pytest.raises(ParseError, match=r"^the page needed more than 48 MB to read$"):
                do(parsers, "hog")
            assert do(parsers, "echo", b"next").entries[0].title == "next"

    def test_the_limit_is_what_a_page_may_take_beyond_the_child_itself(self) -> None:
        with Parsers(time_s=20, memory_mb=64, workers=1) as parsers:
            assert do(parsers, "grow", str(48 * 2**20).encode()).entries[0].title == str(48 * 2**20)
            with pytest.raises(ParseError, match="needed more than 64 MB"):
                do(parsers, "grow", str(80 * 2**20).encode())

    def test_an_html_tree_that_needs_too_much_memory_is_told_as_that(self) -> None:
        """The HTML parser allocates outside Python, and says only that it cannot parse."""
        told = pytest.raises(ParseError, match=r"^the page needed more than 48 MB to read$")
        with Parsers(time_s=20, memory_mb=48, workers=1) as parsers, told:
            do(parsers, "build_tree", b"<p a=b>x" * 500_000)


class TestDeath:
    @pytest.mark.parametrize(
        ("act", "how"), [("crash", "was ended by SIGSEGV"), ("leave", "ended with code 3")]
    )
    def test_a_child_that_dies_is_told_and_replaced(self, parsers: Parsers, act: str, how: str) -> None:
        with pytest.raises(ParseError, match=f"^the page was not read: the process that reads pages {how}$"):
            do(parsers, act)
        assert do(parsers, "echo", b"next").entries[0].title == "next"

    def test_a_child_killed_from_outside_while_it_parses(self, parsers: Parsers, tmp_path: Path) -> None:
        pid, began = pid_of(parsers), tmp_path / "began"
        with ThreadPoolExecutor() as threads:
            parse = threads.submit(do, parsers, "doze", str(began).encode())
            assert wait_until(began.exists)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(ParseError, match="was ended by SIGKILL"):
                parse.result()
        assert pid_of(parsers) != pid

    def test_a_child_killed_between_pages_costs_no_page(self, parsers: Parsers) -> None:
        pid = pid_of(parsers)
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not is_running(pid))
        assert pid_of(parsers) != pid

    @linux_only
    @pytest.mark.parametrize("name", parsing_kinds.GARBAGE)
    def test_a_child_that_writes_garbage_is_not_believed(self, parsers: Parsers, name: str) -> None:
        with pytest.raises(ParseError, match=r"^the page was not read: .* nonsense$|what it gave is no page"):
            do(parsers, f"garbage_{name}")
        assert parsers._alive == 0

    def test_signals_meant_for_the_program_do_not_end_a_page(self, parsers: Parsers) -> None:
        assert do(parsers, "interrupt").entries[0].title == "still here"

    def test_a_parser_that_prints_does_not_disturb_the_answer(
        self, parsers: Parsers, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert do(parsers, "chatter").entries[0].title == "printed"
        assert capfd.readouterr() == ("", "")

    def test_no_process_at_all_is_an_error_of_the_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        with Parsers() as parsers, pytest.raises(ParseError, match="no process can be started"):
            do(parsers, "echo")

    def test_a_child_that_cannot_start_says_why_on_stderr(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        package = tmp_path / "selectolax"
        package.mkdir()
        (package / "__init__.py").write_text("raise ImportError('built for another machine')")
        monkeypatch.syspath_prepend(str(tmp_path))
        told = pytest.raises(ParseError, match=r"^the page was not read: the process .* ended with code 1$")
        with Parsers() as parsers, told:
            do(parsers, "echo")
        assert "built for another machine" in capfd.readouterr().err


@linux_only
class TestSurroundings:
    def test_the_child_has_no_environment_no_files_and_little_loaded(
        self, parsers: Parsers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("DIGEST_SECRET_KEY", "do-not-hand-on")
        inherited = os.open(tmp_path, os.O_RDONLY)
        os.set_inheritable(inherited, True)
        try:
            with Parsers() as fresh:
                page = do(fresh, "surroundings")
        finally:
            os.close(inherited)
        heavy, environment, files, limits, folder = (entry.title for entry in page.entries)
        assert heavy == "[]"
        assert "DIGEST" not in environment
        assert files == "['/dev/null', '/dev/null', '/dev/null', 'pipe', 'pipe']"
        assert folder == "/"
        assert "'RLIMIT_CORE': 0, 'RLIMIT_FSIZE': 0, 'RLIMIT_NPROC': 0, 'RLIMIT_NOFILE': 16" in limits

    def test_a_page_leaves_no_file(self, parsers: Parsers, tmp_path: Path) -> None:
        with pytest.raises(ParseError, match="File too large"):
            do(parsers, "write_file", str(tmp_path / "evil").encode())


class TestPool:
    def test_one_child_reads_many_pages(self, parsers: Parsers) -> None:
        assert len({pid_of(parsers) for _ in range(5)}) == 1

    def test_an_ordinary_refusal_does_not_cost_the_child(self, parsers: Parsers) -> None:
        pid = pid_of(parsers)
        with pytest.raises(ParseError):
            do(parsers, "refuse")
        assert pid_of(parsers) == pid

    def test_after_so_many_pages_there_is_a_new_child(self) -> None:
        with Parsers(max_pages=2, workers=1) as parsers:
            pids = [pid_of(parsers) for _ in range(4)]
        assert pids[0] == pids[1] != pids[2] == pids[3]

    def test_threads_get_their_own_answers(self) -> None:
        with Parsers(workers=2) as parsers, ThreadPoolExecutor(8) as threads:
            words = [f"page {number}" for number in range(60)]
            pages = threads.map(lambda word: do(parsers, "echo", word.encode()), words)
            assert [page.entries[0].title for page in pages] == words

    def test_pages_are_read_side_by_side_up_to_the_limit(self) -> None:
        with Parsers(workers=2) as parsers, ThreadPoolExecutor(6) as threads:
            pages = list(threads.map(lambda _: do(parsers, "start_and_doze"), range(6)))
        assert len({page.entries[0].title for page in pages}) == 2

    def test_a_bad_page_does_not_disturb_its_neighbours(self) -> None:
        def attempt(act: str) -> str:
            try:
                return do(parsers, act, b"fine").entries[0].title
            except ParseError:
                return "broken"

        acts = ["echo", "spin", "echo", "crash", "echo", "fail", "echo", "leave"] * 2
        with Parsers(time_s=1, workers=2) as parsers, ThreadPoolExecutor(4) as threads:
            assert list(threads.map(attempt, acts)) == ["fine", "broken"] * 8

    def test_entering_starts_one_child_ahead(self) -> None:
        with Parsers() as parsers:
            ahead = parsers._idle[0].pid
            assert pid_of(parsers) == ahead

    def test_an_exception_from_outside_ends_the_child(
        self, parsers: Parsers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pid = pid_of(parsers)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("digest.parsing.pool.read_page", interrupted)
            with pytest.raises(KeyboardInterrupt):
                do(parsers, "echo")
        assert not is_running(pid)
        assert pid_of(parsers) != pid


class TestEnding:
    @linux_only
    def test_nothing_is_left_over(self) -> None:
        files = sorted(Path("/proc/self/fd").iterdir())
        with Parsers(time_s=0.5, workers=2) as parsers:
            pids = {pid_of(parsers)}
            for act in ("refuse", "fail", "crash", "spin", "garbage_noise"):
                with pytest.raises(ParseError):
                    do(parsers, act)
                pids.add(pid_of(parsers))
        assert not any(map(is_running, pids))
        assert sorted(Path("/proc/self/fd").iterdir()) == files
        with pytest.raises(ChildProcessError):
            os.waitpid(next(iter(pids)), os.WNOHANG)

    def test_closing_twice_and_parsing_after_it(self) -> None:
        parsers = Parsers()
        parsers.close()
        parsers.close()
        with pytest.raises(RuntimeError, match="closed"):
            do(parsers, "echo")

    def test_closing_waits_for_the_page_that_is_being_read(self) -> None:
        parsers = Parsers(workers=1)
        with ThreadPoolExecutor() as threads:
            parse = threads.submit(do, parsers, "start_and_doze")
            assert wait_until(lambda: parsers._alive == 1)
            parsers.close()
            assert parsers._alive == 0
            pid = int(parse.result().entries[0].title)
        assert not is_running(pid)

    def test_closing_wakes_those_who_wait_for_a_child(self) -> None:
        parsers = Parsers(workers=1)
        outcomes: list[str] = []

        def attempt() -> None:
            try:
                do(parsers, "start_and_doze")
                outcomes.append("read")
            except RuntimeError:
                outcomes.append("closed")

        threads = [threading.Thread(target=attempt) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: parsers._alive == 1)
        parsers.close()
        for thread in threads:
            thread.join(10)
        assert sorted(outcomes) == ["closed"] * (4 - outcomes.count("read")) + ["read"] * outcomes.count(
            "read"
        )
        assert len(outcomes) == 4
        assert outcomes.count("closed") >= 3

    @pytest.mark.parametrize("act", ["whoami", "doze", "spin"])
    def test_a_parent_that_is_killed_leaves_no_child(self, tmp_path: Path, act: str) -> None:
        program = (
            "from digest.parsing import Parsers\n"
            "from digest.types import PageRequest\n"
            "from tests.parsing_kinds import MischiefOptions\n"
            "def do(act, body):\n"
            "    return parsers.parse('mischief', MischiefOptions(act=act), body, PageRequest(url=''))\n"
            "parsers = Parsers(time_s=1)\n"
            "print(do('whoami', b'').entries[0].title, flush=True)\n"
            f"do({act!r}, {str(tmp_path / 'began').encode()!r})\n"
            "import time; time.sleep(60)\n"
        )
        path = os.pathsep.join([str(ROOT), *sys.path])
        parent = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
        )
        assert parent.stdout is not None
        with parent:
            child = int(parent.stdout.readline())
            assert is_running(child)
            if act == "doze":
                assert wait_until((tmp_path / "began").exists)
            else:
                time.sleep(0.1)
            parent.kill()
        assert wait_until(lambda: not is_running(child))
