"""Object stores on lama-inpaint's command line: stand-ins in place of them, and their names in what people read."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lama_deploy.cli.pipes import Piped
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.jobs.stores import Stores, is_in_store, standing_in


@dataclass(frozen=True)
class Stored(Piped):
    """Inputs and output with stand-ins in place of stores."""

    stores: Stores | None = None

    def told(self, text: str) -> str:
        return text if self.stores is None else self.stores.told(text)

    def given(self, name: str) -> str:
        return self.told(name)


@contextmanager
def through_stores(args: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """Options with stand-ins, and as `stores` what these stand for, None for nothing.

    Raises LamaDeployError for stores without --ray, or with --resume.
    """
    given = [path for path in (*args.paths, args.mask, args.output) if path is not None and is_in_store(path)]
    own = argparse.Namespace(**vars(args), stores=None)
    if not given:
        yield own
        return
    if args.ray is None:
        raise LamaDeployError(f"{brief(str(given[0]))}: an object store is read with --ray; give files or folders")
    if args.resume:
        raise LamaDeployError("--resume keeps its list in a folder of files; with a store give --skip-existing")
    with standing_in() as stores:
        own.stores = stores
        try:
            own.paths = [stores.add(path) if is_in_store(path) else path for path in args.paths]
            own.mask = stores.add(args.mask) if args.mask is not None and is_in_store(args.mask) else args.mask
            own.output = stores.add(args.output, is_output=True) if is_in_store(args.output) else args.output
            yield own
        except LamaDeployError as error:
            raise type(error)(stores.told(str(error))) from error


def with_stores(piped: Piped, stores: Stores | None) -> Piped:
    return piped if stores is None else Stored(piped.inputs, piped.output, stores=stores)
