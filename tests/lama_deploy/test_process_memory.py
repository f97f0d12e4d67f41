"""What a process may still take: the least of the machine's, its control groups' and its own limits."""

import subprocess
import sys
from pathlib import Path

import pytest

import lama_deploy.process_memory as memory
from lama_deploy.errors import DeviceMemoryError
from lama_deploy.process_memory import GIB, ProcessMemory, gib, process_memory, require_memory

MB = 10**6


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 8 GB, of which 5 are free, and a process that holds 100 MB."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CONTROL_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_limits", lambda status: iter(()))
    write(
        tmp_path / "proc/self/status", "Name:\tpython\nVmSize:\t  976562 kB\nVmRSS:\t   97656 kB\nVmData:\t 48828 kB\n"
    )
    write(
        tmp_path / "proc/meminfo",
        "MemTotal: 7812500 kB\nMemAvailable: 4882812 kB\nSwapFree: 0 kB\nHugePages_Total: 0\n",
    )
    write(tmp_path / "proc/self/cgroup", "0::/\n")
    return tmp_path


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def room() -> int:
    found = process_memory()
    assert found is not None and found.held == 97656 * 1024
    return round(found.room / MB)


def test_a_machine_without_limits(system):
    assert room() == 5000
    write(system / "proc/meminfo", "MemAvailable: 4882812 kB\nSwapFree: 976562 kB\n")
    assert room() == 6000


@pytest.mark.parametrize("limited", ["", "a", "a/b"])
def test_control_groups_of_version_2_and_all_above(system, limited):
    """Caches of files go when memory is short."""
    write(system / "proc/self/cgroup", "0::/a/b\n")
    for group in ("a", "a/b"):
        write(system / "cgroup" / group / "memory.max", "max\n")
        write(system / "cgroup" / group / "memory.current", "4000000000\n")
    write(system / "cgroup" / limited / "memory.max", f"{3000 * MB}\n")
    write(system / "cgroup" / limited / "memory.current", f"{1000 * MB}\n")
    write(system / "cgroup" / limited / "memory.stat", f"anon 5\ninactive_file {250 * MB}\n")
    assert room() == 2250
    write(system / "cgroup" / limited / "memory.swap.max", f"{100 * MB}\n")
    write(system / "cgroup" / limited / "memory.swap.current", f"{40 * MB}\n")
    assert room() == 2310


def test_a_container_that_sees_its_own_group_as_the_root(system):
    write(system / "proc/self/cgroup", "0::/../../kubepods/pod1\n")
    write(system / "cgroup/memory.max", f"{300 * MB}\n")
    write(system / "cgroup/memory.current", f"{100 * MB}\n")
    assert room() == 200


def test_control_groups_of_version_1(system):
    write(system / "proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/x\n0::/\n")
    write(system / "cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write(system / "cgroup/memory/memory.usage_in_bytes", "7000000000\n")
    write(system / "cgroup/memory/x/memory.limit_in_bytes", f"{3000 * MB}\n")
    write(system / "cgroup/memory/x/memory.usage_in_bytes", f"{2500 * MB}\n")
    write(system / "cgroup/memory/x/memory.stat", f"total_inactive_file {100 * MB}\n")
    assert room() == 600


def test_more_used_than_allowed_is_no_room(system):
    write(system / "cgroup/memory.max", "100\n")
    write(system / "cgroup/memory.current", "200\n")
    assert room() == 0


@pytest.mark.parametrize("text", ["", "no such thing", "0::", "a:b", "1:memory:/../../..\n\n"])
def test_systems_that_say_strange_things(system, text):
    write(system / "proc/self/cgroup", text)
    write(system / "proc/meminfo", "MemAvailable: many kB\n\n:\nMemAvailable:\n")
    assert process_memory() is None  # nothing is known


def test_systems_that_say_nothing(tmp_path, monkeypatch):
    """MacOS and Windows."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "nothing")
    assert process_memory() is None
    require_memory(2**60, "a wish")


def test_limits_of_the_process():
    code = "from lama_deploy.process_memory import process_memory as p; print(p().room)"
    for option, least, most in (("-v", 0.5, 2.0), ("-d", 0.5, 2.0)):
        done = subprocess.run(
            ["sh", "-c", f'ulimit {option} {3 * 2**20}; exec "$0" -c "{code}"', sys.executable],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert least * GIB < int(done.stdout) < most * GIB  # of 3 GiB, two thirds


def test_what_does_not_fit_is_one_line(monkeypatch):
    monkeypatch.setattr(memory, "process_memory", lambda: ProcessMemory(10**9, GIB))
    require_memory(GIB, "a picture")
    with pytest.raises(DeviceMemoryError) as caught:
        require_memory(GIB + GIB // 2, "decoding 9x9 pixels")
    assert str(caught.value).startswith("decoding 9x9 pixels takes 1.5 GiB, and this process may take 1 GiB more; ")


def test_memory_in_words():
    assert [gib(count) for count in (GIB // 4, 5 * GIB, 12 * GIB, 4000 * GIB)] == [
        "0.25 GiB", "5 GiB", "12 GiB", "4,000 GiB",
    ]  # fmt: skip
