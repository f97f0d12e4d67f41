"""Model files by themselves, with no bundle.json to tell that they are damaged, or made to do harm."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lama_deploy.bundle import IO_PROPERTY
from tests.hostile.bundle_files import open_and_run, write_bundles
from tests.hostile.mutations import mutated

TIME_BOUND = 60.0
MEMORY_BUDGET = 400 << 20
COUNT = 240

Maker = Callable[[dict[str, bytes], Path], Path]
UNKNOWN = TensorProto.UINT8, [None, None, None, 3]


def prepare(folder: Path) -> dict[str, bytes]:
    """The files that are damaged, by name."""
    found = write_bundles(folder)
    files = found["onnx"] / "model.onnx", found["openvino"] / "model.xml", found["openvino"] / "model.bin"
    return {file.name: file.read_bytes() for file in files}


def case(shared: dict[str, bytes], folder: Path, seed: int) -> None:
    if seed < len(CRAFTED):
        open_and_run(CRAFTED[seed](shared, folder))
        return
    rng = random.Random(seed)
    damaged = rng.choice(sorted(shared))
    for name, content in shared.items():
        (folder / name).write_bytes(mutated(rng, content) if name == damaged else content)
    open_and_run(folder / ("model.onnx" if damaged == "model.onnx" else "model.xml"))


def _onnx(change: Callable[[onnx.ModelProto], Any]) -> Maker:
    def make(shared: dict[str, bytes], folder: Path) -> Path:
        model = onnx.load_model_from_string(shared["model.onnx"])
        change(model)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        return folder / "model.onnx"

    return make


def _made(*nodes: onnx.NodeProto, image: Any = UNKNOWN, result: Any = UNKNOWN) -> Maker:
    """A model of another kind that says it is one of ours."""

    def make(shared: dict[str, bytes], folder: Path) -> Path:
        inputs = [helper.make_tensor_value_info(*one) for one in (("image", *image), ("mask", UNKNOWN[0], [None] * 3))]
        graph = helper.make_graph(list(nodes), "g", inputs, [helper.make_tensor_value_info("result", *result)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, {IO_PROPERTY: "uint8"})
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        return folder / "model.onnx"

    return make


def _outside(location: str) -> Callable[[onnx.ModelProto], None]:
    """Weights that lie elsewhere."""

    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "4")):
            tensor.external_data.add(key=key, value=value)

    return change


def _constant(name: str, value: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value)))


def _xml(change: Callable[[str], str], encoding: str = "utf-8") -> Maker:
    def make(shared: dict[str, bytes], folder: Path) -> Path:
        (folder / "model.bin").write_bytes(shared["model.bin"])
        (folder / "model.xml").write_bytes(change(shared["model.xml"].decode()).encode(encoding))
        return folder / "model.xml"

    return make


def _bomb(text: str) -> str:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a0 "lol">{entities}]>' + text.split("?>", 1)[1].replace(
        'name="lama"', 'name="&a11;"', 1
    )


def _entity(text: str) -> str:
    return '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + text.split("?>", 1)[1]


def _without(name: str) -> Maker:
    def make(shared: dict[str, bytes], folder: Path) -> Path:
        for kept in {"model.xml", "model.bin"} - {name}:
            (folder / kept).write_bytes(shared[kept])
        return folder / "model.xml"

    return make


def _numbers(text: str) -> str:
    """Every size is enormous."""
    return re.sub(r"<dim>\d+</dim>", "<dim>999999999999</dim>", text)


IDENTITY = helper.make_node("Identity", ["image"], ["result"])
FLOATS, SMALL = (TensorProto.FLOAT, [None] * 4), (TensorProto.UINT8, [1, 8, 8, 3])
LARGE = [
    _constant("shape", np.array([1, 5000, 5000, 3])),
    helper.make_node("ConstantOfShape", ["shape"], ["result"], value=numpy_helper.from_array(np.zeros(1, np.uint8))),
]
ENDLESS = [
    _constant("end", np.array(2**62)),
    _constant("one", np.array(1)),
    helper.make_node("Range", ["one", "end", "one"], ["x"]),
    helper.make_node("Cast", ["x"], ["result"], to=TensorProto.UINT8),
]
UNKNOWN_NODE = [
    helper.make_node("Identity", ["image"], ["a"]),
    helper.make_node("Nothing", ["a"], ["result"], domain="none"),
]
CRAFTED: list[Maker] = [
    *(_onnx(_outside(name)) for name in ("/etc/hostname", "../../notes.txt", "model.onnx", "/dev/zero", "", "a\nb")),
    _onnx(lambda model: model.graph.ClearField("node")),
    _onnx(lambda model: model.graph.ClearField("initializer")),
    _onnx(lambda model: model.graph.ClearField("output")),
    _onnx(lambda model: model.ClearField("functions")),
    _onnx(lambda model: model.ClearField("opset_import")),
    _onnx(lambda model: setattr(model, "ir_version", 10**6)),
    _onnx(lambda model: model.graph.node.extend(list(model.graph.node))),
    _onnx(lambda model: model.graph.initializer[0].dims.__setitem__(0, 2**40)),
    _onnx(lambda model: model.graph.initializer[0].dims.__setitem__(0, -1)),
    _onnx(lambda model: model.graph.initializer[0].dims.extend([1] * 100)),
    _onnx(lambda model: setattr(model.graph.input[0], "name", "x" * 10**6)),
    _onnx(lambda model: setattr(model.graph.input[0], "name", "a\nb")),
    _onnx(lambda model: [model.metadata_props.add(key=f"k{n}", value="v" * 1000) for n in range(1000)]),
    _made(IDENTITY),
    _made(IDENTITY, image=FLOATS, result=FLOATS),
    _made(IDENTITY, image=SMALL, result=SMALL),
    _made(helper.make_node("Identity", ["mask"], ["result"]), result=(TensorProto.UINT8, [None] * 3)),
    _made(helper.make_node("Transpose", ["image"], ["result"], perm=[0, 2, 1, 3])),
    _made(*LARGE),
    _made(*ENDLESS),
    _made(*UNKNOWN_NODE),
    _made(helper.make_node("Identity", ["result"], ["result"])),
    _xml(_bomb),
    _xml(_entity),
    _xml(_numbers),
    _xml(lambda text: text, "utf-16"),
    _xml(lambda text: ""),
    _xml(lambda text: text[:1000]),
    _xml(lambda text: text.replace("encoding='utf-8'", "encoding='nonsense'", 1)),
    _xml(lambda text: text.replace("encoding='utf-8'", "encoding='utf-7'", 1)),
    _xml(lambda text: "<a>" * 10**5),
    _xml(lambda text: text.replace('version="11"', f'version="{"9" * 10**5}"', 1)),
    _xml(lambda text: text.replace('type="Convolution"', 'type="Nonsense"')),
    _xml(lambda text: re.sub(r'offset="\d+"', 'offset="99999999999999"', text)),
    _xml(lambda text: re.sub(r'size="\d+"', 'size="99999999999999"', text)),
    _xml(lambda text: re.sub(r'from-layer="\d+"', 'from-layer="0"', text)),
    _without("model.bin"),
    _without("model.xml"),
]
