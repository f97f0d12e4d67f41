"""The errors a user can cause. Each message is one line: what was wrong, what is allowed, what to do next."""


class LamaDeployError(Exception):
    """Base of every error that is the input's fault; commands print it as one line, and `cli.exit_codes` follows."""


class ConfigError(LamaDeployError):
    """A generator configuration that no LaMa generator can have."""


class CheckpointError(LamaDeployError):
    """A checkpoint that is unreadable, truncated, mismatched or carries NaN."""


class UnsafeCheckpointError(CheckpointError):
    """A pickle that asks for anything besides tensors and inert configuration objects."""


class WeightsNotFoundError(CheckpointError):
    """Named weights that are neither in the cache nor downloadable."""


class BundleError(LamaDeployError):
    """A bundle or ONNX file that is not one of ours, or is damaged."""


class ImageError(LamaDeployError):
    """An image or mask that cannot be read or does not fit its partner."""


class MissingDependencyError(LamaDeployError):
    """An optional package that this call needs is not installed."""


class ParityError(LamaDeployError):
    """An artefact that does not reproduce the reference within its tolerance."""


class DataError(LamaDeployError):
    """Training or test data that is missing, empty or unreadable."""


class TrainingError(LamaDeployError):
    """A training run that cannot go on: a loss became NaN, a checkpoint could not be written."""


class NotFiniteError(TrainingError):
    """A loss or a gradient of a training run became NaN or infinite."""


class MissingBackboneError(LamaDeployError):
    """Pretrained weights that a loss or a metric looks through are nowhere on this machine."""


class KernelError(LamaDeployError):
    """liblama_spectral cannot be found, built or loaded, or does not take what it was given."""


class EngineError(LamaDeployError):
    """A TensorRT engine that cannot be built as it was asked for, or cannot be run here."""


class DeviceMemoryError(LamaDeployError):
    """Pictures that need more memory than the device has."""
