"""A plain encoder of any library as an Architecture: its list of layers, embedding and pooling are found by experiment.

What stands in front of the layers runs as the library wrote it, with a first layer that hands its tokens over; what
stands behind runs with layers that give the tokens to be pooled. Which token is which patch, and which tokens the
output reads, is proven on pixels and gradients.
Knows nothing about: names of libraries (a `Description` says the few things that no experiment tells).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters.library.calls import Call, pooled, same_calls, split_call
from vitscope.models.adapters.library.layer import LibraryBlock, agree
from vitscope.models.adapters.library.twins import found, leave, with_forwards
from vitscope.models.block import Block, Evaluation, Projections
from vitscope.models.tap import Tap, is_self_attention
from vitscope.tokens import TokenLayout

_IMAGES: Final = 2
"""Images of the experiments: what differs between them is made of the image."""


@dataclass(frozen=True)
class Description:
    """What no experiment tells about a module.

    Parameters
    ----------
    name: of the adapter, such as `transformers`.
    input_size: (channels, height, width) of its pixels.
    patch: (height, width) of a patch in pixels.
    prefix: names of so many tokens before the patches.
    resize: the module at another (height, width).
    classifier: path of the part that makes logits of pooled features; None = there is none. Of several paths the logits
        are the mean (DeiT with a teacher), and the features lie side by side.
    run: calls a module (or a copy of it) with pixels.
    output: takes the tensor [image, output] out of what that gave: logits, or pooled features without a classifier.
    """

    name: str
    input_size: tuple[int, int, int]
    patch: tuple[int, int]
    prefix: Callable[[int], tuple[str, ...]]
    resize: Callable[[int, int], nn.Module]
    classifier: str | tuple[str, ...] | None = None
    run: Callable[[nn.Module, Float[Tensor, "image color row col"]], Any] = lambda module, pixels: module(pixels)
    output: Callable[[Any], Float[Tensor, "image output"]] = pooled


class LibraryArchitecture:
    """See `vitscope.models.block.Architecture`.

    Raises
    ------
    UnsupportedModel: something that was to be proven does not hold, with what was seen.
    """

    def __init__(self, module: nn.Module, description: Description) -> None:
        self.module = module
        self.description = description
        self.adapter = description.name
        self.input_size = description.input_size
        paths = description.classifier
        self.classifiers = () if paths is None else (paths,) if isinstance(paths, str) else paths
        with Evaluation(module, gradients=True), torch.no_grad():
            pixels = self._noise()
            self.layer_paths = self._find_layers(pixels)
            entering, calls = self._calls(pixels)
            x = entering[0]
            self.width: int = x.shape[-1]
            self.tokens = self._layout(x.shape[1])
            self._prove_layout(pixels, x)
            self.blocks: Sequence[Block] = self._adapt_layers(entering, calls)
            self.n_classes = self._count_classes(x)
            self.reads = slice(0, self.tokens.n_tokens)
            self.reads = self._find_reads(x)

    def embed(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image token width"]:
        """The module up to its first layer."""
        tokens, _ = split_call(*self._left_at(self.layer_paths[0], self.module, pixels))
        return tokens

    def pool(self, tokens: Float[Tensor, "image read width"]) -> Float[Tensor, "image feature"]:
        """The module behind its layers, up to its classifier."""
        stubbed = self._behind_layers(tokens)
        blank = tokens.new_zeros(len(tokens), *self.input_size)
        if not self.classifiers:
            return self.description.output(self.description.run(stubbed, blank))
        calls = [self._left_at(path, stubbed, blank) for path in self.classifiers]
        return torch.cat([(*args, *kwargs.values())[0] for args, kwargs in calls], -1)

    def logits(self, features: Float[Tensor, "image feature"]) -> Float[Tensor, "image class"]:
        """The classifier, or the mean of several."""
        heads = [self.module.get_submodule(path) for path in self.classifiers]
        return torch.stack([head(x) for head, x in zip(heads, features.chunk(len(heads), -1), strict=True)]).mean(0)

    def reference(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image output"]:
        """The library's own forward."""
        return self.description.output(self.description.run(self.module, pixels))

    def resize(self, height: int, width: int) -> nn.Module:
        """The module at another input size, by the library's own rule."""
        return self.description.resize(height, width)

    def _noise(self) -> Float[Tensor, "image color row col"]:
        weight = next(self.module.parameters())
        generator = torch.Generator().manual_seed(0)
        return torch.randn(_IMAGES, *self.input_size, generator=generator, device="cpu").to(weight)

    def _left_at(self, path: str, module: nn.Module, pixels: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that the part at a path is called with."""
        end = found(lambda: self.description.run(with_forwards(module, {path: leave}), pixels))
        if end is None:
            raise self._refused(f"{path} was not reached in a forward")
        return end

    def _behind_layers(self, tokens: Float[Tensor, "image read width"]) -> nn.Module:
        """The module with layers that give these tokens, whatever enters them; tokens that are not read are 0."""
        whole = tokens.new_zeros(len(tokens), self.tokens.n_tokens, self.width)
        whole[:, self.reads] = tokens

        def gives(block: Any) -> Callable[..., Any]:
            return lambda *args, **kwargs: block.leaves_with(whole)

        return with_forwards(
            self.module, {path: gives(block) for path, block in zip(self.layer_paths, self.blocks, strict=True)}
        )

    def _find_layers(self, pixels: Tensor) -> list[str]:
        """Paths of the layers: entries of the list in which every entry computes one self-attention, in order."""
        seen: list[str] = []
        for path, part in self.module.named_modules():
            if path and isinstance(part, nn.ModuleList | nn.Sequential) and len(part):
                layers = [f"{path}.{name}" for name, _ in part.named_children()]
                order = self._attentions_in(layers, pixels)
                if order == layers:
                    return layers
                seen += [f"{path} has {len(order)} in {len(set(order))} of {len(layers)} entries"] if order else []
        raise self._refused(
            "it has no list of layers with one self-attention over all tokens in each"
            f" ({'; '.join(seen[:3]) or 'no attention was seen in any list'})"
        )

    def _attentions_in(self, layers: list[str], pixels: Tensor) -> list[str]:
        """In which of these parts self-attentions are computed, in order, one entry for each attention."""
        inside: list[str] = []
        order: list[str] = []

        def noted(path: str) -> Callable[..., Any]:
            part = self.module.get_submodule(path)

            def forward(*args: Any, **kwargs: Any) -> Any:
                inside.append(path)
                out = part.forward(*args, **kwargs)
                inside.pop()
                return out

            return forward

        def see(projections: Projections) -> None:
            if inside and is_self_attention(projections):
                order.append(inside[-1])

        with Tap(len(pixels), see):
            self.description.run(with_forwards(self.module, {path: noted(path) for path in layers}), pixels)
        return order

    def _calls(self, pixels: Tensor) -> tuple[list[Float[Tensor, "image token width"]], list[Call]]:
        """The tokens that enter each layer, and how it is called; arguments made of the image are refused."""
        tokens, _ = self._calls_of(pixels)
        _, calls = self._calls_of(pixels[:1])
        _, others = self._calls_of(pixels[1:])
        for path, one, other in zip(self.layer_paths, calls, others, strict=True):
            if not same_calls(one, other):
                raise self._refused(
                    f"its {path} gets something beside the tokens that depends on the image (a mask, or the place of "
                    "padding)"
                )
        return tokens, calls

    def _calls_of(self, pixels: Tensor) -> tuple[list[Float[Tensor, "image token width"]], list[Call]]:
        tokens: list[Tensor] = []
        calls: list[Call] = []

        def noted(path: str) -> Callable[..., Any]:
            part = self.module.get_submodule(path)

            def forward(*args: Any, **kwargs: Any) -> Any:
                x, call = split_call(args, kwargs)
                tokens.append(x)
                calls.append(call)
                return part.forward(*args, **kwargs)

            return forward

        self.description.run(with_forwards(self.module, {path: noted(path) for path in self.layer_paths}), pixels)
        if tokens[0].ndim != 3 or len(tokens[0]) != len(pixels):
            raise self._refused(
                f"its layers get tokens {list(tokens[0].shape)} of {len(pixels)} images, expected [image, token, width]"
            )
        return tokens, calls

    def _layout(self, n_tokens: int) -> TokenLayout:
        (_, height, width), (patch_height, patch_width) = self.input_size, self.description.patch
        rows, cols = height // patch_height, width // patch_width
        n_prefix = n_tokens - rows * cols
        if n_prefix < 0:
            raise self._refused(f"{n_tokens} tokens for {rows} x {cols} patches, expected at least one for each")
        return TokenLayout(self.description.prefix(n_prefix), rows, cols, self.description.patch)

    def _prove_layout(self, pixels: Tensor, x: Tensor) -> None:
        """Change the pixels of one patch: its token must change, and no other."""
        rows, cols, (height, width) = self.tokens.rows, self.tokens.cols, self.tokens.patch
        for row, col in {(0, 0), (0, cols - 1), (rows - 1, 0), (rows - 1, cols - 1), (rows // 2, cols // 2)}:
            other = pixels.clone()
            other[..., row * height : (row + 1) * height, col * width : (col + 1) * width] += 1
            changed = (self.embed(other) != x).any(-1).any(0).nonzero().flatten().tolist()
            expected = self.tokens.n_prefix + row * cols + col
            if changed != [expected]:
                what = f"tokens {changed[:4]}" if changed else "no token"
                raise self._refused(
                    f"patch {row},{col} of its image changes {what}, expected token {expected} alone "
                    f"({self.tokens.n_prefix} tokens before the patches, {rows} x {cols} patches, row by row)"
                )

    def _adapt_layers(self, entering: list[Float[Tensor, "image token width"]], calls: list[Call]) -> list[Block]:
        """The layers as blocks; each must make the tokens that the library gives to the next."""
        blocks: list[Block] = []
        for i, (path, call) in enumerate(zip(self.layer_paths, calls, strict=True)):
            blocks.append(LibraryBlock(self.module.get_submodule(path), call, entering[i], path))
            if i and not agree(blocks[i - 1](entering[i - 1]), entering[i]):
                raise self._refused(f"something is done to the tokens between {self.layer_paths[i - 1]} and {path}")
        return blocks

    def _count_classes(self, x: Tensor) -> int | None:
        if not self.classifiers:
            return None
        self.reads = slice(0, x.shape[1])
        logits = self.logits(self.pool(x))
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            raise self._refused(f"its {self.classifiers[0]} makes no logits [image, class]")
        return logits.shape[1]

    def _find_reads(self, x: Tensor) -> slice:
        """The tokens that the pooled output has a gradient to: from the first to the last of them."""
        with torch.enable_grad():
            tokens = torch.randn_like(x, requires_grad=True)
            pooled = self.pool(tokens)
            if not pooled.requires_grad:
                return self.reads
            (gradient,) = torch.autograd.grad(pooled.double().square().sum(), tokens)
        used = (gradient != 0).any(-1).any(0).nonzero().flatten()
        if not len(used):
            raise self._refused("its output does not depend on what leaves its layers")
        return slice(int(used[0]), int(used[-1]) + 1)

    def _refused(self, reason: str) -> UnsupportedModel:
        return UnsupportedModel(
            f"cannot adapt this {type(self.module).__name__}: {reason}",
            "Only plain encoders (one grid of patches, global attention) can be taken apart; see docs/models.md.",
        )
