"""The metrics by name, and which of them can be had on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lama_deploy.arrays import Array
from lama_deploy.errors import CheckpointError, LamaDeployError, MissingBackboneError, MissingDependencyError, brief
from lama_deploy.evaluation import metrics, networks
from lama_deploy.evaluation.distribution import frechet_distance, kernel_distance
from lama_deploy.evaluation.networks import Features, PairScore, Paths


@dataclass(frozen=True)
class PairMetric:
    """Scores one result against its original; a table gives mean and standard deviation."""

    name: str
    score: PairScore


@dataclass(frozen=True)
class DistributionMetric:
    """Compares all results with all originals. Metrics of one `extractor` share its features."""

    name: str
    extractor: str
    features: Features
    distance: Callable[[Array, Array], float]


Metric = PairMetric | DistributionMetric

PLAIN: Mapping[str, PairScore] = {
    "SSIM": metrics.ssim,
    "PSNR": metrics.psnr,
    "L1": metrics.l1,
    "L1-hole": metrics.l1_hole,
}
PERCEPTUAL: Mapping[str, Callable[[str, Paths], PairScore]] = {
    "LPIPS": networks.lpips_vgg,
    "ST-LPIPS-vgg": networks.st_lpips("vgg"),
    "ST-LPIPS-alex": networks.st_lpips("alex"),
}
EXTRACTORS: Mapping[str, Callable[[str, Paths], Features]] = {
    "inception-fid": networks.inception_features,
    "efficientnet-lite0": networks.efficientnet_features,
}
DISTRIBUTIONS: Mapping[str, tuple[str, Callable[[Array, Array], float]]] = {
    "FID": ("inception-fid", frechet_distance),
    "Frechet-EffLite0": ("efficientnet-lite0", frechet_distance),
    "KID-EffLite0": ("efficientnet-lite0", kernel_distance),
}
METRICS = (*PLAIN, *PERCEPTUAL, *DISTRIBUTIONS)
MEANINGS: Mapping[str, str] = {
    "SSIM": "1 = equal",
    "PSNR": f"dB over the whole picture, {metrics.PSNR_LIMIT:.0f} = equal",
    "L1": "mean absolute error over the whole picture, in [0, 1]",
    "L1-hole": "mean absolute error inside the hole, in [0, 1]",
    "LPIPS": "reference, v0.1 on VGG16; 0 = equal",
    "ST-LPIPS-vgg": "shift-tolerant LPIPS, VGG trunk; not comparable with LPIPS; 0 = equal",
    "ST-LPIPS-alex": "shift-tolerant LPIPS, AlexNet trunk; not comparable with LPIPS; 0 = equal",
    "FID": "reference, pytorch-fid's Inception; 0 = equal",
    "Frechet-EffLite0": "Frechet distance on EfficientNet-Lite0's 1280 features; not comparable with FID",
    "KID-EffLite0": "KID's kernel on EfficientNet-Lite0's 1280 features, estimate for pairs; not comparable with KID",
}
# By default: the plain ones, and of each row the first group that can be had here.
PREFERENCES = ((("LPIPS",), ("ST-LPIPS-vgg",)), (("FID",), ("Frechet-EffLite0", "KID-EffLite0")))
ABSENT = (MissingBackboneError, MissingDependencyError, CheckpointError)


def load_metrics(names: Sequence[str], device: str, paths: Paths) -> list[Metric]:
    """The named metrics, each extractor loaded once.

    Raises LamaDeployError for an unknown name and for a network that cannot be had.
    """
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise LamaDeployError(f"metric '{brief(unknown[0])}' is unknown; known: {', '.join(METRICS)}")
    wanted = {DISTRIBUTIONS[name][0] for name in names if name in DISTRIBUTIONS}
    extractors = {name: EXTRACTORS[name](device, paths) for name in EXTRACTORS if name in wanted}
    return [_metric(name, device, paths, extractors) for name in dict.fromkeys(names)]


def available_metrics(device: str, paths: Paths) -> tuple[list[Metric], list[str]]:
    """(the plain metrics and the best of the others that can be had here, one line for each that cannot)."""
    chosen, lines = load_metrics(list(PLAIN), device, paths), []
    for groups in PREFERENCES:
        for group in groups:
            try:
                chosen += load_metrics(group, device, paths)
                break
            except ABSENT as error:
                lines.append(f"{' and '.join(group)} left out: {error}")
    return chosen, lines


def _metric(name: str, device: str, paths: Paths, extractors: Mapping[str, Features]) -> Metric:
    if name in PLAIN:
        return PairMetric(name, PLAIN[name])
    if name in PERCEPTUAL:
        return PairMetric(name, PERCEPTUAL[name](device, paths))
    extractor, distance = DISTRIBUTIONS[name]
    return DistributionMetric(name, extractor, extractors[extractor], distance)
