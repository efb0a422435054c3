"""Labels, each yes or no by itself: one logit and several, against slow sigmoids, wherever a model answers."""

import inspect

import numpy as np
import pytest
import torch
from PIL import Image
from tests import zoo
from tests.closeness import assert_close, assert_effects_agree
from tests.reference import hooked
from tests.reference import labels as slow
from tests.tiny_analysis import to_pixels, write_photos
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer

import vitscope
from vitscope import measures
from vitscope.engine import set_effects
from vitscope.errors import BadInput, InvalidArgument, ModelLoadError, RunError, UnsupportedModel
from vitscope.measures.effects.answers import predictions, probabilities
from vitscope.pipeline import LiveModel
from vitscope.pipeline.studies.doctor import examine
from vitscope.text import show, summary

BUILD = {
    (): lambda size: VisionTransformer(**size, class_token=False, global_pool="avg"),
    ("cls",): lambda size: VisionTransformer(**size),
    ("cls", "dist"): lambda size: VisionTransformerDistilled(**size),
    ("cls", "reg1", "reg2", "reg3", "reg4"): lambda size: VisionTransformer(**size, reg_tokens=4, init_values=0.3),
}


def make(prefix=("cls",), logits: int = 1, dtype=torch.float32, **options) -> vitscope.Model:
    """A model with so many logits; a shift of the last bias puts answers on both sides of one half."""
    module = zoo.randomised(BUILD[prefix](zoo.SIZE | {"num_classes": logits}), 5).to(dtype).eval()
    with torch.inference_mode():
        module.head.bias.data -= module(zoo.pixels(24, dtype)).median(0).values * (2 if len(prefix) == 2 else 1)
    return vitscope.wrap(module, transform=to_pixels, multi_label=logits > 1, **options)


@pytest.mark.parametrize("logits", [1, 4])
@pytest.mark.parametrize("prefix", BUILD, ids=len)
def test_the_sweep_is_that_of_hooks_and_sigmoids(prefix, logits):
    model = make(prefix, logits, torch.float64)
    assert (model.readout, model.n_logits, model.n_classes) == ("labels", logits, max(logits, 2))
    pixels, modes = zoo.pixels(3), ("head", "pp")
    targets = [1, 0, 1]
    found = vitscope.head_importance(model, pixels, targets, modes=modes)
    expected = hooked.importance(
        model.module, pixels, targets, modes=modes, prefix=model.tokens.prefix, readout="labels"
    )
    for name, values in expected.items():
        assert_effects_agree(found[name], values, name, absolute=1e-8)
    if logits == 1:  # of one logit the drop of label 0 is that of label 1, turned round
        other = vitscope.head_importance(model, pixels, [1 - label for label in targets])
        assert_close(other["logit_drop"], -found["logit_drop"].sel(mode=["head"]).values, atol=1e-12)
        assert_close(other["jsd"], found["jsd"].sel(mode=["head"]).values)


@pytest.mark.parametrize("shape", [(3, 1), (3, 5), (2, 3, 2)])
@pytest.mark.parametrize("scale", [1e-4, 1, 40])
def test_measures_are_those_written_slowly(shape, scale):
    random = torch.Generator().manual_seed(3)
    intact, moved = (scale * torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(2))
    target = torch.randint(0, max(shape[-1], 2), shape[:-1], generator=random)
    flat = [values.reshape(-1, shape[-1]).tolist() for values in (intact, moved)]
    for name, expected in hooked.of_answers(*flat, target.flatten().tolist(), "labels").items():
        measure = getattr(measures, name)
        targeted = {"target": target} if "target" in inspect.signature(measure).parameters else {}
        found = measure(intact, moved, **targeted, readout="labels")
        assert_close(found.flatten(), expected, rtol=1e-9, atol=1e-15, what=name)
    rows = flat[0]
    chances = [[slow.probability(row, label) for label in range(max(shape[-1], 2))] for row in rows]
    assert_close(probabilities(intact, "labels").reshape(len(rows), -1), chances, atol=1e-15)
    assert predictions(intact, "labels").flatten().tolist() == [slow.prediction(row) for row in rows]


def test_small_divergences_of_labels_keep_their_digits():
    one, other = torch.tensor([0.3], dtype=torch.float64), torch.tensor([0.3 + 1e-7], dtype=torch.float64)
    p = slow.sigmoid(0.3)
    assert_close(measures.jsd(one, other, "labels"), 1e-14 * p * (1 - p) / 8 / np.log(2), rtol=1e-5)


def test_what_is_not_finite_is_no_answer():
    logits = torch.tensor([[0.0, 1.0], [float("nan"), 1.0], [float("inf"), 0.0]])
    for readout in ("classes", "labels"):
        assert predictions(logits, readout).tolist() == [1, -1, -1]
        assert_close(measures.flip(logits, logits, readout), [0, np.nan, np.nan])


def test_sets_and_what_if_and_curves_follow():
    model = make()
    pixels = zoo.pixels(6, torch.float32)
    labels = [0, 1, 0, 1, 1, 0]
    heads = {(1, 0): "head", (2, 2): "head"}
    before, after = (vitscope.prune(model, pixels, chosen).double().tolist() for chosen in ({}, heads))
    expected = hooked.of_answers(before, after, labels, "labels")
    for name in ("prob_drop", "logit_drop", "jsd", "flip"):
        found = set_effects(model, pixels, [frozenset(heads)], labels, metric=name)[0]
        assert_close(found, expected[name], rtol=1e-3, atol=1e-6, what=name)
    found = vitscope.what_if(model, pixels, heads, labels)
    for name in ("prob_drop", "jsd", "flip"):
        assert_close(found[name], expected[name], rtol=1e-3, atol=1e-6, what=name)
    chances = [[[slow.probability(row, c) for c in (0, 1)] for row in pair] for pair in zip(before, after, strict=True)]
    assert_close(found["probabilities"], chances, rtol=1e-5)
    answers = [[slow.prediction(row) for row in pair] for pair in zip(before, after, strict=True)]
    assert found["prediction"].values.tolist() == answers
    assert {answer for pair in answers for answer in pair} == {0, 1}
    curve = vitscope.pruning_curve(model, pixels, [(1, 0), (2, 2)], labels, sizes=[0, 2], random=0)
    right = [[a == y for a, y in zip(side, labels, strict=True)] for side in zip(*answers, strict=True)]
    assert curve["right"].sel(order="given").values.tolist() == right
    with pytest.raises(InvalidArgument, match=r"classes of 0\.\.1"):
        vitscope.head_importance(model, pixels, [2] * 6)


def test_gradients_of_label_0_are_those_of_label_1_turned_round():
    model, pixels = make(dtype=torch.float64), zoo.pixels(2)
    one, other = (vitscope.attention_gradients(model, pixels, [label] * 2) for label in (1, 0))
    assert float(one.abs().max()) > 0
    assert_close(other, -one)


@pytest.fixture
def photos(tmp_path):
    write_photos(tmp_path / "photos", 6)
    rows = "".join(f"photos/{i:03d}.png,{i % 2}\n" for i in range(6))
    (tmp_path / "labels.csv").write_text("path,label\n" + rows)
    return tmp_path


@pytest.mark.parametrize("logits", [1, 4])
def test_a_run_keeps_its_readout_and_everything_reads_it(photos, logits):
    model, table = make(logits=logits), photos / "labels.csv"
    run = vitscope.analyze(model, table, photos / "run", patterns=0)
    info = run.manifest.model
    assert (info.readout, info.n_logits, info.n_classes) == ("labels", logits, max(logits, 2))
    pixels = torch.stack([to_pixels(Image.open(path)) for path in sorted((photos / "photos").iterdir())])
    said = vitscope.prune(model, pixels, {}).double().tolist()
    answers = [slow.prediction(row) for row in said]
    assert run.images["prediction"].tolist() == answers
    chances = [slow.probability(row, answer) for row, answer in zip(said, answers, strict=True)]
    assert_close(run.images["probability"], chances, rtol=1e-5)
    assert run.images["target"].tolist() == [0, 1] * 3
    told = summary(run)
    assert told["output"]["metric"] == "jsd"
    assert told["output"]["heads"][0]["mean"] > 0
    accuracy = np.mean([a == y for a, y in zip(answers, [0, 1] * 3, strict=True)])
    text = show(run)
    assert f"top-1 accuracy {accuracy:.3f}" in text
    assert ("one logit: label 1 or 0 (sigmoid)" if logits == 1 else "4 labels, each label yes or no") in text
    live = LiveModel(run, model if logits == 1 else vitscope.wrap(model.module, transform=to_pixels))
    one = live.lab.image(0, {(1, 0): "head"}, "zero")
    assert_close(one.before, [slow.probability(said[0], c) for c in range(max(logits, 2))], rtol=1e-5)
    scope = [answer for part in live.lab.scope(range(6), {(1, 0): "head"}, "zero") for answer in part.prediction]
    after = vitscope.prune(model, pixels, {(1, 0): "head"}).tolist()
    assert scope == [slow.prediction(row) for row in after]
    dropped = live.drop((photos / "photos" / "000.png").read_bytes(), "dropped.png")
    assert dropped.top[0] == (answers[0], pytest.approx(chances[0], rel=1e-5))
    if logits > 1:
        with pytest.raises(RunError, match=r"readout \(labels in the run, classes now\)"):
            plain = vitscope.wrap(model.module, transform=to_pixels)
            vitscope.analyze(plain, table, photos / "run", resume=True)


def test_judge_resolution_and_doctor_say_the_probability_of_the_logit(photos):
    model = make(classes=["healthy", "ill"])
    pixels = torch.stack([to_pixels(Image.open(path)) for path in sorted((photos / "photos").iterdir())])
    said = vitscope.prune(model, pixels, {}).double().tolist()
    chance = [slow.probability(row, i % 2) for i, row in enumerate(said)]
    judged = vitscope.judge(model, photos / "labels.csv", maps=["raw", "legrad"], steps=2)
    assert_close(judged.values["deletion_curve"].sel(map="raw").values[:, 0], chance, rtol=1e-4)
    sizes = vitscope.resolution(model, photos / "labels.csv", [(12, 30), (8, 18)])
    assert_close(sizes["probability"].values[1], chance, rtol=1e-4)
    found = examine(model, photos / "photos" / "000.png")
    top = slow.prediction(said[0])
    assert found.answers == "one logit: label 1 or 0 (sigmoid)"
    assert [(item.label, item.name) for item in found.prediction] == [
        (label, ["healthy", "ill"][label]) for label in (top, 1 - top)
    ]
    assert found.prediction[0].probability == pytest.approx(slow.probability(said[0], top), rel=1e-5)
    assert model.at_size(8, 18).readout == "labels"


def test_what_makes_no_sense_as_labels_is_refused(tmp_path):
    with pytest.raises(InvalidArgument, match="no classifier, so no logits"):
        vitscope.wrap(zoo.make("DINO-like, no classifier"), multi_label=True)
    texts = torch.randn(5, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with pytest.raises(InvalidArgument, match="similarities to texts"):
        vitscope.wrap(zoo.make("DINO-like, no classifier"), classifier=texts, multi_label=True)
    with pytest.raises(InvalidArgument, match="of a single logit the names of label 0 and label 1"):
        make(classes=["ill"])
    write_photos(tmp_path / "photos", 2)
    (tmp_path / "labels.csv").write_text("path,label\nphotos/000.png,2\n")
    with pytest.raises(BadInput, match=r"2 classes \(0\.\.1\)"):
        vitscope.analyze(make(), tmp_path / "labels.csv", tmp_path / "run")


def test_weights_that_are_not_finite_and_models_without_layers_are_named():
    module = zoo.make("plain")
    module.blocks[1].attn.qkv.weight.data[3, 3] = float("nan")
    with pytest.raises(ModelLoadError, match=r"blocks\.1\.attn\.qkv\.weight are not finite"):
        vitscope.wrap(module)
    with pytest.raises(UnsupportedModel, match="it has no blocks"):
        vitscope.wrap(VisionTransformer(**zoo.SIZE | {"depth": 0}).double())


def test_a_model_whose_heads_do_nothing_has_no_first_head(tmp_path):
    module = zoo.make("plain", torch.float32)
    for block in module.blocks:
        block.attn.proj.weight.data.zero_()
    run = vitscope.analyze(
        vitscope.wrap(module, transform=to_pixels), write_photos(tmp_path / "photos", 3), tmp_path / "run", patterns=0
    )
    from vitscope.text import headline

    assert headline(run).startswith("No head comes first: jsd is the same whichever of the ")
    assert "no head comes first" in " ".join(show(run).split())
