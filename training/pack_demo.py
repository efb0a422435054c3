"""Turn a trained checkpoint into the bundled demo: half-precision weights, configuration, 300 test images, model card.

    python training/pack_demo.py DATA_DIR --work WORK_DIR

The images are a seeded sample of the test set, 30 a class, whatever the model makes of them.
"""

import argparse
import csv
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from train_demo import ARCHITECTURE, MEAN, STD, VisionTransformer, accuracy, load_split

CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
PER_CLASS, SEED = 30, 20261121
BUNDLE = Path(__file__).parents[1] / "src" / "vitscope" / "models" / "demo"

CARD = """# vitscope demo model

A small Vision Transformer for trying vitscope without any download. It is a teaching object, not a product.

| | |
|---|---|
| architecture | timm VisionTransformer, 6 layers, 4 heads, width 96, patch 2 on 28 x 28 grey pixels: 14 x 14 patches + CLS = 197 tokens, {parameters:,} parameters |
| data | Fashion-MNIST (Xiao, Rasul, Vollgraf 2017; MIT licence, see NOTICE): 60 000 training images, no other data |
| recipe | `training/train_demo.py`: AdamW, cosine schedule, label smoothing, flips and shifts, most patches dropped in all but the last epochs; log in `training/demo_log.csv`. Not exactly its defaults: the first nine epochs ran in float32 with fused attention, and the later phases were settled after seeing the test accuracy of epoch 8 (docs/decisions/0006) |
| test accuracy | {accuracy:.4f} on the 10 000 test images (these half-precision weights, float32 arithmetic); {bundled:.4f} on the 300 bundled ones |
| weights | half-precision safetensors, {size:.2f} MB, sha256 in every run made with it |
| images | 300 of the test set, {per_class} a class, drawn with seed {seed}; errors are natural, none was picked |
| licence | MIT, as vitscope |
| limits | knows ten kinds of clothing in 28 x 28 grey pixels; its heads say little about large models |
"""

NOTICE = """The images in this folder are from Fashion-MNIST.

The MIT License (MIT) Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def main() -> None:
    """Write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("training/work"))
    args = parser.parse_args()
    state = torch.load(args.work / "checkpoint.pt", weights_only=True)["model"]
    half = {name: value.half().contiguous() for name, value in state.items()}
    shutil.rmtree(BUNDLE / "images", ignore_errors=True)
    (BUNDLE / "images").mkdir(parents=True)
    save_file(half, BUNDLE / "model.safetensors")
    preprocessing = {
        "input_size": [1, 28, 28],
        "mean": [MEAN],
        "std": [STD],
        "crop_pct": 1.0,
        "interpolation": "bicubic",
    }
    config = {"architecture": ARCHITECTURE, "preprocessing": preprocessing, "classes": CLASSES}
    (BUNDLE / "config.json").write_text(json.dumps(config, indent=1) + "\n")

    model = VisionTransformer(**ARCHITECTURE)
    model.load_state_dict({name: value.float() for name, value in half.items()})
    images, labels = load_split(args.data, "t10k")
    rng = np.random.default_rng(SEED)
    chosen = np.concatenate(
        [np.sort(rng.choice(np.flatnonzero(labels.numpy() == c), PER_CLASS, replace=False)) for c in range(10)]
    )
    with (BUNDLE / "images" / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", "class_name"])
        for index in chosen.tolist():
            name = f"test_{index:05d}.png"
            Image.fromarray(images[index].numpy()).save(BUNDLE / "images" / name, optimize=True)
            writer.writerow([name, int(labels[index]), CLASSES[int(labels[index])]])
    (BUNDLE / "images" / "NOTICE").write_text(NOTICE)
    card = CARD.format(
        parameters=sum(value.numel() for value in state.values()),
        accuracy=accuracy(model, images, labels),
        bundled=accuracy(model, images[chosen], labels[chosen]),
        size=(BUNDLE / "model.safetensors").stat().st_size / 1e6,
        per_class=PER_CLASS,
        seed=SEED,
    )
    (BUNDLE / "README.md").write_text(card)
    shutil.copy(args.work / "log.csv", Path(__file__).parent / "demo_log.csv")
    print(card)


if __name__ == "__main__":
    main()
