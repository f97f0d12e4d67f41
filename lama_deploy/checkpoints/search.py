"""Where a generator lies among the tensors of a file: in any dict, behind any prefix that ends in its first key.

Files in circulation have it as "generator." (Lightning), "model.generator." (TorchScript), "model." (spandrel),
"module." (DDP), bare, and in dicts called state_dict, gen_state_dict, model, generator, params_ema and others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from lama_deploy.errors import CheckpointError, brief, quoted

STEM_FFC, STEM = "model.1.ffc.convl2l.weight", "model.1.weight"  # first keys: of ffc, of regular and dilated
STEM_SHAPE = (4, 7, 7)  # behind its width; other networks have a "model.1.weight" too
BARE = "."  # what the place of a state_dict without any dict or prefix around it is called
# Words in the names of averages, such as generator_average and params_ema. Official and BasicSR's code averages no
# BN statistics, so that an average is taken only where it is asked for, or alone.
AVERAGES = {"average", "avg", "averaged", "ema"}
# Beside the generator of another network, which adds an encoding of positions to it.
FOREIGN = {"str_state_dict": "LaMa-MPE, which adds an encoding of positions to what its generator computes"}
MOST_FOUND = 16  # generators in a file: more make every one of their tensors be looked at many times
MOST_LISTED = 8


class Shaped(Protocol):
    """A tensor, as a file describes it."""

    @property
    def shape(self) -> tuple[int, ...]: ...


Groups = Mapping[str, Mapping[str, Shaped]]  # by the dotted place of a dict, then by the names in it


@dataclass(frozen=True)
class Found:
    """A generator in a file.

    place: its dict and prefix, dotted, BARE without any. group: the dict's. names: in it, by official key.
    """

    place: str
    group: str
    names: Mapping[str, str]

    @property
    def last(self) -> str:
        return self.place.rpartition(".")[2] or BARE

    @property
    def is_average(self) -> bool:
        return not AVERAGES.isdisjoint(self.last.lower().split("_"))


def find_generators(groups: Groups) -> list[Found]:
    """All of them, in the file's order, of equal ones the first: TorchScript has one module at several places.

    Raises CheckpointError for more than MOST_FOUND.
    """
    found: list[Found] = []
    known: list[Mapping[str, Shaped]] = []
    for group, tensors in groups.items():
        prefixes = list(_prefixes(tensors))
        if len(prefixes) + len(found) > MOST_FOUND:
            raise CheckpointError(f"holds more than {MOST_FOUND} generators; give a file with one of them")
        for prefix in prefixes:
            inner = [other for other in prefixes if len(other) > len(prefix)]
            names = {
                name.removeprefix(prefix): name
                for name in tensors
                if name.startswith(prefix) and not any(name.startswith(other) for other in inner)
            }
            content = {key: tensors[name] for key, name in names.items()}
            if content not in known:
                known.append(content)
                found.append(Found(_place(group, prefix), group, names))
    return found


def choose(found: list[Found], asked: str | None) -> Found:
    """The one at the place `asked`, in full or by its last part; else the first that is no average.

    found: at least one. Raises CheckpointError where none or several are at that place.
    """
    if asked is None:
        return next((one for one in found if not one.is_average), found[0])
    fitting = [one for one in found if asked == one.place] or [one for one in found if asked == one.last]
    if len(fitting) != 1:
        there = ", ".join(_listed([one.place for one in found]))
        raise CheckpointError(f"{quoted(asked)} names {len(fitting)} of its generators; there are: {there}")
    return fitting[0]


def require_ours(groups: Groups) -> None:
    """Raise CheckpointError where what lies beside a generator says that it is part of another network."""
    for name, meaning in FOREIGN.items():
        places = (part for group, tensors in groups.items() for part in (group, *tensors))
        if any(name in part.split(".") for part in places):
            raise CheckpointError(f"holds {name} beside its generator: {meaning}; it runs only in the code it is from")


def top_level(groups: Groups) -> str:
    """What stands first in the names of its tensors, for a message."""
    names = [f"{group}.{name}" if group else name for group, tensors in groups.items() for name in tensors]
    tops = list(dict.fromkeys(name.partition(".")[0] for name in names))
    return ", ".join(_listed(tops)) or "nothing"


def _prefixes(tensors: Mapping[str, Shaped]) -> Iterator[str]:
    """The empty one, or with a dot at the end."""
    for name, tensor in tensors.items():
        for stem in (STEM_FFC, STEM):
            prefix = name.removesuffix(stem)
            fits = stem == STEM_FFC or tensor.shape[1:] == STEM_SHAPE
            if name.endswith(stem) and fits and (not prefix or prefix.endswith(".")):
                yield prefix


def _place(group: str, prefix: str) -> str:
    return ".".join(part for part in (group, prefix.removesuffix(".")) if part) or BARE


def _listed(names: list[Any]) -> list[str]:
    more = [f"and {len(names) - MOST_LISTED} more"] if len(names) > MOST_LISTED else []
    return [brief(name, 60) for name in islice(names, MOST_LISTED)] + more
