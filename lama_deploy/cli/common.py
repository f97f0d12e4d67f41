"""What every command does alike: one-line errors, exit codes, progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from tqdm import tqdm

from lama_deploy.errors import LamaDeployError, MissingDependencyError

BAD_INPUT = 2
INTERRUPTED = 130


def command(main: Callable[[], int]) -> Callable[[], int]:
    """Turn a LamaDeployError (or a missing package) into one line on stderr and exit code 2."""

    @wraps(main)
    def wrapped() -> int:
        try:
            return main()
        except LamaDeployError as error:
            return fail(error)
        except ModuleNotFoundError as error:
            extra = "[export]" if "export" in main.__module__ else "[verify]"
            return fail(MissingDependencyError(f"{error.name} is not installed: pip install lama-deploy{extra}"))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED

    return wrapped


def fail(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return BAD_INPUT


def progress_bar(description: str) -> Callable[[Sequence[Any]], Any]:
    """A progress bar on stderr, silent where stderr is not a terminal."""
    return lambda items: tqdm(items, desc=description, disable=None, leave=False)
