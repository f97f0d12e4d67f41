"""What the page calls the ways to compute a Fourier unit."""

MODEL, OPERATOR, COMPILED = (
    "torch.fft, the model's unit",
    "torch.fft, our operator",
    "torch.compile of the model's unit",
)
CUFFT, TENSOR_CORE = "our cuFFT kernel", "our tensor-core kernel"
KERNELS = {CUFFT: "cufft", TENSOR_CORE: "tensor_core"}  # and the operator's backends
CANDIDATES = (MODEL, OPERATOR, COMPILED, CUFFT, TENSOR_CORE)
