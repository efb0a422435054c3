"""The demo model that comes with vitscope: where its files are, and how it is built."""

import json
from pathlib import Path
from typing import Any, Final

DEMO: Final = Path(__file__).parents[1] / "demo"
WEIGHTS: Final = DEMO / "model.safetensors"


def demo_config() -> dict[str, Any]:
    """Its `architecture` (of timm's VisionTransformer), its `preprocessing` (timm's pretrained_cfg), its `classes`."""
    config = json.loads((DEMO / "config.json").read_text(encoding="utf-8"))
    config["preprocessing"] = {"architecture": "vitscope_demo"} | config["preprocessing"]
    return config
