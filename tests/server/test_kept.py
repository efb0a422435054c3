import threading
import time

import pytest

from vitscope.answers.kept import Kept


def test_the_same_is_not_made_twice_even_at_once():
    kept, made, answers = Kept(2), [], []

    def make():
        made.append(1)
        time.sleep(0.05)
        return object()

    threads = [threading.Thread(target=lambda: answers.append(kept("key", make))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(set(map(id, answers))) == 1


def test_other_keys_do_not_wait():
    kept, gate = Kept(2), threading.Event()
    thread = threading.Thread(target=kept, args=("slow", lambda: gate.wait(20)))
    thread.start()
    assert kept("quick", lambda: 3) == 3
    gate.set()
    thread.join()


def test_the_oldest_is_forgotten():
    kept = Kept(2)
    for key in ("a", "b", "a", "c"):
        kept(key, lambda key=key: key)
    assert kept("a", lambda: "anew") == "a"
    assert kept("b", lambda: "anew") == "anew"


def test_a_failure_is_not_kept():
    kept = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept("a", lambda: 1 / 0)
    assert kept("a", lambda: 5) == 5


def test_none_is_an_answer():
    kept, made = Kept(1), []
    for _ in range(2):
        assert kept("a", lambda: made.append(1)) is None
    assert made == [1]
