"""The one tolerance table: absolute errors in [0, 1] against the float64 reference, of every backend alike.

A network may amplify rounding by itself. So a case also passes within `EAGER_FACTOR` times the largest error that eager
float32 PyTorch makes on the same case: no artefact of the same precision can be asked for more.

The worst of 200 drawn cases stands beside each entry (lama-demo, `HYPOTHESIS_CASES=200 pytest -s
tests/lama_export/test_drawn_cases.py`, 2026-11-24).
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = {
    "fp32": 2e-5,  # 1e-5 in OpenVINO, 4e-6 in ONNX Runtime
    # ONNX Runtime's DFT kernel loses four digits off powers of two (1e-4 on one Fourier unit at a 128x97 latent).
    "fp32-dft": 1e-3,
    # Every value stored in 11 bits (`proof.half`), so 8192 times float32's rounding. 1e-3 on usual pictures, 2.4e-2 at
    # worst in some 300 drawn cases (holes of single pixels all over a picture), where float32's error is ten times its
    # usual one too. A branch that grows a millionfold adds nothing, and an overflow is infinite.
    "fp16": 4e-2,
    "fp16-dft": 4e-2,
    # 8 bits, 8 times the rounding of fp16; 6e-3 on usual pictures, 7e-2 in the drawn cases.
    "bf16": 2e-1,
    "bf16-dft": 2e-1,
    # Activations beyond the calibrated range are clipped: in a drawn case (holes of single pixels again) a few single
    # pixels were off by 0.9. So a largest error says nothing, and the mean decides.
    "int8": 1.0,
}
# Over the hole, where a largest error alone would allow too much.
MEAN = {
    "bf16": 2e-2,  # 8e-3
    "int8": 1e-1,  # 2e-2 in OpenVINO, 4e-2 in ONNX Runtime; 1e-2 on photographs
}
EAGER_FACTOR = 4.0
FLAT_SPREAD = 0.01  # standard deviation inside holes below which an output proves nothing


@dataclass(frozen=True)
class Tolerance:
    """Largest and mean absolute error inside a hole; `mean` is None where the largest is enough."""

    largest: float
    mean: float | None = None


def tolerance_of(precision: str, spectral: str = "") -> Tolerance:
    """The entry for an artefact of this precision and spectral form."""
    return Tolerance(LARGEST[f"{precision}-dft" if spectral == "dft" else precision], MEAN.get(precision))
