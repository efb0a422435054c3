"""Whether what is on disk is what was written: every number and file is held against the checksums of its commit.

A run that is read is checked as it is read, each region and file once; `faults` looks at all that a unit wrote.
Knows nothing about: what the numbers mean; models, torch.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from vitscope.errors import RunError
from vitscope.store.arrays import ArraySpec, Region, digest, read_region
from vitscope.store.files.commits import Commit, Group, RegionSum, Unit, parse_commit
from vitscope.store.files.durable import file_sha256, require_regular

_GROUPS: Final[dict[str, tuple[Group, ...]]] = {
    "importance": ("head", "partial"),
    "depth": ("head", "partial"),
    "strength": ("head",),
    "spread": ("head",),
    "features": ("head",),
    "heads": ("head",),
    "attention/cls_rows": ("head",),
    "attention/mean": ("featured",),
    "attention/featured": ("featured",),
    "patterns/deviation": ("matrices",),
    "patterns/energy": ("matrices",),
    "patterns/matrices": ("matrices",),
    "patterns/offsets": ("matrices",),
    "patterns/features": ("matrices",),
    "patterns/codes": ("patterns",),
    "patterns/medoids": ("patterns",),
    "patterns/prototypes": ("patterns",),
}
"""Which groups of units write an array, by its path or its folder."""
REPAIR: Final = "`vitscope check RUN` says what else is damaged; `vitscope analyze ... --resume` computes it anew."


class Soundness:
    """The checksums of one run, each held against what is on disk when it is read for the first time."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._commits: dict[Unit, Commit] = {}
        self._sound: set[RegionSum | tuple[str, int, int]] = set()

    def read(
        self, path: str, units: Collection[Unit], region: Region | tuple[()] = (), spec: ArraySpec | None = None
    ) -> np.ndarray:
        """Part of an array (all of it by default), once it is known to be what its units wrote.

        Parameters
        ----------
        units: those that are committed.

        Raises
        ------
        RunError: the array, or the commit of one of its units, is damaged.
        """
        values = read_region(self._run, path, region, spec)
        for unit, written in self._written(path, units):
            inside = _inside(written.bounds, region)
            if inside is None or written in self._sound:
                continue
            sizes = [stop - start for start, stop in written.bounds]
            whole = sizes == [part.stop - part.start for part in inside]  # else only a part of it was asked for
            block = values[inside] if whole else read_region(self._run, path, _slices(written), spec)
            if digest(block) != written.sha256:
                if self._is_stale(unit):  # computed anew since
                    return self.read(path, units, region, spec)
                raise RunError(
                    f"cannot use the array {path} of {self._run}: what the unit {unit.name} wrote has changed since "
                    "(its checksum does not fit)",
                    REPAIR,
                )
            self._sound.add(written)
        return values

    def require_file(self, name: str, unit: Unit) -> Path:
        """A file that a unit wrote, once it is known to be what was written.

        Raises
        ------
        RunError: it, or the commit of the unit, is missing or damaged.
        """
        file = self._run / name
        try:
            status = require_regular(file)
            stamp = (name, status.st_mtime_ns, status.st_ino)
            if stamp not in self._sound:
                checksum = file_sha256(file)
                if checksum != self.commit(unit).files[name] and not (
                    self._is_stale(unit) and checksum == self.commit(unit).files[name]
                ):
                    raise ValueError("its checksum does not fit")
                self._sound.add(stamp)
        except (OSError, ValueError, KeyError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise RunError(f"cannot use {name} of {self._run}: it is missing or damaged ({reason})", REPAIR) from error
        return file

    def commit(self, unit: Unit) -> Commit:
        """What a unit says it wrote; RunError where that is damaged."""
        known = self._commits.get(unit)
        if known is None:
            try:
                known = self._commits[unit] = parse_commit(self._run, unit)
            except (OSError, ValueError) as error:
                raise RunError(
                    f"cannot use the unit {unit.name} of {self._run}: its commit is damaged ({error})", REPAIR
                ) from error
        return known

    def _is_stale(self, unit: Unit) -> bool:
        """Whether the commit on disk is another than the one that is known; it is then forgotten."""
        known = self._commits.pop(unit, None)
        return known is not None and self.commit(unit) != known

    def _written(self, path: str, units: Collection[Unit]) -> Iterator[tuple[Unit, RegionSum]]:
        groups = _GROUPS.get(path) or _GROUPS[path.partition("/")[0]]
        for unit in sorted(units):
            if unit.group in groups:
                for written in self.commit(unit).regions:
                    if written.path == path:
                        yield unit, written


def faults(run: Path, unit: Unit, specs: Mapping[str, ArraySpec]) -> list[str]:
    """What of all that a unit wrote is not there, or not with the same bytes; nothing where it is sound.

    Parameters
    ----------
    specs: what arrays must be like, of those that are planned.

    Raises
    ------
    RunError: an array is there, but may not be read.
    """
    try:
        commit = parse_commit(run, unit)
    except (OSError, ValueError) as error:
        return [f"its commit is missing or damaged ({error})"]
    found = []
    for name, checksum in commit.files.items():
        try:
            require_regular(run / name)
            if file_sha256(run / name) != checksum:
                found.append(f"{name} has changed")
        except FileNotFoundError:
            found.append(f"{name} is missing")
        except (OSError, ValueError) as error:
            found.append(f"{name} cannot be read ({error})")
    for written in commit.regions:
        try:
            if digest(read_region(run, written.path, _slices(written), specs.get(written.path))) != written.sha256:
                found.append(f"the array {written.path} has changed")
        except (RunError, TypeError, IndexError) as error:
            if isinstance(error.__cause__, PermissionError):
                raise  # it may be as it was
            found.append(f"the array {written.path} cannot be read ({getattr(error, 'message', error)})")
    return found


def is_sound(run: Path, unit: Unit, specs: Mapping[str, ArraySpec]) -> bool:
    """Whether everything a unit wrote is still there with the same bytes; `specs` as of `faults`."""
    return not faults(run, unit, specs)


def _slices(written: RegionSum) -> Region:
    return tuple(slice(start, stop) for start, stop in written.bounds)


def _inside(bounds: tuple[tuple[int, int], ...], region: Region | tuple[()]) -> Region | None:
    """Where, in what is read of `region`, the part of a written region lies; None where it is not touched."""
    parts = []
    for axis, (start, stop) in enumerate(bounds):
        first = region[axis].start or 0 if axis < len(region) else 0
        last = region[axis].stop if axis < len(region) and region[axis].stop is not None else stop
        low, high = max(start, first), min(stop, last)
        if low >= high:
            return None
        parts.append(slice(low - first, high - first))
    return tuple(parts)
