"""Importing the ranking: by threads that begin at once, and each name from its module."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import digest.ranking

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
# Two lanes of the service, of which one asks for the package and the other for a module of it.
LANES = """
import sys, threading, time
from importlib import import_module
def lane(name):
    try:
        import_module(name)
    except Exception as error:
        print(name, repr(error))
names = "digest.pipeline.model_store", "digest.pipeline.text_model"
lanes = [threading.Thread(target=lane, args=(name,)) for name in names]
for one in lanes:
    one.start()
    time.sleep(float(sys.argv[1]))
for one in lanes:
    one.join()
"""


def in_python(code: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_a_module_of_it_is_imported_without_the_others() -> None:
    """Were the package to import its modules, two threads could wait for each other's."""
    loaded = in_python("import sys, digest.ranking.terms; print(*sys.modules)").split()
    assert [name for name in loaded if name.startswith("digest.ranking.")] == ["digest.ranking.terms"]


@pytest.mark.parametrize("apart_s", ["0.1", "0.2"])
def test_two_lanes_may_begin_at_once(apart_s: str) -> None:
    assert in_python(LANES, apart_s) == ""


@pytest.mark.parametrize("name", digest.ranking.__all__)
def test_what_it_offers_is_there(name: str) -> None:
    assert getattr(digest.ranking, name).__name__ == name


def test_what_it_has_not_is_said_as_python_says_it() -> None:
    with pytest.raises(AttributeError, match=r"digest\.ranking.*no attribute 'guess'"):
        _ = digest.ranking.guess  # type: ignore[attr-defined]
