"""Where models run, by the names that every backend takes: one parser, and one sentence for what is no device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lama_deploy.errors import LamaDeployError, brief

AUTO = "auto"  # the same as no device
NUMBERED = ("cuda", "xpu")
MOST_DIGITS = 3  # of a device's number
LIKELY = {"gpu": "cuda", "nvidia": "cuda", "cpu:0": "cpu", "mps:0": "mps"}  # what people write


@dataclass(frozen=True)
class Device:
    """kind: "cpu", "cuda" and so on. index: which one of them, None for the current or first."""

    kind: str
    index: int | None = None

    def __str__(self) -> str:
        return self.kind if self.index is None else f"{self.kind}:{self.index}"


def parse_device(named: object, kinds: Sequence[str], engine: str = "") -> Device | None:
    """The device of a name, None for None and "auto", which leave it to the engine.

    named: a text, or a torch.device. kinds: those that `engine` runs on. Raises LamaDeployError for anything else.
    """
    text = AUTO if named is None else str(named)
    if text == AUTO:
        return None
    kind, colon, number = text.partition(":")
    if kind in kinds and not colon:
        return Device(kind)
    if kind in kinds and kind in NUMBERED and number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS:
        return Device(kind, int(number))
    likely = LIKELY.get(text.lower(), text.lower())
    meant = f"; did you mean {likely}?" if likely in kinds and likely != text else ""
    raise LamaDeployError(f"{_refused(text, kinds, engine)}; allowed: {allowed(kinds)}{meant}")


def allowed(kinds: Sequence[str]) -> str:
    """In words, for messages and help texts."""
    names = [name for kind in kinds for name in ((kind, f"{kind}:N") if kind in NUMBERED else (kind,))]
    return ", ".join([AUTO, *names])


def _refused(text: str, kinds: Sequence[str], engine: str) -> str:
    known = text.partition(":")[0] in ("cpu", "cuda", "mps", "xpu")
    if known and engine and text.partition(":")[0] not in kinds:
        return f"{engine} does not run on device '{brief(text, 40)}' here"
    return f"device '{brief(text, 40)}' is unknown"
