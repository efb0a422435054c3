"""Runs with each readout, end to end: analysis, text, server, Lab, judge, input sizes say what is true of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient
from tests import zoo
from tests.closeness import assert_close
from tests.families import CLASSES, found, scrambled
from tests.reference import labels as slow
from tests.server.clients import BASE
from tests.texts import NAMES, PROMPTS, saved
from tests.tiny_analysis import to_pixels, write_photos
from timm.models.vision_transformer import VisionTransformer

import vitscope
from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.pipeline import LiveModel
from vitscope.pipeline.live.model import load_live
from vitscope.pipeline.studies.doctor import examine
from vitscope.server import create_app
from vitscope.text import headline, show, summary


def spread_of(out: torch.Tensor) -> torch.Tensor:
    """A readout of one value: largest logit less the smallest."""
    return out.max(-1).values - out.min(-1).values


def first_two(out: torch.Tensor) -> torch.Tensor:
    """A readout of two values."""
    return out[:, :2] * torch.tensor([1.0, 10.0])


def of_timm(logits: int, **options) -> vitscope.Model:
    module = zoo.randomised(VisionTransformer(**zoo.SIZE | {"num_classes": logits}), 5).eval()
    return vitscope.wrap(module, transform=to_pixels, **options)


def zero_shot(folder: Path) -> vitscope.Model:
    saved("CLIPModel", folder / "clip")
    return vitscope.load_model(f"hf:{folder / 'clip'}", classes=NAMES, prompt=PROMPTS)


@dataclass(frozen=True)
class Case:
    """A model with a readout, and what is to be said of it."""

    make: Callable[[Path], vitscope.Model]
    readout: str
    ranked_by: str
    said: str
    size: tuple[int, int] = (8, 18)
    absent: set[str] = field(default_factory=set)

    @property
    def classified(self) -> bool:
        return self.readout in ("classes", "labels")


OF_CLASSES = {"prob_drop", "logit_drop", "jsd", "flip"}
CASES = {
    "zero-shot": Case(zero_shot, "classes", "jsd", "3, told by texts (scale x cosine, softmax)", (48, 40)),
    "several labels": Case(
        lambda folder: of_timm(4, readout="labels"), "labels", "jsd", "4 labels, each label yes or no"
    ),
    "one logit": Case(lambda folder: of_timm(1), "labels", "jsd", "one logit: label 1 or 0"),
    "features": Case(
        lambda folder: of_timm(4, readout="features"),
        "features",
        "out_cos",
        "no classifier; ranked by out_cos",
        absent=OF_CLASSES,
    ),
    "one value": Case(
        lambda folder: of_timm(4, readout=spread_of),
        "values",
        "value_change",
        "on what spread_of makes of the output",
        absent=OF_CLASSES | {"out_cos"},
    ),
    "two values": Case(
        lambda folder: of_timm(4, readout=first_two),
        "values",
        "value_change",
        "on what first_two makes of the output",
        absent=OF_CLASSES,
    ),
}


@pytest.fixture
def photos(tmp_path):
    write_photos(tmp_path / "photos", 12)
    rows = "".join(f"photos/{i:03d}.png,{i % 2}\n" for i in range(12))
    (tmp_path / "labels.csv").write_text("path,label\n" + rows)
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_a_run_says_what_is_true_of_its_readout(name, photos):
    case = CASES[name]
    model = case.make(photos)
    assert model.readout == case.readout
    table = photos / "labels.csv" if case.classified else photos / "photos"
    with_patterns = name in ("zero-shot", "one value")  # they know nothing of readouts, and take half a minute
    run = vitscope.analyze(model, table, photos / "run", patterns=None if with_patterns else 0)
    told = summary(run)
    assert told["output"]["metric"] == case.ranked_by
    assert told["output"]["heads"][0]["mean"] > 0
    text = " ".join(show(run).split())
    assert case.said in text
    assert ("the model has no classifier" in text) == (case.readout == "features")
    moves = {"values": "moves the values most", "features": "moves the pooled output most"}
    assert moves.get(case.readout, "of the predictions") in headline(run)
    assert examine(model).answers in text or case.readout == "features"

    client = TestClient(create_app(run.path), base_url=BASE)
    body = client.get("/api/answers/run").json()
    assert (body["model"]["readout"], body["defaultMetric"]) == (case.readout, case.ranked_by)
    reasons = {metric["name"]: metric["reason"] for metric in body["metrics"] if not metric["available"]}
    assert set(reasons) == case.absent
    assert all(reasons.values())
    for path in ("headline", "images", "progress", f"importance?metric={case.ranked_by}&mode=head"):
        assert client.get(f"/api/answers/{path}").status_code == 200, path
    assert client.get(f"/api/answers/summary?metric={case.ranked_by}&mode=head").status_code == 200
    assert not with_patterns or run.patterns.n_clusters >= 1
    assert client.get("/api/lab").status_code == 200

    live = LiveModel(run, model)
    one = live.lab.image(0, {(1, 0): "head"}, "zero")
    assert (one.before is None) == (not case.classified)
    assert sum(len(part.rows) for part in live.lab.scope(range(12), {(1, 0): "head"}, "zero")) == 12
    steps = list(live.lab.curve(range(12), {"given": [(1, 0), (0, 1)]}, [0, 1, 2], random=1, seed=0))
    moved = np.concatenate([step.moved for step in steps if step.stage == "pruning" and step.places])
    assert np.isfinite(moved).all()
    assert moved.max() > 0

    sizes = vitscope.resolution(model, table, [model.input_size[1:], case.size])
    assert sizes.sizes["size"] == 2
    if case.classified:
        judged = vitscope.judge(model, table, maps=["raw"], steps=2)
        assert judged.values.sizes["map"] >= 1
    else:
        with pytest.raises(InvalidArgument, match="no classifier, so there is no class"):
            vitscope.judge(model, table, maps=["raw"], steps=2)


def test_the_model_of_a_zero_shot_run_is_loaded_again(photos):
    run = vitscope.analyze(zero_shot(photos), photos / "photos", photos / "run", patterns=0)
    info = run.manifest.model
    assert (info.classes, info.options.prompt) == (NAMES, PROMPTS)
    live = load_live(run)
    pixels = live._model.preprocess(Image.open(photos / "photos" / "000.png"))[None]
    again = vitscope.prune(live._model, pixels, {}).softmax(-1).max()
    assert_close(run.images["probability"][0], again, rtol=1e-5)


def test_a_function_cannot_be_loaded_again(photos):
    model = of_timm(4, readout=spread_of)
    run = vitscope.analyze(model, photos / "photos", photos / "run", patterns=0)
    with pytest.raises(NotAvailable, match=r"made in Python from a module at hand, read by a function \(spread_of\)"):
        load_live(run)
    with pytest.raises(NotAvailable, match="measured on values, those of VisionTransformer on classes"):
        LiveModel(run, vitscope.wrap(model.module, transform=to_pixels))


def outputs_of(model: vitscope.Model, pixels: torch.Tensor) -> dict[tuple[int, int] | None, torch.Tensor]:
    """What the module itself says, intact (None) and with the columns of each head zeroed by a hook."""
    with torch.inference_mode():
        found = {None: model.module(pixels)}
        for layer, block in enumerate(model.module.blocks):
            for head in range(model.n_heads[layer]):

                def zero(_module, args, head=head, n=model.n_heads[layer]):
                    z = args[0].unflatten(-1, (n, -1)).clone()
                    z[..., head, :] = 0
                    return (z.flatten(-2),)

                handle = block.attn.proj.register_forward_pre_hook(zero)
                found[layer, head] = model.module(pixels)
                handle.remove()
    return found


def ranking(means: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    return sorted(means, key=means.get, reverse=True)


def ours(model: vitscope.Model, pixels: torch.Tensor, metric: str) -> dict[tuple[int, int], np.ndarray]:
    values = vitscope.head_importance(model, pixels)[metric].values[:, 0]
    return {(layer, head): values[:, layer, head] for layer, n in enumerate(model.n_heads) for head in range(n)}


def test_one_logit_ranks_as_a_hook_script_on_the_change_of_the_logit():
    model, pixels = of_timm(1), zoo.pixels(12)
    said = outputs_of(model, pixels)
    intact = said.pop(None)
    expected = {key: float((out - intact).abs().mean()) for key, out in said.items()}
    found = {key: float(np.abs(values).mean()) for key, values in ours(model, pixels, "logit_drop").items()}
    assert ranking(found) == ranking(expected)
    assert_close(list(found.values()), [expected[key] for key in found], rtol=1e-3)
    same = vitscope.wrap(model.module, readout=lambda out: out[:, 0])
    values = {key: float(change.mean()) for key, change in ours(same, pixels, "value_change").items()}
    assert ranking(values) == ranking(expected)


def test_several_labels_rank_as_a_hook_script_on_their_sigmoids():
    model, pixels = of_timm(4, readout="labels"), zoo.pixels(12)
    said = outputs_of(model, pixels)
    intact = said.pop(None)

    def of_one(out: torch.Tensor) -> float:
        rows = zip(intact.tolist(), out.tolist(), strict=True)
        return float(np.mean([slow.jsd(one, other) for one, other in rows]))

    expected = {key: of_one(out) for key, out in said.items()}
    found = {key: float(values.mean()) for key, values in ours(model, pixels, "jsd").items()}
    assert ranking(found) == ranking(expected)
    assert_close(list(found.values()), [expected[key] for key in found], rtol=1e-2, atol=1e-9)


@pytest.mark.parametrize("read", [spread_of, first_two])
def test_values_are_those_of_a_hook_script(read):
    model, pixels = of_timm(4, readout=read), zoo.pixels(5)
    said = {key: read(out).reshape(5, -1) for key, out in outputs_of(model, pixels).items()}
    intact = said.pop(None)
    for metric, change in (("value_drop", lambda d: d.mean(-1)), ("value_change", lambda d: d.abs().mean(-1))):
        found = ours(model, pixels, metric)
        for key, out in said.items():
            assert_close(found[key], change((intact - out).double()), rtol=2e-3, atol=2e-5)
    heads = {(1, 0): "head", (2, 2): "head"}
    found = vitscope.what_if(model, pixels, heads)
    both = vitscope.prune(model, pixels, heads)
    assert_close(found["value_change"], (intact - both).abs().mean(-1), rtol=1e-4, atol=1e-6)


def test_a_function_reads_the_object_that_a_library_gives():
    torch.manual_seed(0)
    module = scrambled(found("ViTForImageClassification")(found("ViTConfig")(**CLASSES)).eval())
    model = vitscope.wrap(module, readout=lambda out: out.logits.topk(2).values)
    assert (model.readout, model.n_classes, model.parity <= 1e-5) == ("values", None, True)
    x = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(vitscope.prune(model, x, {}), module(x).logits.topk(2).values)
    assert model.at_size(48, 40).read_by == "<lambda>"


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda out: out.logits, "fails on what the module gives, a Tensor"),
        (lambda out: out.mean(), r"expected a tensor \[image\] or \[image, value\] from it, got a tensor \[\]"),
        (lambda out: out.mean(0), "expected values of each image"),
        (lambda out: out - out.mean(0), "depend on the other images"),
        (3, "a function of the module's output"),
        ("boxes", "expected one of classes, labels, features, or a function"),
    ],
)
def test_what_is_no_readout_is_refused(read, words):
    with pytest.raises(InvalidArgument, match=words):
        of_timm(4, readout=read)


def test_a_function_leaves_no_room_for_classes():
    with pytest.raises(InvalidArgument, match="on spread_of and on classes at once"):
        of_timm(4, readout=spread_of, classes=list("abcd"))
    with pytest.raises(InvalidArgument, match="as classes: it has 1 logit"):
        of_timm(1, readout="classes")
