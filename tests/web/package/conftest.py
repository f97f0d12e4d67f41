"""One bundle, one site, one browser and one Node for all tests of the package; skipped aloud where one is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lama_deploy import Inpainter
from lama_export.web.site import write_site
from tests.kernel_build import ROOT
from tests.web.package.bundles import write_demo
from tests.web.package.pictures import Job
from tests.web.package.serving import Server

WEB = ROOT / "web"
MODULES = WEB / "node_modules"
FillByNode = Callable[..., Any]


@pytest.fixture(scope="session")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node.js here: install it, then npm ci in web/")
    return found


@pytest.fixture(scope="session")
def modules() -> Path:
    """The packages that web/package.json names."""
    if not MODULES.is_dir():
        pytest.skip("web/node_modules is missing: run npm ci in web/")
    return MODULES


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of lama-demo in float32, not to be written to."""
    return write_demo(tmp_path_factory.mktemp("web") / "bundle")


@pytest.fixture(scope="session")
def native(demo: Path) -> Inpainter:
    return Inpainter.load(demo, backend="onnxruntime", threads=1)


@pytest.fixture(scope="session")
def fill_by_node(node: str, modules: Path) -> FillByNode:
    """(model, jobs, options of `load`) -> what the package says under Node."""

    def fill(model: Path, jobs: Sequence[Job], **options: Any) -> Any:
        words = [node, str(WEB / "test" / "support" / "fill.mjs"), str(model), json.dumps(options)]
        given = json.dumps([job.to_json() for job in jobs])
        done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return fill


@pytest.fixture(scope="session")
def site(demo: Path, modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lama-export --to web writes of it, not to be written to."""
    out = tmp_path_factory.mktemp("site")
    write_site(demo, out, name="lama-demo", runtime=modules / "onnxruntime-web" / "dist")
    return out


@pytest.fixture(scope="session")
def serve(site: Path) -> Iterator[Callable[..., Server]]:
    """(isolated, folder) -> the site, or a folder, on a server of plain files, with the headers that isolate pages or
    without.
    """
    servers: list[Server] = []

    def start(*, isolated: bool, folder: Path = site) -> Server:
        servers.append(Server(folder, isolated=isolated))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
