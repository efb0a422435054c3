"""How large a zstd file says that it is, read from its headers: the decoder takes their word and has no bound.

Knows nothing about: arrays; how frames are decoded. The format is RFC 8878, section 3.1.1.
"""

from pathlib import Path
from typing import Final

_MAGIC: Final = bytes.fromhex("28b52ffd")
_DICTIONARY: Final = (0, 1, 2, 4)
"""Bytes of a dictionary's id, by the lowest bits of the descriptor."""
_REPEATED: Final = 1
"""Type of a block that is one byte, many times."""
_BLOCK_HEADER: Final = 3
_CHECKSUM: Final = 4


def zstd_size(file: Path) -> int:
    """Bytes that a file decodes to, which must be one frame that says so.

    Raises
    ------
    ValueError: it is no zstd frame, does not say its size, or is more or less than one. OSError: it cannot be read.
    """
    with file.open("rb") as opened:
        header = opened.read(5)
        if header[:4] != _MAGIC or len(header) < 5:
            raise ValueError("it is no zstd frame")
        descriptor = header[4]
        single = descriptor >> 5 & 1
        opened.seek(1 - single + _DICTIONARY[descriptor & 3], 1)  # the window, where there is one, and the dictionary
        length = (single, 2, 4, 8)[descriptor >> 6]
        if length == 0:
            raise ValueError("it does not say to how many bytes it decodes")
        size = int.from_bytes(opened.read(length), "little") + (256 if length == 2 else 0)
        last = False
        while not last:
            block = opened.read(_BLOCK_HEADER)
            if len(block) < _BLOCK_HEADER:
                raise ValueError("it ends within a zstd frame")
            said = int.from_bytes(block, "little")
            last = bool(said & 1)
            opened.seek(1 if said >> 1 & 3 == _REPEATED else said >> 3, 1)
        opened.seek(_CHECKSUM if descriptor >> 2 & 1 else 0, 1)
        end = opened.tell()
        if end != opened.seek(0, 2):
            raise ValueError("it is not one zstd frame")
    return size
