"""A proof that can fail: wrong adapters are refused or said to be not proven, also where the output hardly tells."""

import pytest
import torch
from tests.zoo import make
from torch import nn

import vitscope
from vitscope.errors import ParityError
from vitscope.models.adapters.adapting import adapt
from vitscope.models.adapters.timm_vit import ViTBlock
from vitscope.models.parity import parity
from vitscope.models.proof import prove

attend = ViTBlock.attend
branch = ViTBlock.branch


def faint(attention: float = 1e-5, mlp: float = 1e-5, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A model whose blocks hardly change its tokens."""
    module = make("registers, LayerScale, q/k norm", dtype)
    for block in module.blocks:
        block.ls1.gamma.data *= attention
        block.ls2.gamma.data *= mlp
    return module


def mute() -> nn.Module:
    """A model with a classifier of zeros, as some libraries make it before training."""
    module = make("plain")
    nn.init.zeros_(module.head.weight)
    return module


def reversed_queries(block, x):
    p = attend(block, x)
    return p._replace(q=p.q.flip(-2))


@pytest.mark.parametrize("model", [faint, mute], ids=["LayerScale of 1e-5", "classifier of zeros"])
def test_queries_in_the_wrong_order_are_refused_where_the_output_does_not_tell(model, monkeypatch):
    module = model()
    monkeypatch.setattr(ViTBlock, "attend", reversed_queries)
    assert parity(adapt(module)) < 1e-4  # of the output alone: it passes
    with pytest.raises(ParityError, match="the attention of layer 0"):
        vitscope.wrap(module)


def test_a_wrong_projection_is_refused_where_the_output_does_not_tell(monkeypatch):
    monkeypatch.setattr(ViTBlock, "branch", lambda block, x, z: 1.5 * branch(block, x, z))
    with pytest.raises(ParityError, match="layer 0, as .*, changes its tokens by something else"):
        prove(adapt(mute()), "mute")


class ByHand(nn.Module):
    """timm's attention computed where no tap sees it: no softmax of torch's is called."""

    def __init__(self, attn) -> None:
        super().__init__()
        self.attn = attn

    def forward(self, x, **_):
        a = self.attn
        q, k, v = (t.unflatten(-1, (a.num_heads, -1)).transpose(1, 2) for t in a.qkv(x).chunk(3, -1))
        e = (a.q_norm(q) * a.scale @ a.k_norm(k).mT).exp()
        return a.proj((e / e.sum(-1, keepdim=True) @ v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize(("mlp", "reason"), [(1e-18, "less than their last digits"), (1, "hardly changes its tokens")])
def test_what_neither_output_nor_tap_tells_is_not_proven(mlp, reason):
    module = faint(1e-18, mlp, torch.float64)
    architecture = adapt(module)
    for block in module.blocks:
        block.attn = ByHand(block.attn)
    proof = prove(architecture, "faint")
    assert proof.attention == (None, None, None)
    assert [reason in sentence for sentence in proof.unproven] == [True, True, True, False]
    assert "same for any picture" in proof.unproven[3]


def test_a_classifier_of_zeros_is_said():
    assert vitscope.wrap(mute()).proof.unproven == ("the output is the same for any picture (a classifier of zeros?)",)
    assert vitscope.wrap(make("plain")).proof.unproven == ()


def test_every_block_is_proven():
    proof = vitscope.wrap(make("BEiT")).proof
    assert max(proof.blocks) < 1e-12
    assert max(proof.attention) < 1e-12
