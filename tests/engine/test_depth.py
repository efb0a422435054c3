"""Effects over depth against the plain script with one hook per head, on every odd model and mode."""

import numpy as np
import pytest
import torch
from tests.closeness import assert_close
from tests.reference import hooked
from tests.zoo import ZOO, make, pixels

import vitscope
from vitscope.engine import DepthSums, sweep
from vitscope.quantities import names
from vitscope.tokens import available_modes

N, LAST = 4, 2
READ = {
    "plain": {"cls_cos_at"},
    "registers, LayerScale, q/k norm": {"cls_cos_at"},
    "CLIP-like pre-norm, average pooling": {"patch_cos_at"},
    "SigLIP-like, no CLS, no classifier": {"patch_cos_at"},
    "DINO-like, no classifier": {"cls_cos_at"},
    "distilled": {"cls_cos_at"},
    "BEiT": {"patch_cos_at"},
    "BEiT, shared bias": {"cls_cos_at"},
}
"""What the classifier of some models reads whole: its distance is there after the last block, the other is not."""


@pytest.mark.parametrize("name", ZOO)
def test_over_depth_equals_the_plain_script(name):
    module, images = make(name), pixels(N)
    model = vitscope.wrap(module)
    modes = available_modes(model.tokens)
    data = vitscope.head_importance(model, images, modes=modes)
    plain = hooked.depth(module, images, modes=modes, prefix=model.tokens.prefix)
    for metric in names("depth"):
        found = data[metric].values
        known = np.isfinite(found)
        for place, mode in enumerate(modes):
            own, want = known[place], plain[metric][place]
            scale = np.nanmax(np.abs(want), initial=0)
            what = f"{name} {metric} {mode}"
            assert_close(found[place][own], want[own], rtol=0, atol=1e-3 * scale + 1e-8, what=what)
        there = np.isfinite(plain[metric])
        assert not (known & ~there).any()
        assert known[..., :LAST][there[..., :LAST]].all()
        if name in READ:
            there[:, :LAST, :, LAST] &= metric in READ[name]
            np.testing.assert_array_equal(known, there)
        assert data[metric].attrs["n"] == N


def test_the_pruned_layer_itself_is_the_layer_metric():
    data = vitscope.head_importance(vitscope.wrap(make("plain")), pixels(N), modes=["head", "cc", "pp"])
    for metric in ("cls_cos", "patch_cos"):
        for layer in range(LAST + 1):
            own = data[f"{metric}_at"].isel(layer=layer, observed=layer)
            assert_close(own, data[metric].isel(layer=layer).mean("image"), rtol=1e-5, atol=1e-12)


def test_renormalised_regions_too():
    module, images = make("registers, LayerScale, q/k norm"), pixels(2)
    model = vitscope.wrap(module)
    data = vitscope.head_importance(model, images, modes=["cp", "pp"], fill="renormalise")
    plain = hooked.depth(module, images, modes=["cp", "pp"], prefix=model.tokens.prefix, fill="renormalise")
    known = np.isfinite(data["patch_cos_at"].values)
    scale = np.nanmax(plain["patch_cos_at"])
    assert_close(data["patch_cos_at"].values[known], plain["patch_cos_at"][known], rtol=0, atol=1e-3 * scale)


def test_sums_do_not_depend_on_batches_and_leave_the_effects_alone():
    model, images, target = vitscope.wrap(make("plain", torch.float32)), pixels(5, torch.float32), np.zeros(5, np.int64)
    sums, effects = [], []
    for micro_batch in (1, 7, 100):
        depth = DepthSums(model, 1)
        effects.append(sweep(model, images, target, modes=["head"], micro_batch=micro_batch, depth=depth))
        assert depth.n_images == 5
        sums.append(depth.sums())
    without = sweep(model, images, target, modes=["head"], micro_batch=7)
    for metric, values in without.items():
        assert values.tobytes() == effects[1][metric].tobytes()
    for metric in names("depth"):
        assert_close(sums[0][metric], sums[2][metric], rtol=1e-4, atol=1e-10)
        assert_close(sums[1][metric], sums[2][metric], rtol=1e-4, atol=1e-10)
    twice = DepthSums(model, 1)
    for part in (slice(0, 2), slice(2, 5)):
        sweep(model, images[part], target[part], modes=["head"], micro_batch=7, depth=twice)
    assert_close(twice.means()["cls_cos_at"], sums[2]["cls_cos_at"] / 5, rtol=1e-4, atol=1e-10)


def test_heads_that_a_layer_does_not_have_are_nan():
    from vitscope.models.sources.smaller import without_heads

    model = without_heads(vitscope.wrap(make("plain")), [(0, 1), (1, 0), (1, 1), (1, 2)])
    data = vitscope.head_importance(model, pixels(2))
    there = np.isfinite(data["cls_cos_at"].values[0])
    assert there[0].sum(-1).tolist() == [3, 3, 0]
    assert not there[1].any()
    assert there[2, :, LAST].all()
