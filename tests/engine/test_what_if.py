"""What if heads were pruned: answers against `vitscope.prune`, and a mask check that can fail."""

import numpy as np
import pytest
import torch
from tests import zoo
from tests.closeness import assert_close
from tests.reference import hooked

import vitscope
from vitscope.engine import check_mask, prune
from vitscope.engine.pruning import mask_check
from vitscope.errors import InvalidArgument
from vitscope.models import Evaluation
from vitscope.results import MaskCheck

HEADS = {(1, 1): "head", (1, 2): "cp+pc", (2, 0): "cc+pp"}
LABELS = [3, -1, 5]
PIXELS = zoo.pixels(3)
MODES = {
    "CLIP-like pre-norm, average pooling": HEADS,
    "SigLIP-like, no CLS, no classifier": {(1, 0): "pp", (2, 2): "head"},
}


@pytest.mark.parametrize("kind", ["plain", "registers, LayerScale, q/k norm", "distilled", "EVA-02", *MODES])
@pytest.mark.parametrize("fill", ["zero", "renormalise"])
def test_before_and_after_are_those_of_prune(kind, fill):
    model, heads = vitscope.wrap(zoo.make(kind)), MODES.get(kind, HEADS)
    found = vitscope.what_if(model, PIXELS, heads, LABELS if model.n_classes else None, fill=fill)
    before, after = (prune(model, PIXELS, chosen, fill=fill).double().numpy() for chosen in ({}, heads))
    if model.n_classes is None:
        assert_close(found["out_cos"].values, hooked.cosine(before, after), rtol=1e-6)
        assert np.isnan(found["jsd"]).all()
        assert "prediction" not in found
        return
    p, q = hooked.softmax(before), hooked.softmax(after)
    target = np.where(np.array(LABELS) >= 0, LABELS, before.argmax(-1))
    assert_close(found["probabilities"].values, np.stack([p, q], 1), rtol=1e-9, atol=1e-12)
    assert_close(found["jsd"].values, [hooked.jensen_shannon(*pair) for pair in zip(p, q, strict=True)], rtol=1e-6)
    rows = np.arange(3)
    assert_close(found["prob_drop"].values, p[rows, target] - q[rows, target], rtol=1e-7, atol=1e-12)
    assert found["prediction"].values.tolist() == np.stack([before.argmax(-1), after.argmax(-1)], 1).tolist()
    assert found["flip"].values.tolist() == (before.argmax(-1) != after.argmax(-1)).tolist()
    assert found["target_source"].values.tolist() == ["label", "prediction", "label"]


@pytest.mark.parametrize("fill", ["mean", "resample"])
def test_other_images_stand_in(fill):
    model, others = vitscope.wrap(zoo.make("inner norm")), zoo.pixels(7)[3:] + 0.5
    heads = {(0, 1): "head", (2, 0): "head"}
    found = vitscope.what_if(model, PIXELS, heads, fill=fill, references=others, seed=5)
    after = prune(model, PIXELS, heads, fill=fill, references=others, seed=5)
    assert_close(found["probabilities"].values[:, 1], after.double().softmax(-1), rtol=1e-9, atol=1e-12)
    assert np.isnan(found.attrs["masked"]), "no matrix is left to measure"
    assert found.attrs["output"] == 0, "what goes on is the reference, to the bit"


def test_the_layers_before_run_once_and_give_the_same_bits():
    model = vitscope.wrap(zoo.make("plain", torch.float32))
    pixels = zoo.pixels(3, torch.float32)
    found = vitscope.what_if(model, pixels, {(2, 1): "head"})
    after = prune(model, pixels, {(2, 1): "head"})
    assert (found["probabilities"].values[:, 1] == after.double().softmax(-1).numpy()).all()


class TestMaskCheck:
    def of(self, kind="plain", heads=HEADS, fill="zero", dtype=torch.float32) -> MaskCheck:
        model = vitscope.wrap(zoo.make(kind, dtype))
        with Evaluation(model.module):
            return check_mask(model, zoo.pixels(2, dtype), heads, fill, None, slice(0, 2))

    @pytest.mark.parametrize("kind", ["plain", "registers, LayerScale, q/k norm", "inner norm", "BEiT", "EVA-02"])
    def test_zero_leaves_nothing_where_it_prunes_and_all_of_the_rest(self, kind):
        found = self.of(kind)
        assert found.masked == 0
        assert found.rest == 0
        assert found.output < 2e-6
        assert (found.first, found.unchanged) == (1, 1)

    def test_renormalise_too_to_rounding(self):
        found = self.of(fill="renormalise")
        assert found.masked < 1e-7
        assert found.rest < 1e-6
        assert found.output < 2e-6

    @pytest.mark.parametrize(("heads", "layers"), [({(0, 1): "head"}, 0), ({(2, 1): "cc"}, 2)])
    def test_layers_before_the_first_pruned_one_are_untouched(self, heads, layers):
        found = self.of(heads=heads)
        assert (found.first, found.unchanged) == (layers, layers)

    def test_a_mask_that_was_never_applied_shows(self, monkeypatch):
        monkeypatch.setattr(mask_check, "pruned_z", lambda tokens, z, *rest: z.clone())
        assert self.of().masked > 0.01

    def test_a_mask_of_the_wrong_region_shows(self, monkeypatch):
        real = mask_check.pruned_z
        swapped = {"cp+pc": "cc+pp", "cc+pp": "cp+pc", "head": "pp"}
        monkeypatch.setattr(
            mask_check,
            "pruned_z",
            lambda tokens, z, parts, heads, *rest: real(
                tokens, z, parts, {head: swapped[mode] for head, mode in heads.items()}, *rest
            ),
        )
        found = self.of()
        assert found.masked > 0.01
        assert found.rest > 0.01

    def test_outputs_that_are_not_of_the_masked_matrix_show(self, monkeypatch):
        real = mask_check.attend_rows
        monkeypatch.setattr(mask_check, "attend_rows", lambda projections, rows: 1.1 * real(projections, rows))
        assert self.of().output > 0.01

    def test_masks_are_those_written_entry_by_entry(self):
        model = vitscope.wrap(zoo.make("registers, LayerScale, q/k norm"))
        for mode in ("head", "cc", "cp+pc", "pp", "cc+cp+pc", "pc"):
            mine = mask_check.masked_entries(mode, model.tokens)
            assert torch.equal(mine, hooked.region_mask(mode, model.tokens.prefix, model.tokens.n_tokens)), mode


def test_the_measures_are_those_of_the_sweep():
    model = vitscope.wrap(zoo.make("plain"))
    alone = vitscope.head_importance(model, PIXELS, LABELS)
    found = vitscope.what_if(model, PIXELS, {(1, 2): "head"}, LABELS)
    for name in ("prob_drop", "jsd", "flip", "out_cos"):
        assert_close(found[name].values, alone[name].values[:, 0, 1, 2], rtol=1e-3, atol=1e-7, what=name)


@pytest.mark.parametrize(
    ("heads", "fill", "words"),
    [
        ({}, "zero", "at least one head"),
        ({(0, 9): "head"}, "zero", "head 9 of layer 0"),
        ({(0, 0): "cp"}, "mean", "replaces a whole head"),
        ({(0, 0): "xy"}, "zero", "mode 'xy'"),
        ({(0, 0): "head"}, "noise", "fill with 'noise'"),
    ],
)
def test_what_does_not_fit_is_refused(heads, fill, words):
    with pytest.raises(InvalidArgument, match=words):
        vitscope.what_if(vitscope.wrap(zoo.make("plain")), PIXELS, heads, fill=fill)


def test_no_images_are_refused():
    with pytest.raises(InvalidArgument, match="no images"):
        vitscope.what_if(vitscope.wrap(zoo.make("plain")), PIXELS[:0], HEADS)
