"""Units loaded ahead: in order, one at a time, errors at their place, and no way to interrupt them that hangs."""

import sys
import threading
from types import FrameType

import pytest

from vitscope.pipeline.work import loading
from vitscope.pipeline.work.loading import ahead


def test_one_item_is_loaded_ahead_and_no_more():
    began = [threading.Event() for _ in range(4)]

    def load(item: int) -> int:
        began[item].set()
        return item * item

    units = ahead(range(4), load)
    for item in range(3):
        assert next(units) == (item, item * item)
        assert began[item + 1].wait(10)
        assert not any(event.is_set() for event in began[item + 2 :])
    assert list(units) == [(3, 9)]


def test_nothing_to_load_is_nothing():
    assert list(ahead([], str)) == []


def test_an_error_of_the_loading_comes_at_its_place():
    units = ahead([2, 1, 0, 5], lambda item: 2 // item)
    assert [next(units), next(units)] == [(2, 1), (1, 2)]
    with pytest.raises(ZeroDivisionError):
        next(units)


def test_the_thread_ends_with_its_consumer():
    before = set(threading.enumerate())
    units = ahead(range(9), str)
    next(units)
    assert set(threading.enumerate()) - before
    units.close()
    assert not set(threading.enumerate()) - before


class Interruption:
    """Raises KeyboardInterrupt at the `moment`-th chance: where a function begins, where one written in C returns.

    There Python looks whether a signal came. Loops that turn back are left out: nothing tells of them.
    """

    def __init__(self, moment: int) -> None:
        self.left = moment

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        self.left -= event in ("call", "c_return")
        if self.left == 0:
            sys.setprofile(None)
            raise KeyboardInterrupt


def consume(moment: int, interrupted: list[bool]) -> None:
    """Take three units; adds whether that was interrupted when it has ended."""
    interruption = Interruption(moment)
    try:
        units = ahead(range(3), str)
        sys.setprofile(interruption)
        for _ in units:
            pass
        sys.setprofile(None)
    except (KeyboardInterrupt, RuntimeError):  # a `Condition` of the library makes the one the other
        pass
    interrupted.append(interruption.left == 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one that strikes a weak reference
def test_an_interruption_at_any_moment_ends_and_leaves_nothing_waiting(monkeypatch):
    monkeypatch.setattr(loading, "_LAST_LOAD", 0.05)  # the one wait that may be in vain: the thread never began
    for moment in range(1, 10_000):
        interrupted: list[bool] = []
        consumer = threading.Thread(target=consume, args=(moment, interrupted), daemon=True)
        consumer.start()
        consumer.join(60)
        assert interrupted, f"interrupted at moment {moment}, it hangs"
        if not interrupted[0]:
            break
    assert moment > 40, "the interruptions did not reach into the handing over"
