"""The builder's layer listing, read and judged. Needs no TensorRT."""

import pytest

from lama_deploy.errors import EngineError
from lama_export.tensorrt.listing import check_listing, read_listing

LISTING = """Layers:
Name: conv [profile 1], LayerType: correlation, \
Inputs: [ { Name: x, Dimensions: [-1,4], Datatype: {T}, Format: (NHWC) }], \
Constants: [ { Name: w, Dimensions: [1], Datatype: Float, Format: (Linear) }], \
Outputs: [ { Name: y, Datatype: {T}, Format: (NHWC) }], TacticName: , StreamId: 0, Metadata: [ONNX Layer: conv]
Name: mix, LayerType: gemm, Inputs: [ { Name: y, Datatype: {T} }], Outputs: [ { Name: z, Datatype: {T} }], \
TacticName: , StreamId: 0, Metadata: [ONNX Layer: node_of_mix | block01/fourier_unit (SpectralConv)]
Name: to_half, LayerType: kgen, Inputs: [ { Name: y, Datatype: Float }], Outputs: [ { Name: z, Datatype: Half }], \
TacticName: , StreamId: 0, Metadata: """


def test_listing_is_read_and_judged() -> None:
    listing = read_listing([LISTING.replace("{T}", "Half"), "Total Activation Memory: 42 bytes"])
    assert listing.counts == {"correlation": 1, "gemm": 1, "kgen": 1} and listing.activation_bytes == (42,)
    assert listing.layers[0].name == "conv [profile 1]" and listing.layers[2].precisions == {"fp16", "fp32"}
    assert check_listing(listing, precision="fp16", plugin=False)
    with pytest.raises(EngineError, match=r"conv \[profile 1\] in fp16, not in fp32"):
        check_listing(listing, precision="fp32", plugin=False)
    with pytest.raises(EngineError, match=r"wrote a Fourier unit's function out \(block01/fourier_unit"):
        check_listing(listing, precision="fp16", plugin=True)


def test_fourier_units_by_dft_are_float32_in_every_precision() -> None:
    """And nothing else is."""
    units = LISTING.replace("{T}", "Float").replace(
        "[ONNX Layer: conv]", "[ONNX Layer: block01/conv1/g2g/fourier_unit/mix]"
    )
    others = LISTING.replace("{T}", "Half")
    gemm = others[others.index("Name: mix") :]
    assert check_listing(
        read_listing([units[: units.index("Name: mix")] + gemm]), precision="fp16", plugin=False, dft=True
    )
    with pytest.raises(EngineError, match=r"conv \[profile 1\] in fp32, not in fp16"):
        check_listing(read_listing([LISTING.replace("{T}", "Float")]), precision="fp16", plugin=False, dft=True)


def test_a_listing_of_another_form_is_not_taken_for_proof() -> None:
    assert not check_listing(read_listing(["Layers:\nconv: Half -> Half"]), precision="fp16", plugin=False)
