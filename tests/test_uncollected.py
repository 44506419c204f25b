"""The collector is held back, and let go again."""

import gc

import pytest

from digest.pipeline.uncollected import uncollected


def test_it_collects_again_afterwards_whatever_happens() -> None:
    def fail() -> None:
        assert not gc.isenabled()
        raise KeyError

    assert gc.isenabled()
    with pytest.raises(KeyError), uncollected():
        fail()
    assert gc.isenabled()


def test_it_is_left_alone_where_it_is_off() -> None:
    gc.disable()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
