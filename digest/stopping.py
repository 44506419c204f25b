"""Being asked to stop by a signal, as something that can be looked at between two steps."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from digest.errors import DigestError

__all__ = ["stop_at_steps", "stop_on_signals"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Note SIGTERM and SIGINT instead of ending at once; yields what says whether one came.

    A second one ends the process as usual. Outside the main thread, where Python allows no handlers, it
    never says so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = False
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield lambda: asked
    finally:
        restore()


@contextmanager
def stop_at_steps(progress: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Let SIGTERM and SIGINT end work that tells its steps: yields what it is to tell them to.

    That raises ``DigestError`` at the step after a signal, so that what was begun can be taken away. Between
    the last step and the end nothing is raised: what is done is done.
    """
    with stop_on_signals() as asked:

        def tell(step: str) -> None:
            if asked():
                raise DigestError("stopped, as asked; what was begun was taken away again")
            progress(step)

        yield tell
