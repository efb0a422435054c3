"""Train the bundled demo model: timm's VisionTransformer, 6 layers, 4 heads, width 96, on Fashion-MNIST.

    python training/train_demo.py DATA_DIR --work WORK_DIR            # Debian: apt install dataset-fashion-mnist,
                                                                      # DATA_DIR = /usr/share/datasets/fashion-mnist
DATA_DIR holds the four IDX files (gzipped or not). WORK_DIR receives checkpoint.pt (written after every epoch: run the
same command again to go on after an interruption) and log.csv. `training/pack_demo.py` makes the bundled files of it.
Recipe: AdamW, a cosine schedule that lands linearly, label smoothing, flips, in the first phase shifts too; bfloat16
autocast with unfused attention (on CPUs with bfloat16 units twice as fast as float32, and as fused attention, whose
backward pass is slow there). PHASES drop fewer and fewer patches (token dropping): two CPU cores are enough.
"""

import argparse
import csv
import gzip
import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.models.vision_transformer import VisionTransformer  # noqa: E402 - needs the line above

ARCHITECTURE = {
    "img_size": 28,
    "patch_size": 2,
    "in_chans": 1,
    "num_classes": 10,
    "embed_dim": 96,
    "depth": 6,
    "num_heads": 4,
}
MEAN, STD = 0.2860, 0.3530  # of the 60 000 training images
PEAK_RATE, COSINE_EPOCHS, WARM_EPOCHS = 2e-3, 20, 1


class Phase(NamedTuple):
    """Some epochs with the same share of patches dropped and the same augmentation."""

    epochs: int
    drop: float
    shift: int  # largest random shift, pixels


PHASES = (Phase(9, 0.7, 2), Phase(6, 0.5, 0), Phase(3, 0.0, 0))
EPOCHS = sum(phase.epochs for phase in PHASES)


def read_idx(folder: Path, stem: str) -> np.ndarray:
    """Read one IDX file (unsigned bytes), gzipped or not."""
    path = next((p for p in (folder / f"{stem}.gz", folder / stem) if p.exists()), None)
    if path is None:
        raise SystemExit(f"cannot read Fashion-MNIST: no {stem} or {stem}.gz in {folder}")
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    n_axes = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(n_axes)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def load_split(folder: Path, split: str) -> tuple[Tensor, Tensor]:
    """Return images uint8 [image, row, col] and labels int64 [image]; split is `train` or `t10k`."""
    images = torch.from_numpy(read_idx(folder, f"{split}-images-idx3-ubyte").copy())
    labels = torch.from_numpy(read_idx(folder, f"{split}-labels-idx1-ubyte").astype(np.int64))
    return images, labels


def normalise(images: Tensor) -> Tensor:
    """uint8 [image, row, col] -> float [image, 1, row, col] as the model reads it."""
    return ((images.float() / 255 - MEAN) / STD)[:, None]


def augment(images: Tensor, largest: int, generator: torch.Generator) -> Tensor:
    """Random horizontal flip, and a random shift of up to `largest` pixels."""
    n, size = len(images), images.shape[-1]
    flip = torch.rand(n, generator=generator) < 0.5
    images = torch.where(flip[:, None, None, None], images.flip(-1), images)
    if largest == 0:
        return images
    shift = torch.randint(-largest, largest + 1, (n, 2), generator=generator)
    padded = nn.functional.pad(images, (largest,) * 4, value=-MEAN / STD)
    rows = torch.arange(size) + largest + shift[:, :1]
    cols = torch.arange(size) + largest + shift[:, 1:]
    return padded[torch.arange(n)[:, None, None], 0, rows[:, :, None], cols[:, None, :]][:, None]


@torch.inference_mode()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of right top-1 answers, float32, no augmentation."""
    model.eval()
    right = sum(
        int((model(normalise(x)).argmax(-1) == y).sum())
        for x, y in zip(images.split(500), labels.split(500), strict=True)
    )
    model.train()
    return right / len(labels)


def learning_rate(epoch: float) -> float:
    """Warm-up, a cosine towards 0 at COSINE_EPOCHS, from the end of the first phase a straight line to 0 at EPOCHS."""
    first = PHASES[0].epochs
    if epoch > first:
        return learning_rate(first) * (EPOCHS - epoch) / (EPOCHS - first)
    if epoch < WARM_EPOCHS:
        return PEAK_RATE * epoch / WARM_EPOCHS
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (epoch - WARM_EPOCHS) / (COSINE_EPOCHS - WARM_EPOCHS)))


def phase_of(epoch: int) -> Phase:
    """The phase that an epoch belongs to."""
    return next(phase for i, phase in enumerate(PHASES) if epoch < sum(p.epochs for p in PHASES[: i + 1]))


def main() -> None:
    """Train, or go on where the checkpoint in --work stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("training/work"))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    args.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    images, labels = load_split(args.data, "train")
    test_images, test_labels = load_split(args.data, "t10k")
    model = VisionTransformer(**ARCHITECTURE, patch_drop_rate=PHASES[0].drop, drop_path_rate=0.05)
    for block in model.blocks:
        block.attn.fused_attn = False
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.05)
    per_epoch = len(images) // args.batch
    recipe = repr((args.batch, args.seed, PEAK_RATE, COSINE_EPOCHS, WARM_EPOCHS, *(tuple(phase) for phase in PHASES)))
    first, log, checkpoint = 0, args.work / "log.csv", args.work / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        if saved["recipe"] != recipe:
            raise SystemExit(f"{checkpoint} belongs to another recipe {saved['recipe']}: choose another --work")
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["epoch"]
        rows = log.read_text().splitlines(keepends=True)
        log.write_text("".join(rows[: first + 1]))  # a kill may have left one row more than the checkpoint knows
    else:
        log.write_text("epoch,loss,test_accuracy,patches_dropped,seconds\n")

    model.train()
    for epoch in range(first, EPOCHS):
        # An epoch's randomness depends on its number alone, so that a resumed run is the same run.
        generator = torch.Generator().manual_seed(args.seed * 1000 + epoch)
        torch.manual_seed(args.seed * 1000 + epoch)
        phase = phase_of(epoch)
        model.patch_drop.prob = phase.drop
        started, total = time.monotonic(), 0.0
        for i, chosen in enumerate(torch.randperm(len(images), generator=generator).split(args.batch)[:per_epoch]):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(epoch + i / per_epoch)
            pixels = augment(normalise(images[chosen]), phase.shift, generator)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(pixels)
            loss = nn.functional.cross_entropy(logits.float(), labels[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            total += float(loss.detach())
        score = accuracy(model, test_images, test_labels)
        row = [epoch, round(total / per_epoch, 4), score, phase.drop, round(time.monotonic() - started)]
        with log.open("a", newline="") as file:
            csv.writer(file).writerow(row)
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch + 1, "recipe": recipe}
        torch.save(state, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)
        print("epoch {} loss {} test accuracy {:.4f} dropped {} in {} s".format(*row), flush=True)


if __name__ == "__main__":
    main()
