"""How much memory this process may still take: by control groups, its own limits and the machine; on Linux only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lama_deploy.errors import DeviceMemoryError

PROC = Path("/proc")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
GIB = 2**30
SMALL = 64 * 2**20  # bytes; to ask costs more than such a need is worth
# Address space that engines and allocators reserve beside what they touch: a limit of it is reached earlier by so much.
RESERVED_BESIDE = 1.8
UNLIMITED = 2**62  # version 1 has no word for it, but a number near 2**63


@dataclass(frozen=True)
class ProcessMemory:
    """Bytes. `held`: what the process has (resident set); `room`: what it may take besides. Never negative."""

    held: int
    room: int

    @property
    def whole(self) -> int:
        return self.held + self.room


def process_memory() -> ProcessMemory | None:
    """As it is now; None where the system does not say. Costs well below a millisecond."""
    status = _numbers(PROC / "self/status")
    if "VmRSS" not in status:
        return None
    rooms = [*_machine(), *_limits(status), *_groups()]
    return ProcessMemory(status["VmRSS"], max(0, min(rooms))) if rooms else None


def _machine() -> Iterator[int]:
    """Caches that can go count as free, and so does swap: who has it, wants it used."""
    values = _numbers(PROC / "meminfo")
    if "MemAvailable" in values:
        yield values["MemAvailable"] + values.get("SwapFree", 0)


def _limits(status: dict[str, int]) -> Iterator[int]:
    """RLIMIT_AS and RLIMIT_DATA, as `ulimit -v` and `-d` set them."""
    if sys.platform == "win32":
        return
    import resource

    for limit, used in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY and used in status:
            yield int((most - status[used]) / RESERVED_BESIDE)


def _groups() -> Iterator[int]:
    """Of the process's control group and all above it, of version 2 and of version 1's memory controller."""
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        names = controllers.split(",")
        for folder in _and_above(path):
            if controllers == "":
                yield from _group_2(CONTROL_GROUPS / folder)
            elif "memory" in names:
                yield from _group_1(CONTROL_GROUPS / "memory" / folder)


def _and_above(path: str) -> Iterator[str]:
    """Relative; a container may see its own group as the root, under a path that is not there."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    for count in range(len(parts), -1, -1):
        yield "/".join(parts[:count])


def _group_2(folder: Path) -> Iterator[int]:
    most, used = _number(folder / "memory.max"), _number(folder / "memory.current")
    if most is None or used is None:
        return
    swap_most, swap_used = _number(folder / "memory.swap.max"), _number(folder / "memory.swap.current")
    swap = 0 if swap_most is None or swap_used is None else max(0, swap_most - swap_used)
    yield most - used + _numbers(folder / "memory.stat").get("inactive_file", 0) + swap


def _group_1(folder: Path) -> Iterator[int]:
    most, used = _number(folder / "memory.limit_in_bytes"), _number(folder / "memory.usage_in_bytes")
    if most is not None and used is not None and most < UNLIMITED:
        yield most - used + _numbers(folder / "memory.stat").get("total_inactive_file", 0)


def _number(file: Path) -> int | None:
    """None for "max" and for what is not there."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _numbers(file: Path) -> dict[str, int]:
    """Lines of "NAME: NUMBER [kB]" or "NAME NUMBER"; other lines are left out."""
    found = {}
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    for line in lines:
        name, *rest = line.replace(":", " ", 1).split()[:3] or [""]
        if rest and rest[0].isdecimal():
            found[name] = int(rest[0]) * (1024 if rest[1:] == ["kB"] else 1)
    return found


def require_memory(needed: int, what: str) -> None:
    """Raises DeviceMemoryError where this process cannot take `needed` bytes more. Small needs are not looked at."""
    if needed <= SMALL:
        return
    memory = process_memory()
    if memory is not None and needed > memory.room:
        raise DeviceMemoryError(
            f"{what} takes {gib(needed)}, and this process may take {gib(memory.room)} more; make the picture smaller, "
            "or give the process more memory"
        )


def gib(count: int) -> str:
    """Bytes in words."""
    return f"{count / GIB:.2g} GiB" if count < 10 * GIB else f"{count / GIB:,.0f} GiB"
