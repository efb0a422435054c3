"""Sees every attention that is computed in this thread for the time of a `with`, and may replace its result.

A torch function mode stands in the place of `scaled_dot_product_attention`, of `multi_head_attention_forward`
(torch.nn.MultiheadAttention) and of a softmax whose result is then multiplied with values. No hook, no config, no flag
of the model is set. Checked against each library's own attention matrices in tests.
Knows nothing about: layers, libraries.
"""

import inspect
from collections.abc import Callable
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from vitscope.errors import UnsupportedModel
from vitscope.models.block import Projections, join_heads, split_heads

_PRODUCTS: Final = (torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm)
_SOFTMAXES: Final = (F.softmax, torch.softmax, Tensor.softmax)
_SAME: Final = (F.dropout, torch.dropout, Tensor.to, Tensor.type, Tensor.type_as, Tensor.contiguous, Tensor.float)
"""What may happen to the weights between softmax and product; dropout does nothing in evaluation mode."""
_MULTI_HEAD: Final = inspect.signature(F.multi_head_attention_forward)

Use = Callable[[Projections], Float[Tensor, "image head query channel"] | None]


def is_self_attention(projections: Projections) -> bool:
    """Whether there are as many queries as keys: a pooling query looks at all tokens and is none of them."""
    return projections.q.shape[-2] == projections.v.shape[-2]


class Tap(TorchFunctionMode):
    """Calls `use` with the projections of each attention; z [image, head, query, channel] that it returns is used.

    Parameters
    ----------
    images: how many images run; needed where a library joins the axes of images and heads.
    use: gets q (scaled), k, v and bias. Where only a softmax is seen q and k are 0 and all of q k^T is in the bias.
    """

    def __init__(self, images: int, use: Use) -> None:
        super().__init__()
        self.images = images
        self.use = use
        self.scores: Tensor | None = None
        self.weights: Tensor | None = None
        self.unused: list[tuple[int, ...]] = []
        """Shapes of softmaxes over the last of 3 or 4 axes that were not seen to be multiplied with values."""

    def __exit__(self, *error: Any) -> None:
        self._let_go()
        super().__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """See torch.overrides.TorchFunctionMode."""
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self._scaled(func, args, kwargs)
        if func is F.multi_head_attention_forward:
            return self._multi_head(func, _MULTI_HEAD.bind(*args, **kwargs))
        if func in _PRODUCTS and self.weights is not None and args[0] is self.weights:
            return self._product(func, args, kwargs)
        out = func(*args, **kwargs)
        if func in _SOFTMAXES and out.ndim in (3, 4) and _dim(args, kwargs) in (-1, out.ndim - 1):
            self._let_go()
            self.scores, self.weights = (kwargs.get("input", args[0] if args else None), out)
        elif func in _SAME and self.weights is not None and args and args[0] is self.weights:
            self.weights = out
        return out

    def _let_go(self) -> None:
        """Nothing took the softmax of before for its weights."""
        if self.weights is not None:
            self.unused.append(tuple(self.weights.shape))
        self.scores = self.weights = None

    def _scaled(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """Torch's scaled_dot_product_attention; with three axes those of images and heads are joined."""
        given = _fused(*args, **kwargs)
        joined = given.v.ndim == 3 and len(given.v) % self.images == 0
        if joined:
            q, k, v = (t.unflatten(0, (self.images, -1)) for t in given[:3])
            bias = given.bias
            given = Projections(
                q, k, v, bias.unflatten(0, (self.images, -1)) if bias is not None and bias.ndim == 3 else bias
            )
        z = self.use(given)
        if z is None:
            return func(*args, **kwargs)
        return z.flatten(0, 1) if joined else z

    def _product(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """The softmax of before was an attention's: it is multiplied with values."""
        assert self.scores is not None
        scores, values = self.scores, args[1] if len(args) > 1 else next(iter(kwargs.values()))
        self.scores = self.weights = None
        joined = values.ndim == 3  # [image * head, token, channel], as torch.bmm takes it
        bias, v = (t.unflatten(0, (self.images, -1)) if t.ndim == 3 else t for t in (scores, values))
        q, k = (v.new_zeros(*bias.shape[:2], n, 1) for n in bias.shape[2:])
        z = self.use(Projections(q, k, v, bias))
        if z is None:
            return func(*args, **kwargs)
        return z.flatten(0, 1) if joined else z

    def _multi_head(self, func: Any, call: inspect.BoundArguments) -> Any:
        """torch.nn.MultiheadAttention: [token, image, width] in and out, projections inside."""
        call.apply_defaults()
        given = call.arguments
        query = given["query"]
        if not (query is given["key"] is given["value"]) or query.ndim != 3:
            return func(*call.args, **call.kwargs)  # a pooling query: not a layer's attention
        odd = [name for name in ("bias_k", "static_k", "key_padding_mask") if given[name] is not None]
        odd += [name for name in ("add_zero_attn", "use_separate_proj_weight", "is_causal") if given[name]]
        if odd:
            raise UnsupportedModel(
                f"cannot see the attention of a MultiheadAttention with {', '.join(odd)}: expected it plain",
                "Build it without, if the weights allow.",
            )
        heads = given["num_heads"]
        packed = F.linear(query, given["in_proj_weight"], given["in_proj_bias"])
        q, k, v = (split_heads(part.transpose(0, 1), heads) for part in packed.chunk(3, -1))
        bias = _bias(given["attn_mask"])
        if bias is not None:
            bias = bias.unflatten(0, (-1, heads)) if bias.ndim == 3 else bias[None, None]
        z = self.use(Projections(q * q.shape[-1] ** -0.5, k, v, bias))
        if z is None:
            return func(*call.args, **call.kwargs)
        out = F.linear(join_heads(z).transpose(0, 1), given["out_proj_weight"], given["out_proj_bias"])
        return out, None


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Projections:
    """The arguments of torch's scaled_dot_product_attention, by its own names."""
    if is_causal and query.shape[-2] > 1:
        raise UnsupportedModel(
            "cannot see this attention: it is causal, as of a text model, so a token does not see all others",
            "Give the image encoder alone.",
        )
    groups = query.shape[-3] // key.shape[-3] if enable_gqa else 1
    k, v = (t.repeat_interleave(groups, -3) if groups > 1 else t for t in (key, value))
    return Projections(query * (query.shape[-1] ** -0.5 if scale is None else scale), k, v, _bias(attn_mask))


def _bias(mask: Tensor | None) -> Tensor | None:
    if mask is None or mask.dtype != torch.bool:
        return mask
    if bool(mask.all()):
        return None
    raise UnsupportedModel(
        "cannot see this attention: some keys are masked out, so tokens do not all see each other",
        "Models that pad or pack their images are not supported.",
    )


def _dim(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    return kwargs.get("dim", args[1] if len(args) > 1 else None)
