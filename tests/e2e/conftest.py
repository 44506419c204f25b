"""What the tests against real servers may be told on the command line."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shots", metavar="FOLDER", help="keep the browser's screenshots there")
    parser.addoption(
        "--full", action="store_true", help="kill at every write, send and fsync, not at some forty (hours)"
    )
