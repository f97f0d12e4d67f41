"""Whether a run may write into a folder: not over another run, nor over somebody's checkpoint."""

from __future__ import annotations

from pathlib import Path

from lama_deploy.errors import TrainingError, brief
from lama_deploy.overwriting import require_free
from lama_deploy.training.config import RUN_SECTION
from lama_deploy.training.state import CONFIG, LAST, WEIGHTS

BEST = Path("models/best.ckpt")  # official code's, which readers look for beside a config.yaml


def require_place(out: Path, *, resume: bool, overwrite: bool) -> None:
    """Raises LamaDeployError where a run would replace what is there and `overwrite` is false.

    resume: the run's own files may be there; a config.yaml without its section is another program's.
    """
    if overwrite:
        return
    if resume:
        if not _is_ours(out / CONFIG):
            require_free([out / CONFIG], otherwise="it is not a run of lama-train's, so give another --out")
        return
    ours = _is_ours(out / CONFIG)
    if (out / LAST).exists() and ours:
        raise TrainingError(
            f"{brief(str(out))}: holds a run already; go on with --resume, use another --out, or --overwrite"
        )
    begun = [] if ours else [out / CONFIG]  # of a run that was killed before its first state
    require_free([*begun, out / LAST, out / WEIGHTS], otherwise="give another --out")
    if (out / BEST).exists() and not ours:
        raise TrainingError(
            f"{brief(str(out / BEST))}: is of another run, and the config.yaml of this one would be taken for its own; "
            "give another --out, or --overwrite"
        )


def _is_ours(config: Path) -> bool:
    """By the section that only lama-train writes. False where there is no such file."""
    try:
        text = config.read_text(errors="replace")
    except OSError:
        return False
    return f"\n{RUN_SECTION}:" in f"\n{text}"
