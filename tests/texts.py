"""Small models of images and texts with tokenizers, in memory and as folders; random weights, scrambled."""

from pathlib import Path
from typing import Any

import torch
from tests.families import PLAIN, WIDTH, found, scrambled
from torch import nn

NAMES = ("cat", "dog", "grey horse")
PROMPTS = ("a photo of a {}", "this is {} , seen from far away")
_WORDS = dict.fromkeys(["<pad>", "<unk>", "<s>", "</s>"] + " ".join((*NAMES, *PROMPTS)).replace("{}", "").split())
_TEXT = WIDTH | {"vocab_size": 30, "max_position_embeddings": 20}
_ROBERTA = _TEXT | {"max_position_embeddings": 30, "project_dim": 24}
_IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
_TWO = {"vision_config": PLAIN, "projection_dim": 24}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "CLIPModel": ("CLIPConfig", _TWO | {"text_config": _TEXT | _IDS}),
    "SiglipModel": ("SiglipConfig", {"vision_config": PLAIN, "text_config": _TEXT | {"projection_size": 32}}),
    "AltCLIPModel": ("AltCLIPConfig", _TWO | {"text_config": _ROBERTA | _IDS}),
    "ChineseCLIPModel": ("ChineseCLIPConfig", _TWO | {"text_config": _TEXT}),
    "MetaClip2Model": ("MetaClip2Config", _TWO | {"text_config": _TEXT | _IDS}),
}


def tokenizer() -> Any:
    """One token a word."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(_WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)])
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=20, **special)


def whole(kind: str) -> nn.Module:
    """A model of transformers with both towers."""
    torch.manual_seed(0)
    config, arguments = MODELS[kind]
    module = scrambled(found(kind)(found(config)(**arguments)).eval())
    with torch.no_grad():
        module.logit_scale.fill_(2.7)
    return module


def processor() -> Any:
    """Pictures to 32 x 32 pixels."""
    from transformers import ViTImageProcessor

    return ViTImageProcessor(size={"height": 32, "width": 32})


def saved(kind: str, folder: Path) -> nn.Module:
    """The same as a folder that `save_pretrained` wrote, with its tokenizer and processor."""
    module = whole(kind)
    for part in (module, tokenizer(), processor()):
        part.save_pretrained(folder)
    return module


def own_logits(module: Any, pixels: torch.Tensor, names: tuple[str, ...], prompt: str) -> torch.Tensor:
    """`logits_per_image` of the library's own forward."""
    fixed = "Siglip" in type(module).__name__
    tokens = tokenizer()(
        [prompt.replace("{}", name) for name in names],
        padding="max_length" if fixed else True,
        return_tensors="pt",
    )
    with torch.inference_mode():
        return module(pixel_values=pixels, **tokens).logits_per_image
