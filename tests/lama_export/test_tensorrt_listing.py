"""The builder's layer listing, read and judged. Needs no TensorRT."""

import pytest

from lama_deploy.errors import EngineError
from lama_export.tensorrt_listing import check_listing, read_listing

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


def test_a_listing_of_another_form_is_not_taken_for_proof() -> None:
    assert not check_listing(read_listing(["Layers:\nconv: Half -> Half"]), precision="fp16", plugin=False)
