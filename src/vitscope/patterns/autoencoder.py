"""A small convolutional autoencoder of attention matrices at the common size: codes of a few numbers, and back.

It reads two views of a matrix, the common matrix with its place taken out (`centring`) and the view by relative offset,
both as square roots: squared differences of square roots are Hellinger distances between rows, so one sharp row does
not outweigh all soft ones. Training starts from the best linear code (PCA), which the convolutions then bend.
Knows nothing about: models, files, token layouts, clusters.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from vitscope.patterns.centring import PREFIX, move, shifts
from vitscope.patterns.common import GRID, OFFSETS, SIDE

LATENT = 24
"""Numbers a matrix is squeezed into."""

WIDTH = 32
"""Channels of the convolutions."""

EPOCHS = 14
PATIENCE = 2
BATCH = 128
RATE = 1e-3
SLOWER = 0.01
"""Rate of the linear maps, which start from the principal components, as a share of that of the convolutions."""

START_AT_MOST = 2000
"""Matrices that the principal components are taken from."""

Progress = Callable[[int, int], object]


class Autoencoder(nn.Module):
    """Encoder and decoder, each a linear map plus convolutions that start at 0.

    A convolution over the raw 66 x 66 picture would call two cells neighbours that are a row of the image apart. Here
    every convolution runs over an 8 x 8 grid of the image, with the cells of the other side as its channels: once over
    the keys of each query cell, once over the queries of each key cell.
    """

    def __init__(self, latent: int = LATENT) -> None:
        super().__init__()
        cells = GRID * GRID
        self.by_query, self.by_key = (_grid_encoder(cells) for _ in range(2))
        self.by_offset = nn.Sequential(_halving(1, WIDTH // 2), _halving(WIDTH // 2, WIDTH), nn.Flatten())
        self.bend = _zero(nn.Linear(3 * WIDTH * 16, latent))
        self.squeeze = nn.Linear(SIDE * SIDE + OFFSETS * OFFSETS, latent)
        self.grow = nn.Linear(latent, 3 * WIDTH * 16)
        self.to_query, self.to_key = (_grid_decoder(cells) for _ in range(2))
        self.to_offset = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, WIDTH // 2, 4, stride=2, padding=1),
            nn.GELU(),
            _zero(nn.ConvTranspose2d(WIDTH // 2, 1, 3, stride=2, padding=1)),
        )
        self.spread = nn.Linear(latent, SIDE * SIDE + OFFSETS * OFFSETS)
        self.gain = nn.Buffer(torch.ones(latent))

    def encode(
        self, roots: Float[Tensor, "matrix 66 66"], offsets: Float[Tensor, "matrix 15 15"]
    ) -> Float[Tensor, "matrix latent"]:
        """Codes of the square roots of the two views."""
        patches = roots[:, PREFIX:, PREFIX:] * GRID
        seen = (
            self.by_query(patches.unflatten(2, (GRID, GRID))),
            self.by_key(patches.mT.unflatten(2, (GRID, GRID))),
            self.by_offset(offsets[:, None] * GRID),
        )
        return self.squeeze(_joined(roots, offsets)) + self.bend(torch.cat(seen, 1))

    def decode(
        self, codes: Float[Tensor, "matrix latent"]
    ) -> tuple[Float[Tensor, "matrix 66 66"], Float[Tensor, "matrix 15 15"]]:
        """Square roots of the two views; not cut at 0."""
        matrix, offset = self.spread(codes).split((SIDE * SIDE, OFFSETS * OFFSETS), 1)
        query, key, near = gelu(self.grow(codes * self.gain)).unflatten(1, (3, WIDTH, 4, 4)).unbind(1)
        patches = self.to_query(query).flatten(2) + self.to_key(key).flatten(2).mT
        bent = nn.functional.pad(patches, (PREFIX, 0, PREFIX, 0))
        return matrix.unflatten(1, (SIDE, SIDE)) + bent, offset.unflatten(1, (OFFSETS,) * 2) + self.to_offset(near)[
            :, 0
        ]


def _halving(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.GELU())


def _grid_encoder(cells: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(cells, WIDTH, 3, padding=1), nn.GELU(), _halving(WIDTH, WIDTH), nn.Flatten())


def _grid_decoder(cells: int) -> nn.Sequential:
    grow = nn.ConvTranspose2d(WIDTH, WIDTH, 4, stride=2, padding=1)
    return nn.Sequential(grow, nn.GELU(), _zero(nn.Conv2d(WIDTH, cells, 3, padding=1)))


def _zero(layer: nn.Module) -> nn.Module:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _joined(roots: Tensor, offsets: Tensor) -> Tensor:
    return torch.cat([roots.flatten(1), offsets.flatten(1)], 1)


@dataclass(frozen=True)
class Trained:
    """A trained autoencoder and how the training went."""

    network: Autoencoder
    device: str
    losses: tuple[float, ...]
    """Loss on the held-out part, before training (PCA) and after each epoch; kept is the network of the smallest."""


def train(
    matrices: np.ndarray,
    offsets: np.ndarray,
    fit: np.ndarray,
    held_out: np.ndarray,
    *,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Trained:
    """Train on the rows `fit`, stop early on the rows `held_out`, keep the best epoch.

    Parameters
    ----------
    matrices, offsets: float16 [m, 66, 66] and [m, 15, 15]; of all of them, only a batch at a time is widened.
    fit, held_out: row numbers without a common member; without held-out rows the loss on `fit` is watched.
    progress: called with (epochs done, epochs at most).

    The same seed, device and number of threads give the same network.
    """
    cuda = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        network = Autoencoder().to(device)
        _start_linear(network, *views(matrices, offsets, fit[:START_AT_MOST], device)[:2])
    linear = [*network.squeeze.parameters(), *network.spread.parameters()]
    bending = [p for p in network.parameters() if not any(p is other for other in linear)]
    optimizer = torch.optim.AdamW([{"params": bending, "lr": RATE}, {"params": linear, "lr": RATE * SLOWER}])
    batches = -(-len(fit) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [RATE, RATE * SLOWER], EPOCHS * batches, pct_start=0.3)
    order = np.random.default_rng(seed)
    watched = held_out if len(held_out) else fit
    losses = [_watched_loss(network, matrices, offsets, watched, device)]
    best = copy.deepcopy(network.state_dict())
    for epoch in range(EPOCHS):
        network.train()
        for rows in np.array_split(order.permutation(fit), batches):
            optimizer.zero_grad(set_to_none=True)
            _loss(network, *views(matrices, offsets, rows, device)[:2]).backward()
            optimizer.step()
            schedule.step()
        losses.append(_watched_loss(network, matrices, offsets, watched, device))
        if losses[-1] == min(losses):
            best = copy.deepcopy(network.state_dict())
        stop = len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE
        if progress is not None:
            progress(EPOCHS if stop else epoch + 1, EPOCHS)
        if stop:
            break
    network.load_state_dict(best)
    return Trained(network.eval(), device, tuple(losses))


@torch.no_grad()
def _start_linear(network: Autoencoder, roots: Tensor, offsets: Tensor) -> None:
    """Set the linear maps to the principal components under the loss: the best linear code."""
    weight = torch.ones(SIDE * SIDE + OFFSETS * OFFSETS, device=roots.device)
    weight[: SIDE * SIDE] = 1 / math.sqrt(SIDE)
    seen = _joined(roots, offsets)
    middle = seen.mean(0)
    n = min(LATENT, len(seen))
    _, _, axes = torch.svd_lowrank((seen - middle) * weight, q=min(n + 8, len(seen)), niter=4)
    axes = axes[:, :n]
    network.squeeze.weight.zero_()
    network.spread.weight.zero_()
    network.squeeze.weight[:n] = axes.T * weight
    network.squeeze.bias.copy_(-network.squeeze.weight @ middle)
    network.spread.weight[:, :n] = axes / weight[:, None]
    network.spread.bias.copy_(middle)
    spread = network.squeeze(seen).std(0, correction=0)
    network.gain.copy_(1 / spread.clamp_min(1e-3))


def views(
    matrices: np.ndarray, offsets: np.ndarray, rows: np.ndarray, device: str
) -> tuple[Float[Tensor, "row 66 66"], Float[Tensor, "row 15 15"], Tensor]:
    """What the network reads of some rows: roots of the centred matrix and of the offset view; and how far it moved."""
    matrix, offset = (torch.from_numpy(view[rows]).to(device).float().clamp_min(0) for view in (matrices, offsets))
    by = shifts(matrix)
    return move(matrix.sqrt(), by), offset.sqrt(), by


def _loss(network: Autoencoder, matrix: Tensor, offset: Tensor) -> Tensor:
    """Squared error of the roots a row of the matrix, plus that of the offset view (one row more, of weight 1)."""
    again, offset_again = network.decode(network.encode(matrix, offset))
    return ((again - matrix).square().sum((1, 2)) / SIDE + (offset_again - offset).square().sum((1, 2))).mean()


@torch.inference_mode()
def _watched_loss(
    network: Autoencoder, matrices: np.ndarray, offsets: np.ndarray, rows: np.ndarray, device: str
) -> float:
    network.eval()
    total = 0.0
    for part in _parts(rows):
        total += float(_loss(network, *views(matrices, offsets, part, device)[:2])) * len(part)
    return total / len(rows)


@torch.inference_mode()
def encode(trained: Trained, matrices: np.ndarray, offsets: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """Codes float32 [m, latent] of all matrices, a batch at a time."""
    codes = np.empty((len(matrices), LATENT), np.float32)
    for rows in _parts(np.arange(len(matrices))):
        codes[rows] = trained.network.encode(*views(matrices, offsets, rows, trained.device)[:2]).cpu().numpy()
        if progress is not None:
            progress(int(rows[-1]) + 1, len(matrices))
    return codes


@torch.inference_mode()
def decode(trained: Trained, codes: np.ndarray) -> Tensor:
    """Square roots of common matrices with their place taken out, float32 [m, 66, 66], of codes [m, latent]."""
    given = torch.from_numpy(np.ascontiguousarray(codes, np.float32)).to(trained.device)
    return trained.network.decode(given)[0].clamp_min(0)


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + 4 * BATCH] for start in range(0, len(rows), 4 * BATCH)]
