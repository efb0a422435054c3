"""Images whose activations are not finite: left out with the reason wherever a model runs; n is right everywhere."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from tests import stand_in, zoo
from tests.closeness import assert_close
from tests.tiny_analysis import assert_same_bits, to_pixels, write_photos

import vitscope
from vitscope.engine import greedy_order, head_importance, reduce_attention
from vitscope.engine.finite import NOT_FINITE
from vitscope.errors import BadInput, InvalidArgument, NotFinite
from vitscope.models import Model
from vitscope.pipeline import LiveModel, analyze
from vitscope.pipeline.plan import planning
from vitscope.pipeline.studies.doctor import examine
from vitscope.pipeline.studies.removing import remove
from vitscope.text import show, summary

WHITE = "002.png"
REASON = f"{NOT_FINITE}, first in its pixels after preprocessing"


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch):
    monkeypatch.setattr(planning, "SHARD_SIZE", 4)
    monkeypatch.setattr(planning, "FEWEST_MATRICES", 20)
    monkeypatch.setattr("vitscope.pipeline.work.patterns.learn", stand_in.learn)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def per_image(image: Image.Image) -> torch.Tensor:
    """Zero mean and deviation 1, as for X-rays and tiles: 0 / 0 for an even picture."""
    pixels = to_pixels(image)
    return (pixels - pixels.mean()) / pixels.std()


def make(kind: str = "plain") -> Model:
    return vitscope.wrap(zoo.make(kind, torch.float32), transform=per_image)


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture
def photos(tmp_path):
    """Seven photos, and the same with one of them white; all of label 3."""
    folder = write_photos(tmp_path / "photos", 8)
    Image.new("RGB", (40, 24), "white").save(folder / WHITE)
    names = [f"{i:03d}.png" for i in range(8)]
    (tmp_path / "with.csv").write_text("path,label\n" + "".join(f"photos/{name},3\n" for name in names))
    names.remove(WHITE)
    (tmp_path / "without.csv").write_text("path,label\n" + "".join(f"photos/{name},3\n" for name in names))
    return tmp_path


def pixels_of(folder) -> torch.Tensor:
    return torch.stack([per_image(Image.open(path).convert("RGB")) for path in sorted((folder / "photos").iterdir())])


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_a_run_is_that_of_the_same_images_without_it(photos, model, fill):
    options = {"patterns": 1000, "fill": fill} | ({} if fill == "mean" else {"modes": "cp+pc"})
    run = analyze(model, photos / "with.csv", photos / "run", **options)
    other = analyze(model, photos / "without.csv", photos / "other", **options)
    kept = [i for i in range(8) if i != 2]
    images = run.images
    assert images["problem"].tolist() == [REASON if i == 2 else None for i in range(8)]
    assert (images.at[2, "prediction"], images.at[2, "correct"], images.at[2, "target"]) == (-1, None, -1)
    assert images["prediction"][kept].tolist() == other.images["prediction"].tolist()
    for name in run.manifest.metrics:
        values, expected = run.importance[name].values, other.importance[name].values
        assert np.isnan(values[2]).all()
        assert_close(values[kept], expected, rtol=1e-3, atol=1e-6, what=name)
    assert_close(run.mean_attention, other.mean_attention, rtol=1e-5, atol=1e-7)
    assert_close(run.patterns.content_dependence.values, other.patterns.content_dependence.values, rtol=1e-3)
    assert 2 not in run.sampled
    assert len(run.sampled) == len(other.sampled) == 7
    assert 2 not in run.featured
    for name in ("cls_cos_at", "patch_cos_at"):
        assert_close(run.repair[name], other.repair[name], rtol=1e-3, atol=1e-7, what=name)
    assert run.repair["n"].values.tolist() == other.repair["n"].values.tolist()
    said, expected = summary(run), summary(other)
    assert (said["images"]["planned"], said["images"]["measured"]) == (8, 7)
    assert said["output"]["n"] == expected["output"]["n"] == 7
    right = (other.images["prediction"] == 3).mean()
    text = show(run)
    assert f"7 of 8 measured, 1 skipped; 7 with a label, top-1 accuracy {right:.3f}" in text
    assert f"1 × {REASON}" in " ".join(text.split())


def test_resample_takes_no_such_image_for_a_reference(photos, model):
    run = analyze(model, photos / "with.csv", photos / "run", patterns=0, fill="resample")
    effects = run.effect("jsd", "head")
    assert np.isfinite(np.delete(effects, 2, 0)).all()
    assert np.isnan(effects[2]).all()


def test_a_run_goes_on_after_a_stop_with_the_same_bits(photos, model):
    class Stop(Exception):
        pass

    options = {"patterns": 1000, "modes": "pp"}
    for group in ("head", "partial", "matrices"):

        def stop(step, group=group):
            if step.group == group and step.done >= 4:
                raise Stop

        with pytest.raises(Stop):
            analyze(model, photos / "with.csv", photos / "stopped", progress=stop, resume=True, **options)
    stopped = analyze(model, photos / "with.csv", photos / "stopped", resume=True)
    assert_same_bits(stopped, analyze(model, photos / "with.csv", photos / "whole", **options))


def test_progress_counts_every_image_once(photos, model):
    steps = []
    analyze(model, photos / "with.csv", photos / "run", modes="pp", patterns=1000, progress=steps.append)
    last = {step.group: (step.done, step.total) for step in steps}
    assert last["head"] == last["partial"] == last["matrices"] == (8, 8)


def test_where_none_is_finite_one_sentence_says_so(tmp_path, model):
    folder = tmp_path / "even"
    folder.mkdir()
    for i in range(3):
        Image.new("RGB", (40 + i, 24), "white").save(folder / f"{i}.png")
    for fill in ("zero", "mean", "resample"):
        with pytest.raises(BadInput, match="can be (measured|used)"):
            analyze(model, folder, tmp_path / fill, fill=fill)


CALLS = {
    "attention": lambda m, x: vitscope.attention(m, x),
    "head_importance": lambda m, x: head_importance(m, x),
    "prune": lambda m, x: vitscope.prune(m, x, {(0, 1): "head"}),
    "prune nothing": lambda m, x: vitscope.prune(m, x, {}),
    "what_if": lambda m, x: vitscope.what_if(m, x, {(0, 1): "cp"}),
    "interactions": lambda m, x: vitscope.interactions(m, x, [(0, 1), (2, 0)]),
    "shapley": lambda m, x: vitscope.shapley(m, x, [(0, 1), (2, 0)]),
    "pruning_curve": lambda m, x: vitscope.pruning_curve(m, x, [(0, 1)], random=1),
    "greedy_order": lambda m, x: greedy_order(m, x, 1),
    "attention_gradients": lambda m, x: vitscope.attention_gradients(m, x),
    "attention_gradients of a class": lambda m, x: vitscope.attention_gradients(m, x, [0] * len(x)),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_name_the_image(photos, model, name):
    pixels = pixels_of(photos)
    with pytest.raises(NotFinite, match=r"image 2 of 8: its activations are not finite, first") as error:
        CALLS[name](model, pixels)
    assert isinstance(error.value, InvalidArgument)
    CALLS[name](model, pixels[[0, 1, 3]])


def test_many_are_counted_and_a_reference_is_named(photos, model):
    pixels = pixels_of(photos)
    with pytest.raises(NotFinite, match=r"image 1 of 4: .*\(2 images are so: 1, 3\)"):
        head_importance(model, pixels[[0, 2, 1, 2]])
    for fill in ("mean", "resample"):
        with pytest.raises(NotFinite, match="reference 1 of 3"):
            head_importance(model, pixels[:2], fill=fill, references=pixels[1:4])
        with pytest.raises(NotFinite, match="reference 1 of 3"):
            vitscope.prune(model, pixels[:2], {(0, 1): "head"}, fill=fill, references=pixels[1:4])


def test_the_reason_names_the_first_place(model):
    pixels = zoo.pixels(3, torch.float32)
    broken = make()
    with torch.no_grad():
        broken.module.blocks[1].mlp.fc1.bias[0] = 3e38
        broken.module.blocks[1].mlp.fc2.weight[0, 0] = 1e5
    with pytest.raises(NotFinite, match=r"first after layer 1 \(3 images are so: 0, 1, 2\)"):
        head_importance(broken, pixels)


def test_attention_that_is_not_finite_alone_is_seen_by_the_reduction(model, monkeypatch):
    from vitscope.engine import reduce as module

    pixels, found = zoo.pixels(5, torch.float32), module.heads_by_layer

    def overflowing(model, pixels):
        for layer, (weights, z) in enumerate(found(model, pixels)):
            if layer == 1:
                weights = weights.clone()
                weights[3, 0, 4] = torch.nan  # a row, as a softmax makes it
            yield weights, z

    monkeypatch.setattr(module, "heads_by_layer", overflowing)
    assert reduce_attention(model, pixels, 16).problems == {3: f"{NOT_FINITE}, first in the attention of layer 1"}


def test_a_pruned_pass_that_overflows_is_nan_for_that_head_alone():
    plain = make()
    pixels = zoo.pixels(6, torch.float32)
    features = vitscope.prune(dataclasses.replace(plain, n_classes=None), pixels, {})
    limit = features[:, 0].max() + 1e-4

    def overflows(features):
        logits = plain.architecture.logits(features)
        return torch.where(features[:, :1] > limit, torch.inf, logits)

    model = dataclasses.replace(plain, classifier=overflows)
    found, expected = head_importance(model, pixels), head_importance(plain, pixels)
    broken = np.isnan(found["jsd"].values)
    assert 0 < broken.sum() < broken.size
    for name in ("prob_drop", "logit_drop", "jsd", "flip"):
        assert (np.isnan(found[name].values) == broken).all(), name
        assert_close(found[name].values[~broken], expected[name].values[~broken], rtol=1e-6, what=name)
    order = greedy_order(model, pixels, 1)
    assert not broken[:, 0][:, order[0][0], order[0][1]].any()


def test_the_lab_and_live_questions(photos, model):
    run = analyze(model, photos / "with.csv", photos / "run", patterns=0)
    live = LiveModel(run, model)
    heads = {(1, 0): "head"}
    for fill in ("zero", "mean", "resample"):
        parts = list(live.lab.scope(range(8), heads, fill))
        assert [row for part in parts for row in part.rows] == [0, 1, 3, 4, 5, 6, 7]
        assert {row: why for part in parts for row, why in part.problems.items()} == {2: NOT_FINITE}
        assert all(np.isfinite(part.jsd).all() for part in parts)
        assert np.isfinite(live.lab.image(0, heads, fill).jsd)
    steps = list(live.lab.curve(range(8), {"given": [(1, 0)]}, [0, 1], random=1, seed=0, search=[0, 2], length=1))
    assert steps[-1].rows == () and next(step.rows for step in steps if step.rows) == (0, 1, 3, 4, 5, 6, 7)
    questions = {
        "what if": lambda: live.lab.image(2, heads, "zero"),
        "matrices": lambda: live.matrices(2),
        "class map": lambda: live.class_map(2, "relevance", 1, 0, "from"),
        "at size": lambda: live.at_size(2, (8, 18)),
        "drop": lambda: live.drop((photos / "photos" / WHITE).read_bytes(), "white.png"),
        "doctor": lambda: examine(model, photos / "photos" / WHITE),
    }
    for name, ask in questions.items():
        with pytest.raises(NotFinite, match=NOT_FINITE) as error:
            ask()
        assert error.value.status == 422, name


def test_maps_are_judged_on_the_others(photos, model):
    found, expected = (
        vitscope.judge(model, photos / name, maps=["raw", "legrad"], steps=3) for name in ("with.csv", "without.csv")
    )
    assert found.not_finite == {f"photos/{WHITE}": REASON}
    assert (found.unreadable, {verdict.n for verdict in found.verdicts if verdict.measure == "deletion"}) == (0, {7})
    shown = slice(0, 2)  # the random order is drawn by row
    for name in ("deletion", "insertion"):
        assert_close(found.values[name][shown], expected.values[name][shown], rtol=1e-4)


def test_sizes_are_compared_on_images_that_are_finite_at_all_of_them(photos):
    def fails_when_small(image: Image.Image) -> torch.Tensor:
        return to_pixels(image)

    model = vitscope.wrap(zoo.make("plain", torch.float32), transform=fails_when_small)
    found = vitscope.resolution(model, photos / "with.csv", [(12, 30), (16, 24)])
    assert found.sizes["image"] == 8
    white = vitscope.resolution(make(), photos / "with.csv", [(12, 30), (16, 24)])
    other = vitscope.resolution(make(), photos / "without.csv", [(12, 30), (16, 24)])
    assert white["image"].values.tolist() == other["image"].values.tolist()
    assert white.attrs["not_finite"] == [f"photos/{WHITE}: {REASON}"]
    for name in ("probability", "correct", "distance", "entropy", "mean_map_16x24"):
        assert_close(white[name], other[name], rtol=1e-5, atol=1e-7, what=name)


def test_an_image_that_fails_at_the_second_size_leaves_the_first(photos, monkeypatch):
    from vitscope.pipeline.studies import across_sizes

    model, plain = make(), across_sizes.look

    def failing(sized, pixels):
        found = plain(sized, pixels)
        if sized.input_size[1:] == (16, 24):
            found.problems.update(dict.fromkeys(range(len(pixels) // 6), NOT_FINITE))  # the first of the six
        return found

    monkeypatch.setattr(across_sizes, "look", failing)
    found = vitscope.resolution(model, photos / "without.csv", [(12, 30), (16, 24)], limit=6)
    monkeypatch.setattr(across_sizes, "look", plain)
    assert found.sizes["image"] == 5
    names = found["image"].values.tolist()
    other = vitscope.resolution(model, [photos / name for name in names], [(12, 30), (16, 24)])
    assert_close(found["mean_map_12x30"], other["mean_map_12x30"], rtol=1e-4, atol=1e-6)


def test_accuracies_of_a_smaller_model_leave_it_out(photos, monkeypatch):
    monkeypatch.setattr("vitscope.pipeline.studies.removing.save_without_heads", lambda *args: None)
    monkeypatch.setattr("vitscope.pipeline.studies.removing.ROUNDS", 3)
    from vitscope.tokens import HeadRef

    found = remove(make(), [HeadRef(0, 1)], photos / "smaller", images=photos / "with.csv")
    assert found.unreadable == 1
    assert found.accuracy is not None and found.accuracy.n == 7


TRANSFORMS = {
    "deviation": per_image,
    "range": lambda image: (lambda x: (x - x.min()) / (x.max() - x.min()))(to_pixels(image)),
    "log": lambda image: (to_pixels(image) + 0.999).log(),
    "huge": lambda image: to_pixels(image) * 6e4,
    "inverse": lambda image: 1 / to_pixels(image).round(decimals=1),
}


FUZZED = [(name, torch.float32) for name in TRANSFORMS]
FUZZED += [(name, torch.float16) for name in ("huge", "inverse")] + [("deviation", torch.bfloat16)]


@pytest.mark.parametrize(("transform", "dtype"), FUZZED, ids=str)
def test_no_run_counts_more_images_than_are_finite(tmp_path, transform, dtype):
    folder = write_photos(tmp_path / "photos", 5, seed=len(transform))
    for i, grey in enumerate((0, 127, 255)):
        Image.new("RGB", (40, 24), (grey,) * 3).save(folder / f"even{i}.png")
    module = zoo.make("plain", torch.float32).to(dtype)
    model = vitscope.wrap(module, transform=TRANSFORMS[transform])
    pictures = [Image.open(path).convert("RGB") for path in sorted(folder.iterdir())]
    with torch.inference_mode():
        outputs = [module(TRANSFORMS[transform](picture)[None].to(dtype)) for picture in pictures]
    finite = [bool(output.isfinite().all()) for output in outputs]
    if not any(finite):
        with pytest.raises(BadInput, match="none of the 8 can be measured"):
            analyze(model, folder, tmp_path / "run", patterns=0)
        return
    run = analyze(model, folder, tmp_path / "run", patterns=0)
    measured = run.images["problem"].isna().tolist()
    assert all(fine or not counted for fine, counted in zip(finite, measured, strict=True))
    assert summary(run)["images"]["measured"] == sum(measured) <= sum(finite)
    assert np.isfinite(run.mean_attention).all()
    assert np.isfinite(run.effect("out_cos", "head")[measured]).any()
