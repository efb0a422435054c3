"""Gradients with respect to attention: the library's own by autograd, finite differences, classes, odd models."""

import numpy as np
import pytest
import torch
from tests.closeness import assert_close
from tests.reference import gradients as twin
from tests.zoo import ZOO, make, pixels

import vitscope
from vitscope.engine import MAPS, LeGrad, explain
from vitscope.errors import InvalidArgument
from vitscope.models import Model

CLASSIFIERS = [name for name in ZOO if "no classifier" not in name]
TARGETS = [4, 0]


@pytest.mark.parametrize("score", ["output", "layer_mean", "layer"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_gradients_are_those_of_the_librarys_own_attention(name, score):
    module, images = make(name), pixels(2)
    _, expected = twin.gradients(module, images, TARGETS, score=score)
    ours = vitscope.attention_gradients(vitscope.wrap(module), images, TARGETS, score=score)
    assert float(np.abs(expected).max()) > 1e-6
    assert_close(ours, expected, rtol=1e-7, atol=1e-9 * float(np.abs(expected).max()))


@pytest.mark.parametrize("name", ["registers, LayerScale, q/k norm", "EVA inner norm", "BEiT"])
def test_gradients_are_what_moving_a_weight_does(name):
    module, images = make(name), pixels(1)
    ours = vitscope.attention_gradients(vitscope.wrap(module), images, [3])[0]
    step = 1e-5
    for entry in [(0, 2, 1, 5), (1, 0, 0, 3), (2, 1, 0, 7)]:
        moved = [float(twin.logits_with(module, images, entry, change)[0, 3]) for change in (step, -step)]
        assert_close(ours[entry], (moved[0] - moved[1]) / (2 * step), rtol=1e-5, atol=1e-8)


def test_nothing_is_left_in_the_module_and_any_callers_mode_will_do():
    module, images = make("plain"), pixels(2)
    module.train()
    model = vitscope.wrap(module)
    plain = vitscope.attention_gradients(model, images, TARGETS)
    with torch.inference_mode():
        within = vitscope.attention_gradients(model, images.clone(), TARGETS)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    frozen = vitscope.attention_gradients(model, images, TARGETS)
    assert torch.equal(plain, within)
    assert torch.equal(plain, frozen)
    assert module.training
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not plain.requires_grad


def test_the_class_is_the_models_own_where_none_is_given():
    model, images = vitscope.wrap(make("plain")), pixels(3)
    top = model.module(images).argmax(-1).tolist()
    own = vitscope.attention_gradients(model, images)
    assert torch.equal(own, vitscope.attention_gradients(model, images, top))
    mixed = vitscope.attention_gradients(model, images, [-1, 5, -1])
    assert torch.equal(mixed[[0, 2]], own[[0, 2]])
    assert_close(mixed[1], vitscope.attention_gradients(model, images[1:2], [5])[0], rtol=1e-9, atol=1e-14)


def test_a_layer_with_fewer_heads_or_none_has_nan_for_them():
    model = vitscope.without_heads(vitscope.wrap(make("plain")), [(0, 1), (1, 0), (1, 1), (1, 2)])
    images = pixels(2)
    for score in ("output", "layer_mean", "layer"):
        found = vitscope.attention_gradients(model, images, TARGETS, score=score)
        missing = found.isnan().flatten(3).all(-1)
        assert missing.tolist() == [[[False, False, True], [True] * 3, [False] * 3]] * 2
        assert not found[~missing].isnan().any()
    maps = explain(model, images, torch.tensor(TARGETS))
    assert all(value.isfinite().all() and value.std() > 0 for value in maps.values())


def test_classes_scores_and_models_that_do_not_fit_are_refused():
    model, images = vitscope.wrap(make("plain")), pixels(2)
    with pytest.raises(InvalidArgument, match="expected 2 classes of 0..6"):
        vitscope.attention_gradients(model, images, [7, 1])
    with pytest.raises(InvalidArgument, match="expected 2 classes"):
        vitscope.attention_gradients(model, images, [1])
    with pytest.raises(InvalidArgument, match="score 'loss'"):
        vitscope.attention_gradients(model, images, score="loss")
    with pytest.raises(InvalidArgument, match="has no classifier"):
        vitscope.attention_gradients(vitscope.wrap(make("DINO-like, no classifier")), images)
    with pytest.raises(InvalidArgument, match="map 'saliency'"):
        explain(model, images, torch.tensor(TARGETS), ["raw", "saliency"])
    with pytest.raises(InvalidArgument, match="no class is given"):
        explain(model, images, None, ["raw", "legrad"])
    with pytest.raises(InvalidArgument, match="last 0 layers"):
        explain(model, images, torch.tensor(TARGETS), how=LeGrad(layers=0))
    with pytest.raises(InvalidArgument, match="'cls'"):
        explain(model, images, torch.tensor(TARGETS), how=LeGrad(reading="cls"))


READ = {
    "registers, LayerScale, q/k norm": [0],
    "CLIP-like pre-norm, average pooling": list(range(1, 16)),
    "distilled": [0, 1],
}


@pytest.mark.parametrize("name", READ)
def test_maps_read_the_rows_that_the_classifier_reads(name):
    module, images = make(name), pixels(2)
    model = vitscope.wrap(module)
    layout = model.tokens
    maps = explain(model, images, torch.tensor(TARGETS), MAPS)
    attention, by_output = twin.gradients(module, images, TARGETS, score="output")
    read_from = {"mean": "layer_mean", "classifier": "layer"}
    by_layer = {way: twin.gradients(module, images, TARGETS, score=score)[1] for way, score in read_from.items()}

    def read(product):
        return product[READ[name]][:, layout.patches].mean(0).reshape(layout.rows, layout.cols)

    for i in range(2):
        assert_close(maps["raw"][i], read(attention[i, -1].mean(0)), rtol=1e-8)
        assert_close(maps["gradient_rollout"][i], read(twin.weighted(attention[i], by_output[i], 0.5)), rtol=1e-6)
        assert_close(maps["relevance"][i], read(twin.weighted(attention[i], by_output[i], None)), rtol=1e-6)
        assert_close(maps["legrad"][i], twin.legrad(by_layer["mean"][i, -2:], layout), rtol=1e-6)
    for reading, layers, first in (("mean", None, 0), ("mean", 1, -1), ("classifier", 2, -2), ("classifier", 9, 0)):
        found = explain(model, images, torch.tensor(TARGETS), ["legrad"], LeGrad(layers, reading))["legrad"]
        assert_close(found[1], twin.legrad(by_layer[reading][1, first:], layout), rtol=1e-6)
    alone = explain(model, images, None, ["rollout"])
    assert list(alone) == ["rollout"]
    assert_close(alone["rollout"], maps["rollout"], rtol=1e-9)


def test_a_given_classifier_is_asked(tmp_path):
    module = make("DINO-like, no classifier")
    weight = torch.randn(5, 24, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    classifier = torch.nn.Linear(24, 5, bias=False, dtype=torch.float64)
    classifier.weight.data = weight
    model: Model = vitscope.wrap(module, classifier=classifier)
    whole = make("DINO-like, no classifier")
    whole.head = classifier
    _, expected = twin.gradients(whole, pixels(1), [2], score="output")
    assert_close(vitscope.attention_gradients(model, pixels(1), [2]), expected, rtol=1e-8, atol=1e-14)
