"""What fixes the bits: batch sizes from a budget, and settings of torch that come back."""

import pytest
import torch
from tests.zoo import make

import vitscope
from vitscope.engine import fixed_arithmetic, plan_micro_batch
from vitscope.engine.importance import schedule


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("warn_only", [True, False])
def test_torchs_settings_come_back_also_after_an_error(deterministic, warn_only):
    before = torch.get_num_threads()
    torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
    try:
        with pytest.raises(KeyError), fixed_arithmetic(before + 1):
            assert torch.get_num_threads() == before + 1
            assert torch.are_deterministic_algorithms_enabled()
            raise KeyError
        assert torch.get_num_threads() == before
        assert torch.are_deterministic_algorithms_enabled() == deterministic
        assert torch.is_deterministic_algorithms_warn_only_enabled() == warn_only
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_batch_is_bounded_by_the_budget_from_both_sides(monkeypatch):
    model = vitscope.wrap(make("plain"))
    one = schedule.bytes_per_sequence(model)
    for budget, expected in ((0, 3), (7 * one, 7), (10**15, schedule.MOST_SEQUENCES)):
        monkeypatch.setattr(schedule, "CACHE_BUDGET", budget)
        assert plan_micro_batch(model) == expected
