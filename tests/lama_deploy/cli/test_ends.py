"""How commands end: by signals, in order and at once, and where nobody reads what they say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'export'}"}
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")

# Writes two files, one of them in a thread, and waits: until it is told, or for as long as it takes.
WRITES = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from lama_deploy.cli.common import command
from lama_deploy.disk import appears_whole

seen = threading.Event()

@command("torch")
def main() -> int:
    with appears_whole("main") as stream, ThreadPoolExecutor() as pool:
        stream.write(b"half")
        pool.submit(thread)
        while len(list(Path(".").iterdir())) < 2:
            time.sleep(0.01)
        seen.set()
        print("ready", flush=True)
        WAIT
    return 0

def thread() -> None:
    with appears_whole("thread") as stream:
        stream.write(b"half")
        seen.wait()
        time.sleep(THREAD)
        raise ValueError

sys.exit(main())
"""


@contextmanager
def writing(folder: Path, wait: str = "time.sleep(60)", thread: float = 0.1) -> Iterator[subprocess.Popen[str]]:
    code = WRITES.replace("WAIT", wait).replace("THREAD", str(thread))
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, env=ENVIRONMENT, stdout=-1, stderr=-1, text=True
    ) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            assert len(list(folder.iterdir())) == 2
            yield process
        finally:
            process.kill()


def insist(process: subprocess.Popen[str], number: int) -> None:
    """Send it again until it ends the process, further apart than what counts as one wish; the first does not."""
    process.send_signal(number)
    time.sleep(0.8)
    assert process.poll() is None
    for _ in range(20):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.8)
            return


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_leaves_nothing_half_and_one_line(tmp_path: Path, name: str) -> None:
    with writing(tmp_path) as process:
        process.send_signal(getattr(signal, name))
        _, error = process.communicate(timeout=30)
    assert process.returncode == 128 + getattr(signal, name)
    assert error == ("interrupted\n" if name == "SIGINT" else f"ended by {name}\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_second_signal_ends_at_once_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    """While a thread goes on, for which the first one waits."""
    with writing(tmp_path, thread=60) as process:
        insist(process, getattr(signal, name))
        _, error = process.communicate(timeout=30)
    assert process.returncode == 128 + getattr(signal, name) and error == f"ended at once by {name}\n"
    assert not list(tmp_path.iterdir())


def test_a_second_signal_ends_where_the_main_thread_hears_nothing(tmp_path: Path) -> None:
    """As in an engine's code, which gives the GIL back but does not return."""
    signals, call = "signal.SIGINT, signal.SIGTERM, signal.SIGHUP", "ctypes.CDLL(None).poll(None, 0, 60_000)"
    said = "print('deaf', flush=True)"
    deaf = f"import ctypes, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [{signals}]); {said}; {call}"
    with writing(tmp_path, wait=deaf) as process:
        assert process.stdout is not None and process.stdout.readline() == "deaf\n"
        time.sleep(0.3)  # until it is in the call
        insist(process, signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143 and not list(tmp_path.iterdir())


def test_a_signal_that_another_thread_gets_is_heard(tmp_path: Path) -> None:
    """The main thread's wait is not interrupted by it, nor by one that comes just before the wait begins."""
    lines = (
        "import signal, sys, threading, time",
        "from lama_deploy.cli.common import command",
        "def thread(): time.sleep(0.3); signal.pthread_kill(threading.get_ident(), signal.SIGTERM)",
        "@command('torch')",
        "def main(): threading.Thread(target=thread).start(); time.sleep(60)",
        "sys.exit(main())",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=tmp_path, env=ENVIRONMENT, stderr=-1, text=True, timeout=50
    )
    assert (done.returncode, done.stderr) == (143, "ended by SIGTERM\n")


def test_signals_that_come_together_are_one_wish(tmp_path: Path) -> None:
    with writing(tmp_path, thread=0.3) as process:
        for name in ("SIGTERM", "SIGTERM", "SIGHUP"):
            process.send_signal(getattr(signal, name))
        _, error = process.communicate(timeout=30)
    assert process.returncode in (143, 129) and error.startswith("ended by ") and not list(tmp_path.iterdir())


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As nohup and shells without job control have it."""
    program = WRITES.replace("WAIT", "time.sleep(0.5)").replace("THREAD", "0")
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=-1,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=30)
    assert process.returncode == 0 and [path.name for path in tmp_path.iterdir()] == ["main"]


SAYS = """
import sys
from lama_deploy.cli.common import command
from lama_deploy.errors import ImageError

@command("torch")
def main() -> int:
    WHAT
    return 0

sys.exit(main())
"""


def says(what: str, redirection: str = "") -> tuple[int, str]:
    """(exit code, stderr) of a program in bash, whose output goes elsewhere."""
    shell = f'"$0" -c "$1" {redirection}; exit "${{PIPESTATUS[0]}}"'
    code = SAYS.replace("WHAT", what)
    done = subprocess.run(
        ["bash", "-c", shell, sys.executable, code], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "what",
    [
        "print('a' * 100_000)",
        "print('a'); import time; time.sleep(0.3); print('b', flush=True)",
        "import time; time.sleep(0.3); print('few')",
    ],
)
def test_a_closed_pipe_is_quiet(what: str) -> None:
    assert says(what, "| true") == (141, "")


@pytest.mark.parametrize("what", ["raise ImageError('x' * 100)", "print('x', file=sys.stderr)", "raise SystemExit(2)"])
def test_a_closed_pipe_for_errors_too(what: str) -> None:
    code, error = says(f"import time; time.sleep(0.3); {what}", "2>&1 | true")
    assert (code, error) == (2 if what.endswith("(2)") else 141, "")


def test_another_pipe_that_breaks_is_an_error() -> None:
    code, error = says("raise BrokenPipeError(32, 'Broken pipe')")
    assert (code, error) == (2, "error: Broken pipe\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_onto_a_full_disk_is_one_line() -> None:
    assert says("print('x')", ">/dev/full") == (2, "error: No space left on device\n")


def test_output_that_is_closed_is_no_file_of_ours(tmp_path: Path) -> None:
    """The next file that is opened would be number 1, and what an engine prints would be in it."""
    what = f"import os; os.chdir({str(tmp_path)!r}); from lama_deploy.disk import appears_whole as a\n"
    what += "    with a('f') as f: f.write(b'x'); f.flush(); os.write(1, b'y'); os.write(2, b'z')"
    assert says(what, ">&- 2>&-")[0] == 0 and (tmp_path / "f").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("raise OSError(28, 'No space left on device', b'a\\\\nb')", "error: a\\nb: No space left on device\n"),
        ("open('/no/such\\\\nfile')", "error: /no/such\\nfile: No such file or directory\n"),
        ("bytes(2**62)", "error: this takes more memory than there is; give it less at once, or more memory\n"),
        ("raise ImageError('a\\\\nb\\\\x1b[31m')", "error: a\\nb\\x1b[31m\n"),
    ],
)
def test_whatever_is_in_a_name_it_is_one_line(what: str, error: str) -> None:
    assert says(what.replace("\\\\", "\\")) == (2, error)


def test_a_name_without_an_encoding_is_shown_escaped() -> None:
    assert says("print('a\\udcff')")[0] == 0


def test_what_is_our_fault_stays_a_traceback() -> None:
    code, error = says("raise ValueError('ours')")
    assert code == 1 and error.startswith("Traceback")
