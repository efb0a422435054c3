"""One layer of any library as a Block: what its attention is, and where its second half begins, found by experiment.

The library's own layer does all the work, on shallow copies that share its parameters. q, k and v are caught where
attention is computed. z goes through the library's own output projection; the layer then runs with its attention
replaced by that. Nothing is known by name, so LayerScale, gates and norms need no name either.
Knows nothing about: whole models, names of libraries.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters.library.calls import Call, first, in_form, n_beside
from vitscope.models.adapters.library.twins import Leave, found, leave, with_forwards
from vitscope.models.block import Projections, attention_weights, head_outputs, join_heads, per_head_weight
from vitscope.models.tap import Tap

ALIKE = 1e-4
"""Relative difference up to which two ways of computing the same tensor agree, in float32."""


class _Step(NamedTuple):
    """One call of a part of the layer: which, its first argument, what it gave, the attentions computed inside."""

    name: str
    given: Any
    out: Any
    attentions: list[Projections]


class LibraryBlock:
    """A layer that is attention, then a residual sum, then anything that works token by token.

    Parameters
    ----------
    layer: the library's own.
    call: how the library calls it.
    x: tokens of some images that enter it.

    Raises
    ------
    UnsupportedModel: it is not built like that, with what was looked for.
    """

    def __init__(self, layer: nn.Module, call: Call, x: Float[Tensor, "image token width"], where: str) -> None:
        self.layer = layer
        self.call = call
        self.where = where
        steps = self._steps(layer, x)
        inside = [step for step in steps if step.attentions]
        if len(inside) != 1 or len(inside[0].attentions) != 1:
            raise self._refused(f"{sum(len(step.attentions) for step in inside)} attentions in one part, expected one")
        self.attention, self._beside_attention = inside[0].name, n_beside(inside[0].out)
        projections = inside[0].attentions[0]
        self.n_heads: int = projections.v.shape[1]
        self._beside = n_beside(call(layer, x))
        self.projection = self._find_projection(projections, first(inside[0].out))
        self.second_half, self.occurrence = self._find_second_half(x)
        empty = self._branch_of(torch.zeros_like(x[:1, :1]))
        self.offset = empty if bool(empty.abs().max() > 0) else None
        self.linear_in_z = self._is_linear(x)

    def attend(self, x: Float[Tensor, "image token width"]) -> Projections:
        """q, k, v as the layer makes them: it runs until attention is computed."""

        def caught(projections: Projections) -> None:
            raise Leave(projections)

        with Tap(len(x), caught):
            projections = found(lambda: self.call(self.layer, x))
        assert projections is not None, "an attention was seen when the layer was adapted"
        return projections

    def branch(
        self, x: Float[Tensor, "image token width"], z: Float[Tensor, "image head token channel"]
    ) -> Float[Tensor, "image token width"]:
        """What attention adds: the layer on tokens of 0 up to its second half, with z projected as its attention."""
        return self._branch_of(self.projection(join_heads(z)))

    def output_weight(self) -> Float[Tensor, "head channel width"]:
        """Projection weight per head times what stands between it and the residual sum."""
        one = next(self.layer.parameters()).new_ones(1, 1, self.output_width)
        scale = self._branch_of(one)
        scale = scale if self.offset is None else scale - self.offset
        return per_head_weight(self.projection, self.n_heads, scale[0, 0])

    def mlp(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The second half: the layer with an attention that adds nothing."""
        x = x if self.offset is None else x - self.offset
        return first(self.call(self._with_attention(torch.zeros_like(x)), x))

    def __call__(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The library's own layer."""
        return first(self.call(self.layer, x))

    def leaves_with(self, tokens: Tensor) -> Any:
        """`tokens` in the form in which this layer gives its own."""
        return in_form(tokens, self._beside)

    def _with_attention(self, out: Tensor, more: dict[str, Callable[..., Any]] | None = None) -> Any:
        """The layer with an attention that gives `out`, whatever it is asked."""
        replaced = {self.attention: lambda *args, **kwargs: in_form(out, self._beside_attention)}
        return with_forwards(self.layer, replaced | (more or {}))

    def _branch_of(self, out: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """What enters the second half when tokens of 0 get `out` from attention."""
        return self._enters_second_half(torch.zeros_like(out), out)

    def _enters_second_half(self, x: Tensor, out: Tensor) -> Tensor:
        seen = 0

        def part(*args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen > self.occurrence:
                leave(*args, **kwargs)
            return self.layer.get_submodule(self.second_half).forward(*args, **kwargs)

        end = found(lambda: self.call(self._with_attention(out, {self.second_half: part}), x))
        if end is None:
            raise self._refused("its second half was not reached again")
        return _first_tensor(*end)

    def _steps(self, layer: nn.Module, x: Tensor) -> list[_Step]:
        """Run a layer (or a copy of it) and note the calls of its own parts, in order."""
        steps: list[_Step] = []
        pending: list[list[Projections]] = [[]]

        def noted(name: str, part: nn.Module) -> Callable[..., Any]:
            def forward(*args: Any, **kwargs: Any) -> Any:
                pending.append([])
                out = part.forward(*args, **kwargs)
                steps.append(_Step(name, _first_tensor(args, kwargs), out, pending.pop()))
                return out

            return forward

        def see(projections: Projections) -> None:
            pending[-1].append(projections)

        parts = {name: noted(name, part) for name, part in layer.named_children()}
        with Tap(len(x), see):
            self.call(with_forwards(layer, parts), x)
        if pending[0]:
            raise self._refused("attention computed by the layer itself, expected in a part of it")
        return steps

    def _find_projection(self, projections: Projections, wanted: Tensor) -> nn.Module:
        """The part of the attention module that makes its output of the heads' outputs side by side."""
        joined = join_heads(head_outputs(attention_weights(projections), projections.v))
        self.output_width: int = wanted.shape[-1]
        for _, part in self.layer.get_submodule(self.attention).named_modules():
            try:
                made = part(joined)
            except Exception:  # noqa: S112 - parts that read something else raise anything
                continue
            if isinstance(made, Tensor) and made.shape == wanted.shape and agree(made, wanted):
                return part
        raise self._refused("no part of its attention that makes its output of the heads' outputs alone")

    def _find_second_half(self, x: Tensor) -> tuple[str, int]:
        """The first part called after attention whose input is the tokens plus something that does not depend on them.

        Found with tokens of three kinds and one output of attention; it is left at its n-th call.
        """
        out = torch.linspace(-1, 2, x.shape[-1]).to(x).expand_as(x)
        layer = self._with_attention(out)
        kinds = (x, 0.5 * x.flip(1), torch.zeros_like(x))
        runs = [self._steps(layer, tokens) for tokens in kinds]
        names = [step.name for step in runs[0]]
        for i in range(names.index(self.attention) + 1, len(names)):
            given = [run[i].given for run in runs]
            if not isinstance(given[0], Tensor) or given[0].shape != x.shape:
                continue
            if all(agree(given[0] - given[k], x - kinds[k]) for k in (1, 2)):
                return names[i], names[:i].count(names[i])
        raise self._refused("no part after attention that reads the residual sum (tokens + attention) alone")

    def _is_linear(self, x: Tensor) -> bool:
        """Whether what stands between projection and residual sum is one factor for each channel."""
        offset = 0 if self.offset is None else self.offset
        scale = self._branch_of(torch.ones_like(x[:1, :1])) - offset
        some = torch.linspace(-1, 2, x.shape[-1]).to(x).roll(3) * torch.tensor([1.0, -2.5]).to(x)[:, None]
        return all(agree(self._branch_of(out[None, None]) - offset, scale * out) for out in some)

    def _refused(self, reason: str) -> UnsupportedModel:
        return UnsupportedModel(
            f"cannot adapt this model: its {self.where}, a {type(self.layer).__name__}, has {reason}",
            "Only plain Transformer layers (attention, residual sum, MLP) can be taken apart; see docs/models.md.",
        )


def _first_tensor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return next((value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), None)


def agree(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal up to rounding in their type, relative to the largest value."""
    eps = torch.finfo(one.dtype).eps
    limit = 1e-9 if one.dtype == torch.float64 else max(ALIKE, 8 * eps)
    return float((one - other).abs().max()) <= limit * float(other.abs().max())
