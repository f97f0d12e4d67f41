"""The one tolerance table: largest absolute error in [0, 1] against the float64 reference.

A network may amplify rounding by itself. So a case also passes within `EAGER_FACTOR` times the error that eager
float32 PyTorch makes on the same case: no artefact of the same precision can be asked for more.
"""

from __future__ import annotations

TOLERANCES = {
    "fp32": 2e-5,
    # ONNX Runtime's DFT kernel loses four digits off powers of two (1e-4 on one Fourier unit at a 128x97 latent).
    "fp32-dft": 1e-3,
    # Every value stored in 11 bits (`proof.half`), so 8192 times float32's rounding. 1e-3 on usual pictures, 2.4e-2 at
    # worst in some 300 drawn cases (holes of single pixels all over a picture), where float32's error is ten times its
    # usual one too. A branch that grows a millionfold adds nothing, and an overflow is infinite.
    "fp16": 4e-2,
    "fp16-dft": 4e-2,
    "bf16": 0.3,
    "int8": 0.5,
}
EAGER_FACTOR = 4.0
FLAT_SPREAD = 0.01  # standard deviation inside holes below which an output proves nothing


def tolerance_of(precision: str, spectral: str) -> float:
    """The entry for an artefact of this precision and spectral form."""
    return TOLERANCES[f"{precision}-dft" if spectral == "dft" else precision]
