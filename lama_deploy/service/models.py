"""The models that a service has open, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lama_deploy.bundle import MODELS, is_bundle, load_bundle
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.service.engine import Engine
from lama_deploy.service.refusals import RefusedError


class Model:
    """One opened model. facts: of its bundle or backend, for clients, as JSON."""

    def __init__(self, name: str, source: str, inpainter: Inpainter, engine: Engine) -> None:
        self.name, self.inpainter, self.engine = name, inpainter, engine
        self.facts = {"name": name, **_facts(source, inpainter)}


class Models:
    """By name; the first is the one that is taken where a request names none."""

    def __init__(self, opened: Mapping[str, tuple[str, Inpainter]], engine: Callable[[str, Inpainter], Engine]) -> None:
        """opened: {name: (source, inpainter)}, at least one. engine: makes the queue of a model."""
        self._models = {name: Model(name, source, one, engine(name, one)) for name, (source, one) in opened.items()}

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    @property
    def default(self) -> Model:
        return next(iter(self))

    def named(self, name: str | None) -> Model:
        """Raises RefusedError, 404, for a name that there is not."""
        if not name:
            return self.default
        if name not in self._models:
            raise RefusedError(
                HTTPStatus.NOT_FOUND, f"model '{brief(name, 60)}' is not served; served: {', '.join(self._models)}"
            )
        return self._models[name]

    def listed(self) -> list[dict[str, Any]]:
        """For clients."""
        return [{**one.facts, "default": one is self.default} for one in self]

    def close(self) -> None:
        for one in self:
            one.engine.close()


def _facts(source: str, inpainter: Inpainter) -> dict[str, Any]:
    """No path of this machine is told."""
    declared, path = inpainter.backend.capabilities, Path(source)
    folder = path.parent if path.name in MODELS.values() else path
    precision = declared.made_for or declared.precision or "fp32"
    if not is_bundle(folder):
        return {"engine": inpainter.backend.name, "precision": precision}
    bundle = load_bundle(folder, check=False)
    return {"engine": inpainter.backend.name, "precision": bundle.precision, "variant": bundle.variant}


def names_of(given: list[str]) -> dict[str, str]:
    """{name: source} of MODEL and NAME=MODEL as a command line has them. Raises LamaDeployError for one name twice."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, source = text.partition("=")
        if not equals or "/" in name or Path(text).exists():
            name, source = Path(text).name or Path(text).resolve().name, text
        if not name or not source or not name.isprintable():
            raise LamaDeployError(f"{brief(text)}: allowed: a bundle, or NAME=BUNDLE")
        if name in found:
            raise LamaDeployError(
                f"two models are called {brief(name)}; name one of them otherwise: NAME={brief(source)}"
            )
        found[name] = source
    return found
