"""What callers rely on besides the numbers: errors, precision, autograd, devices, examples, documentation."""

import doctest
import inspect
import re
from pathlib import Path

import jaxtyping
import pytest
import torch
from tests.attention_cases import LAYOUTS, random_attention
from tests.closeness import assert_close

from vitscope import measures
from vitscope.errors import InvalidArgument, NotAttention
from vitscope.quantities import names
from vitscope.tokens import TokenLayout

TOKENS = LAYOUTS["cls, 5 x 2"]
FUNCTIONS = sorted(name for name in measures.__all__ if inspect.isroutine(getattr(measures, name)))
CHECKED = {
    "check_attention": lambda a: measures.check_attention(a, TOKENS),
    "entropy": measures.entropy,
    "sink": measures.sink,
    **{
        name: lambda a, name=name: getattr(measures, name)(a, TOKENS)
        for name in (
            *("ring_mass", "ring_density", "mass_to_cls", "mass_to_others", "region_sums", "mean_distance"),
            *("cls_entropy", "focus", "coverage", "share_above_uniform", "nmi", "cls_map", "head_diversity"),
            "head_similarity",
        )
    },
}


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("damage", [1.001, 0.0, -1.0, float("nan")])
def test_rows_that_are_no_distribution_are_refused_by_index(name, damage):
    attention = random_attention(3, 2, tokens=TOKENS)
    attention[2, 1, 4] *= damage
    with pytest.raises(NotAttention, match=r"row \(2, 1, 4\) sums to"):
        CHECKED[name](attention)


def test_negative_weights_are_refused_even_where_rows_sum_to_1():
    with pytest.raises(NotAttention, match=r"row \(1,\).*smallest entry -0.5"):
        measures.entropy(torch.tensor([[0.5, 0.5], [1.5, -0.5]]))


def test_rollout_refuses_what_is_not_attention():
    attention = random_attention(2, 3, 2, tokens=TOKENS)
    attention[1, 2, 0, 6] *= 1.001
    with pytest.raises(NotAttention, match=r"row \(1, 2, 0, 6\)"):
        measures.rollout(attention)


@pytest.mark.parametrize("name", sorted(set(CHECKED) - {"entropy", "sink"}))
def test_matrices_of_another_layout_are_refused(name):
    attention = random_attention(2, tokens=LAYOUTS["no prefix, 3 x 5"])
    with pytest.raises(NotAttention, match=r"15 queries x 15 keys.*11 tokens \(1 prefix \+ 5 x 2 patches\)"):
        CHECKED[name](attention)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: measures.rollout(a, discard=0.5), "which column is CLS"),
        (lambda a: measures.rollout(a, TOKENS, discard=1.5), "discard 1.5"),
        (lambda a: measures.rollout(a, residual=-0.1), "residual -0.1"),
        (lambda a: measures.rollout(a, start=3), r"layers 0\.\.2"),
        (lambda a: measures.rollout(a, start=-1), r"layers 0\.\.2"),
        (lambda a: measures.coverage(a, TOKENS, mass=0.0), "coverage of mass 0.0"),
        (lambda a: measures.coverage(a, TOKENS, mass=1.1), "coverage of mass 1.1"),
        (lambda a: measures.rollout(a[..., 1:, :]), "10 queries x 11 keys"),
    ],
)
def test_options_out_of_range_are_refused(call, message):
    with pytest.raises(InvalidArgument, match=message):
        call(random_attention(2, 3, 2, tokens=TOKENS))


@pytest.mark.parametrize(
    "call",
    [
        lambda a: measures.fuse(a, dim=0, fusion="sum"),
        lambda a: measures.mean_distance(a, TOKENS, variant="keep"),
        lambda a: measures.head_diversity(a, TOKENS, variant="dot"),
    ],
)
def test_unknown_variants_are_refused_with_the_known_ones(call):
    """Users have no run-time type checks: what the annotations refuse here, the functions refuse there."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(InvalidArgument, match=r"(Variants|Fusions): "):
            call(random_attention(2, tokens=TOKENS))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_measured_in_float32(dtype):
    exact = random_attention(2, 3, tokens=TOKENS)
    attention = exact.to(dtype)
    measures.check_attention(attention)
    for name, value in measures.summarise(attention, TOKENS).spread.items():
        assert value.dtype == torch.float32
        assert_close(value, measures.summarise(attention.float(), TOKENS).spread[name], what=name)
        if name not in ("coverage", "few_keys"):  # a count of keys may move by one
            assert_close(value, measures.summarise(exact, TOKENS).spread[name], rtol=2e-2, atol=2e-3, what=name)
    measures.rollout(attention[None])
    with pytest.raises(NotAttention):
        measures.check_attention(attention * 1.02)


def test_geometry_cached_under_inference_serves_autograd():
    tokens = TokenLayout(prefix=("cls",), rows=2, cols=4, patch=(9, 5))  # used nowhere else, so not yet cached
    attention = random_attention(tokens=tokens)
    with torch.inference_mode():
        expected = measures.mean_distance(attention, tokens)
        measures.mean_distance(attention, tokens, variant="renormalise")
    scores = attention.log().requires_grad_()
    for variant in ("drop", "renormalise"):
        measures.mean_distance(scores.softmax(-1), tokens, variant=variant).backward()
    assert scores.grad is not None
    assert_close(measures.mean_distance(scores.softmax(-1), tokens), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["entropy", "nmi", "focus", "ring_density"])
def test_gradients_are_those_of_finite_differences(name):
    tokens = TokenLayout(prefix=("cls",), rows=1, cols=3, patch=(2, 3))

    def measure(scores):
        attention = scores.softmax(-1)
        return measures.entropy(attention) if name == "entropy" else getattr(measures, name)(attention, tokens)

    assert torch.autograd.gradcheck(measure, random_attention(tokens=tokens).log().requires_grad_())


def test_arguments_are_not_written_to():
    attention = random_attention(2, 3, 2, tokens=TOKENS)
    before = attention.clone()
    measures.summarise(attention, TOKENS)
    measures.rollout(attention, TOKENS, discard=0.5)
    measures.head_diversity(attention, TOKENS, variant="jensen-shannon")
    assert torch.equal(attention, before)


@pytest.mark.parametrize("stride", ["transposed", "sliced", "expanded"])
def test_memory_order_does_not_matter(stride):
    attention = random_attention(2, 3, tokens=TOKENS)
    view = {
        "transposed": attention.transpose(0, 1).contiguous().transpose(0, 1),
        "sliced": torch.stack([attention, attention], -1)[..., 0],
        "expanded": attention[:1, :1].expand(2, 3, -1, -1),
    }[stride]
    for name, value in measures.summarise(view, TOKENS).spread.items():
        assert_close(value, measures.summarise(view.clone(), TOKENS).spread[name], rtol=1e-12, what=name)


@pytest.mark.gpu
def test_a_gpu_gives_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    attention = random_attention(2, 3, 5, tokens=TOKENS, dtype=torch.float32)
    here, there = measures.summarise(attention, TOKENS), measures.summarise(attention.cuda(), TOKENS)
    for name in names("spread"):
        assert there.spread[name].is_cuda
        assert_close(there.spread[name], here.spread[name], rtol=1e-5, atol=1e-6, what=name)
    assert_close(there.density, here.density, rtol=1e-5)
    rolled = measures.rollout(attention.cuda(), TOKENS, discard=0.5)
    assert_close(rolled, measures.rollout(attention, TOKENS, discard=0.5), rtol=1e-5, atol=1e-7)
    for variant in ("cls", "full", "jensen-shannon"):
        value = measures.head_diversity(attention.cuda(), TOKENS, variant=variant)
        assert_close(value, measures.head_diversity(attention, TOKENS, variant=variant), rtol=1e-5)
    logits, target = attention[0, 0, :, 0], torch.zeros(11, dtype=torch.int64)
    drop = measures.prob_drop(logits.cuda(), 2 * logits.cuda(), target.cuda())
    assert_close(drop, measures.prob_drop(logits, 2 * logits, target), rtol=1e-9)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_run(name):
    function = getattr(measures, name)
    scope = {each: getattr(measures, each) for each in measures.__all__} | {"torch": torch, "TokenLayout": TokenLayout}
    examples = doctest.DocTestParser().get_doctest(function.__doc__, scope, name, None, None)
    report = []
    result = doctest.DocTestRunner().run(examples, out=report.append)
    assert result.attempted or name == "check_attention", "no example in the docstring"
    assert not result.failed, "".join(report)


@pytest.mark.parametrize("name", [*FUNCTIONS, *names("spread")])
def test_every_measure_is_documented(name):
    text = (Path(__file__).parents[2] / "docs" / "definitions.md").read_text(encoding="utf-8")
    assert f"`{name}`" in text


def test_sources_are_in_the_bibliography():
    docs = Path(__file__).parents[2] / "docs"
    bibliography = (docs / "references.bib").read_text(encoding="utf-8")
    cited = set()
    for name in FUNCTIONS:
        source = (getattr(measures, name).__doc__ or "").partition("Source\n")[2].partition("Example\n")[0]
        cited |= set(re.findall(r"\b[a-z]+(?:19|20)\d\d[a-z]?\b", source))
    assert len(cited) > 5
    assert {key for key in cited if f"{{{key}," not in bibliography} == set()
