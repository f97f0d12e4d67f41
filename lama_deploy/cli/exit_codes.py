"""What the exit code of a command says, the same for all commands; each --help tells those that it can end with."""

from __future__ import annotations

from collections.abc import Mapping

DONE = 0
OUR_ERROR = 1  # Python's own code after a traceback, so nothing else may use it
BAD_INPUT = 2  # argparse's code too
SOME_FAILED = 3
PROOF_FAILED = 4
HUNG_UP = 129  # from here on 128 and the signal's number, as shells have it
INTERRUPTED = 130
PIPE_CLOSED = 141
TERMINATED = 143

MEANINGS: Mapping[int, str] = {
    DONE: "done",
    OUR_ERROR: "an error of lama-deploy's own, with a traceback",
    BAD_INPUT: "something given is wrong and nothing was done",
    SOME_FAILED: "some failed, each with a line, and the others are done",
    PROOF_FAILED: "the result is not the reference's",
    HUNG_UP: "ended by SIGHUP",
    INTERRUPTED: "by SIGINT",
    TERMINATED: "by SIGTERM",
    PIPE_CLOSED: "who read the output has gone",
}
COMMON = (DONE, OUR_ERROR, BAD_INPUT, HUNG_UP, INTERRUPTED, PIPE_CLOSED, TERMINATED)


def in_words(own: dict[int, str]) -> str:
    """The sentence for --help of a command that has the COMMON codes and these `own`, {code: meaning}."""
    meanings = {code: MEANINGS[code] for code in COMMON} | own
    return f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in sorted(meanings.items()))}."
