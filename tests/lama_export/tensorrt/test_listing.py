"""What an engine says of itself, read in every dialect and judged. Needs no TensorRT."""

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from lama_deploy.errors import EngineError
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.model import onnx_from_state
from lama_export.tensorrt.asked import Asked, Origin, asked_of, origins
from lama_export.tensorrt.build_log import few
from lama_export.tensorrt.inspector import read_inspection
from lama_export.tensorrt.judging import judge
from lama_export.tensorrt.listing import EngineLayer, Listing, read_listing

LISTINGS = Path(__file__).parents[2] / "data" / "listings"
NOTHING = Listing((), {}, ())
FP16 = frozenset({"fp16"})
ASKED = Asked(
    dict.fromkeys(("generator/stem/conv", "generator/up1/conv", "generator/block01/conv1/g2g/fourier_unit"), FP16),
    {("SpectralConv", "node_of_dft_w_re"): frozenset({"fp16", "fp32"}), ("SpectralConv", "node_of_mix"): FP16},
    frozenset({"node_of_to_float16"}),
)


def told(name: str, *changes: tuple[str, str]) -> Listing:
    """The recorded listing `name`, with texts changed in it."""
    text = (LISTINGS / name).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    if name.endswith(".txt"):
        return read_listing([text, "Total Activation Memory: 42 bytes"])
    found = read_inspection(text, NOTHING)
    assert found is not None
    return found


RECORDED = ["trt-10.txt", "trt-10.json", "trt-11.json"]
WHOLE_CONVOLUTION = {  # one that is float32 in all that it reads
    "trt-10.txt": [("[1,4,512,512], Format/Datatype: Half", "[1,4,512,512], Format/Datatype: Float")],
    "trt-10.json": [("Channel major FP16 format where channel % 8 == 0", "Channel major FP32 format")],
    "trt-11.json": [('"Datatype": "Half"', '"Datatype": "Float"')],
}
IN_JSON = '"Type": "Half",\n    "Count": 1568'
HALF_WEIGHTS = {"trt-10.txt": '{"Type": "Half", "Count": 1568}', "trt-10.json": IN_JSON, "trt-11.json": IN_JSON}


@pytest.mark.parametrize("name", RECORDED)
def test_every_dialect_is_judged(name: str) -> None:
    """Also where a product writes float32, whose cast the engine took in, and reads its alpha in float32."""
    halves = Asked(ASKED.nodes, dict.fromkeys(ASKED.inner, FP16), frozenset())
    for wanted in (ASKED, halves):
        verdict = judge(told(name), wanted, plugin=False)
        assert verdict.to_dict() == {"checked": True, "judged": {"right": 3, "of": 3}, "doubts": []}


@pytest.mark.parametrize("name", RECORDED)
def test_a_wrong_engine_is_refused_in_every_dialect(name: str) -> None:
    weights = HALF_WEIGHTS[name]
    wrong = told(name, *WHOLE_CONVOLUTION[name], (weights, weights.replace("Half", "Float")))
    with pytest.raises(EngineError, match=r"built generator/stem/conv \+ generator/stem/relu \(CaskConvolution\) in "):
        judge(wrong, ASKED, plugin=False)


@pytest.mark.parametrize("name", RECORDED)
def test_half_of_a_contradiction_is_a_doubt(name: str) -> None:
    """The weights are as asked."""
    verdict = judge(told(name, *WHOLE_CONVOLUTION[name][:1]), ASKED, plugin=False)
    assert verdict.checked == "partly"
    assert "reads fp16 and fp32, where the file asks for fp16" in verdict.doubts[0]


@pytest.mark.parametrize("name", RECORDED)
def test_a_function_written_out_is_refused_with_a_plugin(name: str) -> None:
    with pytest.raises(EngineError, match=r"wrote a Fourier unit's function out \(generator/block01/conv1/g2g/four"):
        judge(told(name), ASKED, plugin=True)


def test_products_that_no_layer_names_are_counted() -> None:
    more = Asked({**ASKED.nodes, "generator/lost/conv": FP16}, ASKED.inner, ASKED.casts)
    verdict = judge(told("trt-10.txt"), more, plugin=False)
    assert (verdict.checked, verdict.right, verdict.of) == ("partly", 3, 4)
    assert verdict.doubts == ("no layer that multiplies names 1 products of the file, the first generator/lost/conv",)


def test_a_listing_of_another_form_is_not_taken_for_proof() -> None:
    verdict = judge(read_listing(["Layers:\nconv: Half -> Half"]), ASKED, plugin=False)
    assert verdict.checked is False and verdict.doubts == ("no layer was told of that is known to multiply",)
    hidden = told("trt-10.txt", ("Format/Datatype: Half", "Format/Datatype: N/A"), ('"Half"', '"?"'))
    assert judge(hidden, ASKED, plugin=False).checked is False


def test_layers_without_an_origin_are_known_by_their_names() -> None:
    listing = told("trt-10.txt", ("Metadata: [ONNX Layer: generator", "Metadata: [Layer: generator"))
    assert judge(listing, ASKED, plugin=False).checked is True


def test_products_of_unknown_origin_are_doubted_where_the_file_asks_for_both() -> None:
    """But for convolutions, of which none is float32."""

    def layer(kind: str) -> Listing:
        one = EngineLayer("__myl_7", kind, frozenset({"fp32"}), frozenset(), frozenset(), "")
        return Listing((one,), {}, ())

    assert judge(layer("gemm"), ASKED, plugin=False).checked is False
    with pytest.raises(EngineError, match=r"built __myl_7 \(CaskConvolution\) in fp32, not in fp16"):
        judge(layer("CaskConvolution"), ASKED, plugin=False)


def test_a_cast_taken_in_before_a_product_is_right() -> None:
    origin = "[ONNX Layer: node_of_to_float16][ONNX Layer: generator/stem/conv]"
    layer = EngineLayer("a", "CaskConvolution", frozenset({"fp32"}), FP16, FP16, origin)
    verdict = judge(Listing((layer,), {}, ()), ASKED, plugin=False)
    assert verdict.right == 1 and not any("reads" in doubt for doubt in verdict.doubts)


def test_what_is_quantised_reads_scales_in_floats() -> None:
    """As TensorRT-RTX 1.7.1 lists a convolution of int8 in a graph of fp16; one that is all float32 is still wrong."""
    quantised = Asked({"generator/stem/conv": frozenset({"fp16", "int8"})}, {}, frozenset())

    def verdict(*weights: str, reads: str) -> Any:
        origin = "[ONNX Layer: generator/stem/conv]"
        layer = EngineLayer("a", "correlation", frozenset({reads}), FP16, frozenset(weights), origin)
        return judge(Listing((layer,), {}, ()), quantised, plugin=False).checked

    assert verdict("int8", "fp32", reads="int8") is True
    assert verdict("fp16", reads="fp16") is True
    with pytest.raises(EngineError, match="in fp32, not in fp16 and int8"):
        verdict("fp32", reads="fp32")


def test_rtx_lines_are_read() -> None:
    listing = told("rtx-1.7.txt")
    assert listing.counts == {
        "correlation": 1,
        "deconv": 1,
        "gemm": 1,
        "runtime_fusion": 1,
        "runtime_function": 1,
        "kgen": 1,
        "shape_call": 1,
    }
    assert all(layer.reads == FP16 and layer.weights <= FP16 for layer in listing.layers[:4])
    assert listing.activation_bytes == (42,)
    assert listing.tensors["image"]["profiles"] == [
        {"min": [1, 64, 64, 3], "opt": [1, 128, 128, 3], "max": [1, 256, 256, 3]}
    ]


def test_inspectors_tell_tensors_from_11_on() -> None:
    assert told("trt-11.json").tensors["mask"] == {
        "dtype": "UInt8",
        "profiles": [{"min": [1, 1, 1], "opt": [1, 512, 512], "max": [1, 1024, 1024]}],
    }
    logged = read_listing([(LISTINGS / "rtx-1.7.txt").read_text()])
    found = read_inspection((LISTINGS / "trt-10.json").read_text(), logged)
    assert found is not None and found.tensors == logged.tensors


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"Layers": ["conv"]}', '{"Layers": 3}', '{"Layers": [{"Inputs": 3}]}', '{"Layers": []}']
)
def test_an_inspector_that_tells_nothing_is_not_believed(text: str) -> None:
    """With profiling "none" it tells names, or nothing."""
    assert read_inspection(text, NOTHING) is None


def test_origins_in_words() -> None:
    unit = "generator/block01/conv1/g2g/fourier_unit"
    text = f"[ONNX Layer: a/conv]\x1e[ONNX Layer: node_of_mix | {unit} (SpectralConv)]\x1f[ONNX Layer: b]"
    assert origins(text) == [Origin("a/conv"), Origin("node_of_mix", unit, "SpectralConv"), Origin("b")]


def asked(spectral: Any, **options: Any) -> tuple[onnx.ModelProto, Asked]:
    config = GeneratorConfig(width=8, blocks=1)
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config, seed=5).state_dict().items()}
    model = onnx_from_state(config, state, spectral=spectral, precision="fp16", **options)
    return model, asked_of(model, "fp16")


def test_what_a_file_asks_for() -> None:
    """Everything in halves, but for float32 sums in products with DFT matrices, and Fourier units of DFT operators."""
    _, plain = asked("function")
    assert plain.anywhere == FP16
    _, wide = asked("function", wide_sums=True)
    both = {name for (_, name), found in wide.inner.items() if found == {"fp16", "fp32"}}
    assert both == {f"node_of_{name}" for name in ("dft_w_re", "dft_w_im", "dft_h", "idft_h")} | {"node_of_idft_w"}
    assert wide.inner["SpectralConv", "node_of_mix"] == FP16 and set(wide.nodes.values()) == {FP16}
    model, dft = asked("dft")
    units = {name for name, found in dft.nodes.items() if "fp32" in found}
    assert units and all("/fourier_unit" in name for name in units)
    assert len(units) == sum(node.op_type == "Conv" and "/fourier_unit" in node.name for node in model.graph.node)


def test_warnings_are_few() -> None:
    lines = few([f"tensor_{n} is unused" for n in range(40)] + ["Something else\nmore"])
    assert lines == ["tensor_0 is unused (and 39 more like it)", "Something else\\nmore"]
    assert len(few([f"kind {chr(97 + n) * 3}" for n in range(20)])) == 9


def test_recorded_json_is_json() -> None:
    for path in LISTINGS.glob("*.json"):
        assert json.loads(path.read_text())["Layers"]
