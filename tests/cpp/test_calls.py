"""Calls of the C ABI: what is told, what is refused in one line, and that what fails leaves everything as it was."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from ctypes import byref, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lama_deploy.arrays import Array
from lama_deploy.runtime.inpainter import Inpainter as PythonInpainter
from lama_deploy.runtime.strategies.options import StrategyOptions
from tests.cpp import liblama
from tests.cpp.building import engine_folder
from tests.cpp.liblama import Call, Error, Inpainter, LamaError, Liblama, Options
from tests.hostile.bundle_files import copy

ENGINE = engine_folder("onnx")
HUGE = 2**31


@pytest.fixture(scope="module")
def bundle(tiny_bundles: Mapping[str, Path]) -> Path:
    return tiny_bundles["onnx"]


@pytest.fixture(scope="module")
def tiles(lama: Liblama, bundle: Path) -> Iterator[Inpainter]:
    """With windows small enough that a picture of some hundred pixels takes several."""
    inpainter = lama.load(bundle, engine=ENGINE, threads=1, strategy="tile", limit=128, margin=16)
    yield inpainter
    inpainter.close()


def picture(height: int, width: int, channels: int = 3) -> Array:
    return np.random.default_rng(3).integers(0, 256, (height, width, channels), np.uint8)


def line_hole(height: int, width: int) -> Array:
    hole = np.zeros((height, width), np.uint8)
    hole[height // 2, 5:-5] = 255
    return hole


def test_what_is_open(lama: Liblama, tiny_bundles: Mapping[str, Path]) -> None:
    import onnxruntime
    import openvino

    engines = {"onnx": ("onnxruntime", onnxruntime.__version__), "openvino": ("openvino", openvino.__version__)}
    for target, (name, version) in engines.items():
        info = lama.load(tiny_bundles[target], engine=engine_folder(target)).info()
        assert (info["engine"], info["precision"]) == (name, "fp32") and info["workers"] >= 1
        assert info["version"].split("-")[0] in version and Path(info["library"]).is_file()


def test_progress_is_told_and_ends_a_call(tiles: Inpainter) -> None:
    image, mask = picture(100, 600), line_hole(100, 600)
    told: list[tuple[int, int]] = []
    tiles.inpaint(image, mask, progress=lambda _user, done, count: told.append((done, count)) or 0)
    count = told[0][1]
    assert count > 2 and told == [(done, count) for done in range(1, count + 1)]
    output = np.full_like(image, 7)
    with pytest.raises(LamaError, match="progress callback") as caught:
        tiles.inpaint(image, mask, output=output, progress=lambda _user, done, _count: done == 2)
    assert caught.value.status == "cancelled" and (output == 7).all()


def test_a_plan_has_the_words_of_python(lama: Liblama, bundle: Path) -> None:
    for strategy in liblama.STRATEGIES:
        options = StrategyOptions(strategy=strategy, limit=256)  # type: ignore[arg-type]
        python = PythonInpainter.load(bundle, strategy=options)
        c = lama.load(bundle, engine=ENGINE, strategy=strategy, limit=256)
        for hole in (line_hole(900, 1300), line_hole(40, 50), np.ones((700, 900), np.uint8)):
            plan = python.plan(hole)
            assert c.plan(hole) == f"{plan.text}: {plan.windows}"


def test_what_was_chosen_and_what_looks_wrong_is_logged(lama: Liblama, bundle: Path) -> None:
    c = lama.load(bundle, engine=ENGINE, limit=128)
    image = picture(900, 900)
    c.inpaint(image, line_hole(900, 900))
    assert c.lines == [(0, c.plan(line_hole(900, 900)))]
    del c.lines[:]
    c.inpaint(image[:50, :50], np.zeros((50, 50), np.uint8))
    c.inpaint(image[:50, :50], np.full((50, 50), 1, np.uint8))
    c.inpaint(image[:50, :50], None, boxes=[(-1, 0, 5, 5)])
    warnings = [line for level, line in c.lines if level == 1]
    assert [line.split(",")[0].split(";")[0] for line in warnings] == [
        "the mask has no hole",
        "the hole is more than 95% of the picture",
        "a box or point reaches over the picture's edge",
    ]


def test_threads_get_their_own_pictures(lama: Liblama, tiny_bundles: Mapping[str, Path]) -> None:
    for target, path in tiny_bundles.items():
        c = lama.load(path, engine=engine_folder(target), threads=1, limit=128)
        pictures = [(picture(40 + 9 * n, 60 + 31 * n), line_hole(40 + 9 * n, 60 + 31 * n)) for n in range(16)]
        expected = [c.inpaint(*one) for one in pictures]
        with ThreadPoolExecutor(8) as pool:
            results = pool.map(c.inpaint, *zip(*(pictures * 3), strict=True))
            for one, other in zip(results, expected * 3, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("target", "threads", "line"),
    [
        ("onnx", 2, "opened before the process was forked; open models after the fork.*threads=1"),
        ("openvino", 1, "opened before the process was forked; open models after the fork"),
        ("onnx", 1, ""),
    ],
)
def test_a_forked_child_is_told_what_would_hang(
    tree: Path, tiny_bundles: Mapping[str, Path], target: str, threads: int, line: str
) -> None:
    """In a process of its own, that has no other threads."""
    code = """
import os, signal, sys
import numpy as np
from pathlib import Path
from tests.cpp.liblama import LamaError, Liblama
library, bundle, engine, threads = sys.argv[1:]
def load():
    return Liblama(Path(library)).load(bundle, engine=engine, threads=int(threads))
def used(one):
    try:
        one.inpaint(np.zeros((40, 50, 3), np.uint8), np.eye(40, 50, dtype=np.uint8))
        return "fills"
    except LamaError as error:
        return f"{error.status}: {error}"
one = load()
used(one)
if os.fork() == 0:
    signal.alarm(90)
    print(used(one), flush=True)
    one.close()
    try:
        print(used(load()), flush=True)
    except LamaError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""
    command = [sys.executable, "-c", code, tree / "liblama.so", tiny_bundles[target], engine_folder(target)]
    done = subprocess.run([*map(str, command), str(threads)], capture_output=True, text=True, timeout=100, check=True)
    called, opened = done.stdout.splitlines()
    assert re.fullmatch(f"engine error: .*{line}.*" if line else "fills", called), called
    refused = (target, threads) == ("onnx", 2)
    assert ("ONNX Runtime was used before this process was forked" in opened) if refused else opened == "fills"


def test_warm_up(tiles: Inpainter) -> None:
    tiles.warm_up(2, 64, 128)
    for shape in ((0, 64, 64), (1, -1, 64), (1, 64, HUGE), (2**20, 2**20, 2**20)):
        with pytest.raises(LamaError, match=r"allowed|memory|1,048,576|2\^31"):
            tiles.warm_up(*shape)


def views(image: Array, mask: Array, output: Array) -> dict[str, liblama.Image]:
    return {
        "image": liblama.view(image, "rgb"),
        "mask": liblama.view(mask, "grey"),
        "output": liblama.view(output, "rgb"),
    }


BAD_VIEWS: list[tuple[str, str, Any, str]] = [
    ("image", "data", None, "the image is NULL"),
    ("mask", "data", None, "the mask is NULL"),
    ("output", "data", None, "the output is NULL"),
    *((name, "width", width, f"the {name} is {width}x") for name in ("image", "mask", "output") for width in (0, -1)),
    ("image", "height", HUGE, f"the image is 33x{HUGE}; allowed"),
    ("image", "width", 2**62, "allowed: 1 to 1048576"),
    ("image", "stride", 98, "rows 98 bytes apart, and 33 pixels take 99"),
    ("image", "stride", -99, "from the top row down"),
    ("image", "stride", 2**62, "beyond all memory"),
    ("output", "stride", 2**63 - 1, "beyond all memory"),
    ("image", "format", 0, "has the format 0"),
    ("image", "format", 6, "has the format 6"),
    ("mask", "format", 2, "rows 33 bytes apart, and 33 pixels take 99"),
    ("mask", "width", 32, "the mask is 32x21, the image 33x21"),
    ("output", "width", 32, "both must have the same size and format"),
    ("output", "format", 3, "share memory|same size and format"),
]


@pytest.mark.parametrize(("name", "field", "value", "line"), BAD_VIEWS)
def test_views_that_are_none(tiles: Inpainter, name: str, field: str, value: Any, line: str) -> None:
    given = views(picture(21, 33), line_hole(21, 33), output := np.full((21, 33, 3), 9, np.uint8))
    setattr(given[name], field, value)
    with pytest.raises(LamaError, match=line) as caught:
        tiles._checked(tiles.lama.c.lama_inpaint, tiles.handle, *map(byref, given.values()), None)
    assert caught.value.status == "invalid argument" and (output == 9).all()


def test_null_is_told_and_never_followed(lama: Liblama, tiles: Inpainter, bundle: Path) -> None:
    c, error, none = lama.c, Error(), c_void_p()
    given = [byref(one) for one in views(picture(21, 33), line_hole(21, 33), picture(21, 33)).values()]
    calls = [
        (c.lama_load, (None, None, byref(none))),
        (c.lama_load, (str(bundle).encode(), None, None)),
        (c.lama_describe, (None, None)),
        (c.lama_inpaint, (None, *given, None)),
        (c.lama_inpaint, (tiles.handle, None, *given[1:], None)),
        (c.lama_inpaint, (tiles.handle, given[0], None, given[2], None)),
        (c.lama_inpaint, (tiles.handle, *given[:2], None, None)),
        (c.lama_inpaint_batch, (tiles.handle, c_size_t(0), *given, None)),
        (c.lama_inpaint_batch, (tiles.handle, c_size_t(2**63), *given, None)),
        (c.lama_inpaint_on_device, (tiles.handle, None, None)),
        (c.lama_plan, (tiles.handle, given[1], None, None, c_size_t(5))),
        (c.lama_plan, (tiles.handle, None, None, ctypes.create_string_buffer(5), c_size_t(5))),
    ]  # fmt: skip
    for function, arguments in calls:
        assert function(*arguments, byref(error)) == 1 and error.message, function
        assert function(*arguments, None) == 1
    for function in (c.lama_options_init, c.lama_call_init, c.lama_info_init, c.lama_free):
        function(None)


def test_outputs_that_overlap_are_refused_and_those_that_interleave_are_not(tiles: Inpainter) -> None:
    wide = np.zeros((20, 3 * 40, 3), np.uint8)
    left, middle, right = (wide[:, 40 * n : 40 * n + 40] for n in range(3))
    left[:] = picture(20, 40)
    tiles.inpaint(left, line_hole(20, 40), output=middle)
    np.testing.assert_array_equal(middle[0], left[0])
    masks = [line_hole(20, 40)] * 2
    tiles.inpaint_batch([left, middle], masks, ["rgb"] * 2, [left, right])
    for outputs in ([middle, right], [right, right], [wide[:, 10:50], right]):
        before = wide.copy()
        with pytest.raises(LamaError, match="share memory"):
            tiles.inpaint_batch([left, middle], masks, ["rgb"] * 2, outputs)
        np.testing.assert_array_equal(wide, before)
    hole = line_hole(20, 120)
    with pytest.raises(LamaError, match="share memory"):
        tiles.inpaint(picture(20, 40, 1)[..., 0], hole[:, :40], kind="grey", output=hole[:, 39:79])


BAD_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"mask_threshold": 255.0}, "mask_threshold"),
    ({"mask_threshold": -1.0}, "mask_threshold"),
    ({"mask_threshold": float("nan")}, "mask_threshold"),
    ({"mask_invert": 2}, "mask_invert is 2; allowed: 0, 1"),
    ({"mask_grow": -1}, "mask_grow"),
    ({"mask_grow": 1001}, "mask_grow is 1001; allowed: 0 to 1000"),
    ({"boxes": [(0, 0, 0, 5)]}, "the box 0,0,0,5 has no width or no height in a picture of 33x21"),
    ({"boxes": [(40, 0, 5, 5)]}, "the box 40,0,5,5 is outside of the picture, which is 33x21"),
    ({"boxes": [(0, 0, float("inf"), 5)]}, "the box 0,0,inf,5 has a number"),
    ({"points": [(1, 1, -1)]}, "the point 1,1,-1 has a radius below 0"),
    ({"points": [(float("nan"), 1, 1)]}, "the point nan,1,1 has a number"),
    ({"points": [(100, 100, 3)]}, "the point 100,100,3 is outside"),
    ({"box_count": 2**40}, "1099511627776 boxes"),
    ({"point_count": 1, "points": []}, "NULL|outside|radius|number"),
    ({"size": 3}, "a structure says that it has 3 bytes"),
    ({"size": 10**6}, "call lama_call_init on it first"),
]


@pytest.mark.parametrize(("call", "line"), BAD_CALLS)
def test_calls_that_are_none(tiles: Inpainter, call: dict[str, Any], line: str) -> None:
    given = liblama.call_of(**{key: value for key, value in call.items() if key != "point_count"})
    if "point_count" in call:
        given.points, given.point_count = None, 1
    image, output = picture(21, 33), np.full((21, 33, 3), 9, np.uint8)
    seen = [byref(one) for one in views(image, line_hole(21, 33), output).values()]
    with pytest.raises(LamaError, match=line) as caught:
        tiles._checked(tiles.lama.c.lama_inpaint, tiles.handle, *seen, byref(given))
    assert caught.value.status == "invalid argument" and (output == 9).all()


def test_a_structure_of_an_older_program_is_taken(lama: Liblama, bundle: Path) -> None:
    """Which was compiled when it had fewer members."""
    options, none = Options(), c_void_p()
    lama.c.lama_options_init(byref(options), c_size_t(ctypes.sizeof(options)))
    options.engine = str(ENGINE).encode()
    options.size = Options.plugin.offset
    assert lama.c.lama_load(str(bundle).encode(), byref(options), byref(none), None) == 0
    call, image = Call(), picture(21, 33)
    lama.c.lama_call_init(byref(call), c_size_t(ctypes.sizeof(call)))
    call.size, call.mask_grow = Call.mask_grow.offset, 10**6
    seen = [byref(one) for one in views(image, line_hole(21, 33), np.zeros_like(image)).values()]
    assert lama.c.lama_inpaint(none, *seen, byref(call), None) == 0
    lama.c.lama_free(none)


@pytest.mark.parametrize("name", ["options", "call", "info"])
def test_a_structure_begins_within_its_own_bytes(lama: Liblama, name: str) -> None:
    """A program that was compiled against an earlier version has fewer than the library, one of a later more."""
    begin, whole = getattr(lama.c, f"lama_{name}_init"), ctypes.sizeof(getattr(liblama, name.capitalize()))
    for size in (0, 7, 8, 16, whole, whole + 24):
        memory = (ctypes.c_uint8 * (whole + 32))(*[0xAB] * (whole + 32))
        begin(byref(memory), c_size_t(size))
        told = int.from_bytes(bytes(memory[:8]), sys.byteorder)
        assert size < 8 or told == min(size, whole)
        assert set(memory[size if size >= 8 else 0 :]) == {0xAB} and not any(memory[whole:size])
    begin(None, c_size_t(whole))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"limit": 127}, "limit is 127; allowed: 128 to 65536"),
        ({"margin": -1}, "margin"),
        ({"threads": -1}, "threads"),
        ({"streams": 5000}, "streams"),
        ({"check": 2}, "check"),
        ({"memory": -1}, "memory"),
        ({"precision": "f32"}, "precision is of OpenVINO's bundles alone"),
        ({"cache": "any"}, "cache is of OpenVINO's bundles alone, and this is one of ONNX Runtime"),
        ({"plugin": "any"}, "plugin is of TensorRT's bundles alone"),
        ({"device": 0}, "device is of TensorRT's bundles alone, and this is one of ONNX Runtime; leave it out"),
        ({"engine": "/nowhere/at all"}, "/nowhere/at all"),
    ],
)
def test_options_that_are_none(lama: Liblama, bundle: Path, options: dict[str, Any], line: str) -> None:
    with pytest.raises(LamaError, match=line):
        lama.load(bundle, **{"engine": ENGINE, **options})


def test_too_little_memory_is_told_before_anything_is_tried(lama: Liblama, bundle: Path) -> None:
    c = lama.load(bundle, engine=ENGINE, strategy="whole", memory=160_000_000)
    image, output = picture(600, 600), np.full((600, 600, 3), 9, np.uint8)
    with pytest.raises(LamaError, match=r"600x600 pixels take about 0.\d+ GiB .* LAMA_AUTO") as caught:
        c.inpaint(image, line_hole(600, 600), output=output)
    assert caught.value.status == "out of memory" and (output == 9).all()
    claimed = liblama.Image(image.ctypes.data, 40_000, 40_000, 120_000, 2)
    with pytest.raises(LamaError, match="process may take"):
        c._checked(lama.c.lama_inpaint, c.handle, byref(claimed), None, byref(claimed), byref(
            liblama.call_of(boxes=[(0, 0, 1, 1)])))  # fmt: skip


def test_names_in_lines_are_utf_8_whatever_they_were(lama: Liblama) -> None:
    """Else who binds it to a language with texts meets an error of another kind while it tells of this one."""
    names = {
        b"\xffn\xc3\xbc": "?n\u00fc",
        b"\xe0\x80\x80\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf": "?" * 12,
        "\U0001f600\u20ac".encode(): "\U0001f600\u20ac",
        b"a\xe2\x82": "a??",
        b"a\nb\x1b": "a b ",
    }
    for name, shown in names.items():
        error = Error()
        assert lama.c.lama_load(name, None, byref(c_void_p()), byref(error)) == 2
        assert error.message.decode() == f"{shown}: not a bundle (no bundle.json); make one with lama-export"
    for name in (b"x" * 5000, "\u20ac".encode() * 500, b"a" + "\u20ac".encode() * 500, b"\xff" * 500):
        lama.c.lama_load(name, None, byref(c_void_p()), byref(error))
        assert "...: not a bundle" in error.message.decode()


def changed(place: Path, **values: Any) -> None:
    manifest = json.loads((place / "bundle.json").read_text())
    (place / "bundle.json").write_text(json.dumps({**manifest, **values}))


def test_bundles_that_are_none(lama: Liblama, bundle: Path, tmp_path: Path) -> None:
    manifest = json.loads((bundle / "bundle.json").read_text())
    (name,) = manifest["files"]
    entry = manifest["files"][name]
    faults: dict[str, tuple[Any, str]] = {
        "folder": (lambda place: (place / "bundle.json").unlink(), "not a bundle"),
        "format": (lambda place: changed(place, format=2), "format 2"),
        "json": (lambda place: (place / "bundle.json").write_text("{"), "damaged"),
        "deep": (lambda place: (place / "bundle.json").write_text("[" * 10**6), "damaged"),
        "outside": (lambda place: changed(place, files={"../" + name: entry, name: entry}), "plain names"),
        "absolute": (lambda place: changed(place, files={"/etc/passwd": entry, name: entry}), "plain names"),
        "target": (lambda place: changed(place, target="paper"), "target"),
        "phone": (lambda place: changed(place, target="mnn"), "is for mnn, and allowed are bundles for onnx, openvino"),
        "missing": (lambda place: (place / name).unlink(), f"{name}"),
        "truncated": (lambda place: os.truncate(place / name, 1000), "1000 bytes"),
        "other bytes": (lambda place: (place / name).write_bytes(bytes(entry["bytes"])), "SHA-256"),
        "pipe": (lambda place: ((place / "bundle.json").unlink(), os.mkfifo(place / "bundle.json")), "bundle.json"),
        "precision": (lambda place: changed(place, precision="int8"), "int8"),
    }
    for fault, (make, line) in faults.items():
        place = copy(bundle, tmp_path / fault)
        make(place)
        with pytest.raises(LamaError, match=line) as caught:
            lama.load(place, engine=ENGINE)
        assert caught.value.status == "bad bundle", fault
        with pytest.raises(Exception, match=r"."):  # of which Python must not think otherwise
            PythonInpainter.load(place)
    place = copy(bundle, tmp_path / "unchecked")
    (place / name).write_bytes(bytes(entry["bytes"]))
    with pytest.raises(LamaError, match="cannot open it"):
        lama.load(place, engine=ENGINE, check=0)
