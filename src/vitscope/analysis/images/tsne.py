"""t-SNE in a process of its own: native code that ends on odd input must not take a server along.

As a program it reads an array as `.npy` and the number of steps, and writes the places. Knows nothing about: images.
"""

import io
import os
import subprocess
import sys
from typing import Final

import numpy as np
from jaxtyping import Float

from vitscope.errors import NotAvailable

_SEED: Final = 0
_PERPLEXITY: Final = 30
_TIMEOUT: Final = 600
"""Seconds; 3,000 images take about a minute on a slow core."""


def places(vectors: Float[np.ndarray, "image feature"], steps: int) -> Float[np.ndarray, "image 2"]:
    """Places of the vectors in the plane, seeded; on one thread, and where a crash ends nothing else.

    Raises
    ------
    NotAvailable: the process ended without an answer.
    """
    file = io.BytesIO()
    np.save(file, vectors, allow_pickle=False)
    # Its threads would spin, waiting for each other, on cores that an analysis keeps busy: seconds become minutes.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "vitscope.analysis.images.tsne", str(steps)]
    try:
        made = subprocess.run(command, input=file.getvalue(), capture_output=True, env=environment, timeout=_TIMEOUT)
        if made.returncode == 0:
            return np.load(io.BytesIO(made.stdout), allow_pickle=False)
        reason = f"it ended with code {made.returncode}"
    except subprocess.TimeoutExpired:
        reason = f"it took more than {_TIMEOUT} seconds"
    raise NotAvailable(f"cannot lay out {len(vectors)} images by t-SNE: {reason}", "Use PCA.")


def _main() -> None:
    from sklearn.manifold import TSNE

    vectors = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    learned = TSNE(2, perplexity=perplexity, init="pca", max_iter=int(sys.argv[1]), random_state=_SEED)
    file = io.BytesIO()
    np.save(file, learned.fit_transform(vectors), allow_pickle=False)
    sys.stdout.buffer.write(file.getvalue())


if __name__ == "__main__":
    _main()
