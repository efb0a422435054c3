"""Peak memory of `vitscope analyze` must not grow with the number of images: 100 photos against 800, each a process.

python benchmarks/memory.py [--data ../shared/data] [--counts 100 800]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WEIGHTS = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"

CHILD = """
import json, resource, sys
from vitscope.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def peak(data: Path, count: int) -> tuple[float, float]:
    """(MB, seconds) of one analysis in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            "analyze",
            "timm:vit_tiny_patch16_224",
            str(data / "images" / "labels.csv"),
            "--out",
            f"{folder}/run",
        ]
        arguments += ["--weights", str(data / WEIGHTS), "--limit", str(count), "--device", "cpu"]
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1]) / 1024, time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--counts", type=int, nargs=2, default=[100, 800])
    args = parser.parse_args()
    results = {count: peak(args.data, count) for count in args.counts}
    for count, (megabytes, seconds) in results.items():
        print(f"{count:5d} photos: peak {megabytes:.0f} MB, {seconds:.0f} s, {count / seconds:.2f} images/s")
    few, many = (results[count][0] for count in args.counts)
    print(f"ratio of peaks {many / few:.3f}")


if __name__ == "__main__":
    main()
