"""The words for modes as the page shows them; those of metrics and measures are in the table of quantities.

Knows nothing about: HTTP, the run folder, torch.
"""

from typing import Final

MODES: Final[dict[str, str]] = {
    "head": "Whole head",
    "cc": "CLS→CLS only",
    "cp+pc": "Between CLS and patches",
    "pp": "Patches→patches only",
    "cc+cp+pc": "All but patches→patches",
    "cc+pp": "All but CLS↔patches",
    "cp+pc+pp": "All but CLS→CLS",
}

_REGION_WORDS: Final = {"cc": "CLS→CLS", "cp": "CLS→patches", "pc": "patches→CLS", "pp": "patches→patches"}


def mode_label(mode: str) -> str:
    """The mode in words; for a subset without a name of its own, its regions one by one."""
    return MODES.get(mode) or ", ".join(_REGION_WORDS[region] for region in mode.split("+"))
