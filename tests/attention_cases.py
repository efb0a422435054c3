"""Token layouts with awkward sizes, and seeded attention for them."""

import torch

from vitscope.tokens import TokenLayout

REGISTERS = ("reg1", "reg2", "reg3", "reg4")
LAYOUTS = {
    "no prefix, 3 x 5": TokenLayout(prefix=(), rows=3, cols=5, patch=(7, 11)),
    "cls, 5 x 2": TokenLayout(prefix=("cls",), rows=5, cols=2, patch=(16, 16)),
    "cls and dist, 2 x 3": TokenLayout(prefix=("cls", "dist"), rows=2, cols=3, patch=(13, 5)),
    "cls and registers, 3 x 2": TokenLayout(prefix=("cls", *REGISTERS), rows=3, cols=2, patch=(14, 14)),
    "registers before cls, 1 x 7": TokenLayout(prefix=("reg1", "cls"), rows=1, cols=7, patch=(3, 2)),
    "registers only, 3 x 3": TokenLayout(prefix=REGISTERS, rows=3, cols=3, patch=(8, 8)),
}


def random_attention(*lead, tokens, seed=0, dtype=torch.float64, sharpness=2.0):
    """[*lead, query, key]: softmax of Gaussian scores; with sharpness 2 some keys get nearly everything."""
    generator = torch.Generator().manual_seed(seed)
    shape = (*lead, tokens.n_tokens, tokens.n_tokens)
    return (sharpness * torch.randn(shape, generator=generator, dtype=torch.float64)).softmax(-1).to(dtype)
