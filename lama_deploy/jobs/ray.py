"""The pictures of a folder on a Ray cluster: one Inpainter an actor, the same options, report and list as here.

Only names travel: the folders must be at the same place on every machine, as on a shared file system, or in an object
store. A worker that
dies is replaced, and what it had not told yet is done again, but for what the list of --resume says is done.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lama_deploy.errors import LamaDeployError, MissingDependencyError, brief, one_line
from lama_deploy.images.notes import Notes
from lama_deploy.images.opening import pillow_limit_lifted, pillow_quiet
from lama_deploy.images.pairs import Job
from lama_deploy.installing import install
from lama_deploy.jobs.folder import Progress, run_all
from lama_deploy.jobs.manifest import opened_part
from lama_deploy.jobs.outcomes import Ended, Outcome, forget
from lama_deploy.jobs.picture import PictureOptions
from lama_deploy.jobs.stores import Done, Stores, through
from lama_deploy.runtime.inpainter import Inpainter

LOCAL = "local"
AT_ONCE = 16  # pictures of a task: what a worker that dies has to do again, at most
# Ray itself listens on the machine's own address, and tells its makers how it is used, unless it is told not to.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# What Ray prints of every actor at level ERROR, though nothing is wrong.
QUIET["RAY_BACKEND_LOG_LEVEL"] = "fatal"


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """address: of a cluster, "auto" for the one that this machine belongs to, "local" for one of this call's own.

    workers: actors, each with a model of its own; None: as many as there are GPUs, or one for `cpus` of all CPUs.
    cpus: of each actor, at least 1.
    """

    address: str = LOCAL
    workers: int | None = None
    cpus: int = 1


@dataclass(frozen=True, kw_only=True)
class Order:
    """What every actor does; pickled. load: opens the model there. listed: (folder, key) of --resume's list.

    stores: what jobs name that is no file of the workers, but in an object store.
    """

    load: Callable[[], Inpainter]
    options: PictureOptions
    listed: tuple[Path, str] | None = None
    stores: Stores | None = None


class Worker:
    """An actor of Ray Data: batches of names in, how each ended out."""

    def __init__(self, order: Order) -> None:
        self._order, self._inpainter, self._stack = order, order.load(), ExitStack()
        listed = order.listed
        self._manifest = None if listed is None else self._stack.enter_context(opened_part(*listed))
        self._stack.enter_context(pillow_limit_lifted())
        self._stack.enter_context(pillow_quiet())

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """Nothing is raised for a picture: an exception of one would cost Ray the whole batch."""
        jobs = [_job(row) for row in batch["job"]]
        stores = self._order.stores
        ended, notes = self._done(jobs) if stores is None else through(stores, jobs, self._done)
        return {
            "job": list(batch["job"]),
            "ended": [
                json.dumps([one.error, dict(one.seconds), dict(one.how)]) for one in map(ended.__getitem__, jobs)
            ],
            "notes": [json.dumps(notes)] + ["{}"] * (len(jobs) - 1),
        }

    def _done(self, jobs: list[Job]) -> Done:
        ended = {job: Ended() for job in jobs}  # of what a worker that died had done
        left = jobs if self._manifest is None else self._left(jobs)
        notes = Notes()
        appearing = None if self._manifest is None else self._manifest.appended
        run_all(self._inpainter, left, self._order.options, notes=notes, outcome=ended.__setitem__, appearing=appearing)
        return ended, dict(notes.names())

    def _left(self, jobs: list[Job]) -> list[Job]:
        assert self._manifest is not None
        if any(job.output.exists() for job in jobs):  # hardly ever, so that the list is hardly ever read
            self._manifest.read()
        return self._manifest.left(jobs)


def run_all_on_ray(
    order: Order,
    jobs: Sequence[Job],
    ray_options: RayOptions,
    progress: Progress = iter,
    *,
    notes: Notes | None = None,
    outcome: Outcome = forget,
    told: Callable[[str], str] = str,
) -> int:
    """As `folder.run_all`, on a cluster. Raises LamaDeployError where there is none, and what `order.load` raises."""
    absolute = {_absolute(job): job for job in jobs}
    names_given = {
        str(name): str(own) for far, job in absolute.items() for name, own in zip(_files(far), _files(job), strict=True)
    }
    kept, failed = notes or Notes(), 0
    with redirect_stdout(sys.stderr), _cluster(ray_options) as ray:  # Ray prints there that a worker died
        rows = _rows(ray, order, list(absolute), ray_options)
        for _, row in zip(progress(jobs), rows, strict=True):
            job, ended = absolute[_job(row["job"])], Ended(*json.loads(row["ended"]))
            for text, names in json.loads(row["notes"]).items():
                for name in names:
                    kept.about(names_given.get(name, name))(text)
            if ended.error is not None:
                ended = replace(ended, error=_given(ended.error, names_given))
            outcome(job, ended)
            if ended.error is not None:
                failed += 1
                print(one_line(f"error: {told(ended.error)}"), file=sys.stderr)
    return failed


def _rows(ray: Any, order: Order, jobs: list[Job], options: RayOptions) -> Iterator[dict[str, Any]]:
    """In the order of the jobs."""
    import ray.data as data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    gpus = int(ray.cluster_resources().get("GPU", 0))
    cpus = int(ray.cluster_resources().get("CPU", 1))
    workers = options.workers or gpus or max(1, cpus // options.cpus)
    items = [{"job": _row(job)} for job in jobs]
    blocks = -(-len(items) // AT_ONCE)
    found = data.from_items(items, override_num_blocks=blocks).map_batches(
        Worker,
        fn_constructor_args=(order,),
        batch_size=AT_ONCE,
        concurrency=min(workers, blocks),
        num_cpus=options.cpus,
        num_gpus=1 if gpus else None,
    )
    try:
        yield from found.iter_rows()
    except Exception as error:
        if isinstance(error, LamaDeployError):
            raise
        raise LamaDeployError(f"Ray failed: {brief(_cause(error))}; its logs say more (ray logs)") from error


@contextmanager
def _cluster(options: RayOptions) -> Iterator[Any]:
    """Ray, connected; what was started for this call is ended with it. Raises LamaDeployError."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data  # needs pyarrow, which Ray alone does not bring
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"--ray needs {error.name}, which is not installed: {install('ray')}") from error
    own = options.address == LOCAL
    usual: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if own:
        usual |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        count = os.cpu_count() or 1
        usual["num_cpus"] = max(count, (options.workers or 1) * options.cpus)
    if ray.is_initialized():
        yield ray
        return
    try:
        ray.init(**({} if own else {"address": options.address}), **usual)
    except Exception as error:
        raise LamaDeployError(
            f"--ray {brief(options.address)}: no cluster there ({brief(error)}); --ray alone starts one on this machine"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _cause(error: BaseException) -> BaseException:
    """What went wrong, below Ray's own exceptions, which hold tracebacks."""
    cause = getattr(error, "cause", None) or error.__cause__
    return error if not isinstance(cause, BaseException) else _cause(cause)


def _row(job: Job) -> str:
    return json.dumps([str(job.image), str(job.mask or ""), str(job.output)])


def _job(row: object) -> Job:
    image, mask, output = json.loads(str(row))
    return Job(Path(image), Path(mask) if mask else None, Path(output))


def _files(job: Job) -> list[Path]:
    return [path for path in (job.image, job.mask, job.output) if path]


def _given(text: str, names: Mapping[str, str]) -> str:
    """An error, which begins with a file's name, with the name as it was given."""
    name, colon, reason = text.partition(": ")
    return f"{names.get(name, name)}{colon}{reason}"


def _absolute(job: Job) -> Job:
    """Workers have other folders to start from."""
    here = Path.cwd()
    return Job(here / job.image, job.mask and here / job.mask, here / job.output)
