"""The folder: page, package, ONNX Runtime, model, and what makes it work offline and with threads on any host."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lama_deploy
from lama_deploy.bundle import MODEL, Bundle, load_bundle
from lama_deploy.disk import files_below, sha256_of
from lama_deploy.errors import BundleError, LamaDeployError, brief
from lama_export.web.ort_files import FILES, WEBGPU, ort_folder

OWN = Path(__file__).parent / "files"
INSTALLED = Path(lama_deploy.__file__).parent / "_web"
CHECKOUT = INSTALLED.parents[1] / "web"
PAGE, PACKAGE = "site", "dist"  # in either
HEAD = '<link rel="manifest" href="manifest.webmanifest">\n<script src="register.js"></script>\n</head>'
ANY_POLICY = re.compile(
    r"(http-equiv=\"Content-Security-Policy\" content=\"[^\"]*default-src 'none')(?![^\"]*manifest-src)"
)
ICON = "icon.svg"
WORKER = "offline.js"


def write_site(bundle: Path, out: Path, *, name: str | None = None, runtime: Path | None = None) -> None:
    """Fills the empty folder `out`, of a bundle for ONNX Runtime. Nothing is written before all of it is there.

    name: of the model, as the page shows it; None: by its weights. runtime: a folder with onnxruntime-web's files
    (`ort_files.ort_folder`). Raises LamaDeployError for what is missing, and for a bundle that browsers cannot run.
    """
    described = load_bundle(bundle)
    _require_runnable(bundle, described)
    web, ort = web_folder(), ort_folder(runtime)
    _copy(web / PAGE, out, files_below(web / PAGE))
    _copy(web / PACKAGE, out / "lama", (web / PACKAGE).rglob("*.js"))
    _copy(ort, out / "ort", (ort / file for file in FILES))
    _copy(bundle, out / "model", [bundle / MODEL])
    config = _config(described, name)
    _write_json(out / "config.json", config)
    _write_json(out / "manifest.webmanifest", _manifest(config["model"]["name"]))
    for file in ("register.js", "README.md"):
        shutil.copyfile(OWN / file, out / file)
    _complete_page(out / "index.html")
    (out / WORKER).write_text(_worker(out), encoding="utf-8")


def web_folder() -> Path:
    """With the page and the package: the checkout's or the installed one. Raises LamaDeployError."""
    for folder in (CHECKOUT, INSTALLED):
        if (folder / PAGE / "index.html").is_file() and (folder / PACKAGE / "index.js").is_file():
            return folder
    raise LamaDeployError("this installation has no page and no package for browsers; install lama-deploy again")


def _require_runnable(folder: Path, bundle: Bundle) -> None:
    if bundle.target != "onnx":
        raise BundleError(
            f"{folder}: is for {bundle.target}, and browsers run ONNX Runtime; give a bundle of lama-export --to onnx"
        )
    if set(bundle.files) != {MODEL}:
        others = ", ".join(sorted(set(bundle.files) - {MODEL}))
        raise BundleError(f"{folder}: its model is in several files ({brief(others)}), and browsers take one of 2 GB")


def _copy(source: Path, target: Path, files: Iterable[Path]) -> None:
    for file in files:
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


def _config(bundle: Bundle, name: str | None) -> dict[str, Any]:
    """As the page reads it: `config.json`."""
    file = bundle.files[MODEL]
    return {
        "engine": "browser",
        "package": "./lama/index.js",
        "model": {
            "name": name or bundle.variant or Path(bundle.weights["source"]).stem,
            "file": f"./model/{MODEL}",
            "bytes": file["bytes"],
            "sha256": file["sha256"],
            "precision": bundle.precision,
        },
        "runtime": "./ort/",
    }


def _manifest(name: str) -> dict[str, Any]:
    """By which browsers install it."""
    return {
        "name": f"LaMa: remove things from photos ({name})",
        "short_name": "LaMa",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "icons": [{"src": ICON, "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }


def _complete_page(index: Path) -> None:
    """Tells the page of its manifest and its service worker."""
    text = index.read_text(encoding="utf-8")
    text = ANY_POLICY.sub(r"\1; manifest-src 'self'", text)
    index.write_text(text.replace("</head>", HEAD, 1), encoding="utf-8")


def _worker(out: Path) -> str:
    """The service worker of these files: another one for other files, so that visitors get them."""
    # The package stores the model itself. What computes on GPUs is kept once it was used.
    later = {f"ort/{file}" for file in WEBGPU}
    files = [path.relative_to(out).as_posix() for path in files_below(out)]
    files = [file for file in files if not file.startswith("model/") and file != "README.md"]
    digest = hashlib.sha256("".join(f"{file} {sha256_of(out / file)}\n" for file in files).encode()).hexdigest()
    listed = {"version": digest[:16], "files": [file for file in files if file not in later], "later": sorted(later)}
    body = (OWN / WORKER).read_text(encoding="utf-8")
    return body.replace("const SITE = {};", f"const SITE = {json.dumps(listed)};", 1)


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
