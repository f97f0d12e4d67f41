"""What every backbone promises: it never changes, gradients pass through it, and a file is read without being run."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from lama_deploy.backbones.efficientnet_lite import EfficientNetLite0
from lama_deploy.backbones.frozen import FrozenBackbone, Normalise, load_state
from lama_deploy.backbones.resnet_dilated import ResNet50Dilated
from lama_deploy.backbones.st_lpips import STLPIPS
from lama_deploy.errors import CheckpointError, LamaDeployError, UnsafeCheckpointError
from lama_deploy.training.state import read_state

NETWORKS = ["resnet50-dilated", "resnet50-plain", "vgg19", "efficientnet-lite0", "st-lpips-vgg", "st-lpips-alex"]
LOADERS = {  # VGG19's is in test_vgg.py
    "resnet50-plain": lambda path: ResNet50Dilated.load("resnet50-imagenet", path, dilated=False),
    "efficientnet-lite0": EfficientNetLite0.load,
    "st-lpips-alex": lambda path: STLPIPS.load("alex", path),
}


class Small(FrozenBackbone):
    """Seven tensors are enough to read files into."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.bn = nn.BatchNorm2d(2)
        self.freeze()

    def forward(self, x):
        return self.bn(self.conv(x))


def outputs(name: str, network: FrozenBackbone, x: torch.Tensor) -> list[torch.Tensor]:
    """What the network gives for a picture; a distance is taken to the picture with its channels swapped."""
    if name.startswith("st-lpips"):
        return [network(x, x.flip(1).detach())]
    out = network(x)
    return [*out.maps, out.pooled] if name == "efficientnet-lite0" else out


@pytest.mark.parametrize("name", NETWORKS)
def test_stays_frozen_inside_a_model_that_trains(lively, pictures, name):
    network = lively(name)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    outer = nn.Sequential(network).train()
    assert outer.training and not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in outer.parameters())
    outputs(name, network, pictures(32, 32, count=1))
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_reaches_every_pixel(lively, pictures, name):
    x = pictures(32, 32, count=1).requires_grad_()
    sum(out.square().mean() for out in outputs(name, lively(name), x)).backward()
    assert x.grad.isfinite().all()
    assert (x.grad != 0).all(dim=1).float().mean() > 0.99


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_channels_last_and_bfloat16_autocast_agree_with_float32(lively, pictures, name):
    network, x = lively(name), pictures(32, 40)
    wanted = outputs(name, network, x)
    for out, exact in zip(outputs(name, network, x.to(memory_format=torch.channels_last)), wanted, strict=True):
        torch.testing.assert_close(out, exact, rtol=1e-3, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        halves = outputs(name, network, x)
    for half, exact in zip(halves, wanted, strict=True):
        assert (half.float() - exact).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize("name", LOADERS)
def test_saved_weights_come_back(lively, tmp_path, name):
    network = lively(name)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    loaded = LOADERS[name](tmp_path / "weights.pth")
    assert type(loaded) is type(network) and not any(parameter.requires_grad for parameter in loaded.parameters())
    wanted = network.state_dict()
    assert all(torch.equal(tensor, wanted[key]) for key, tensor in loaded.state_dict().items())


def test_classifier_and_missing_counters_do_not_matter(tmp_path):
    small = Small()
    small.bn.num_batches_tracked += 7
    state = {key: tensor + 1 for key, tensor in small.state_dict().items() if "num_batches" not in key}
    state |= {"fc.weight": torch.ones(10, 2), "bn._tmp_running_mean": torch.ones(2)}  # as CSAIL's files have them
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)  # as torchvision's are
    loaded = Small().load_file(tmp_path / "old.pth")
    assert torch.equal(loaded.conv.weight, small.conv.weight + 1)
    assert torch.equal(loaded.bn.running_mean, small.bn.running_mean + 1) and loaded.bn.num_batches_tracked == 0


def test_normalise():
    normalise = Normalise()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = torch.stack((mean, mean + std, mean - 2 * std))[:, :, None, None].expand(3, 3, 2, 2)
    torch.testing.assert_close(normalise(x)[:, :, 0, 0], torch.tensor([0.0, 1.0, -2.0])[:, None].expand(3, 3))
    assert not normalise.state_dict()


def bad_states() -> dict[str, tuple[object, str]]:
    good = Small().state_dict()
    nan = good["bn.weight"].clone()
    nan[1] = float("nan")
    return {
        "missing key": ({key: good[key] for key in good if key != "bn.running_var"}, "bn.running_var is missing"),
        "other shape": (good | {"conv.weight": torch.zeros(2, 3, 3, 3)}, r"conv.weight is \(2, 3, 3, 3\), not \(2, 3,"),
        "wrapped": ({"state_dict": dict(good)}, "not a state_dict of plain tensors"),
        "list": (list(good.values()), "not a state_dict of plain tensors"),
        "meta": (good | {"bn.weight": torch.zeros(2, device="meta")}, "holds a tensor without data"),
        "sparse": (good | {"bn.weight": torch.ones(2).to_sparse()}, "holds a sparse tensor; allowed: dense"),
        "bomb": (good | {"bn.weight": torch.ones(1).expand(2**50)}, "not a state_dict of plain tensors"),
        "float8": (
            good | {"bn.weight": torch.ones(2).to(torch.float8_e4m3fn)},
            "holds a tensor of a type such as float8",
        ),
        "name of lines": (good | {"a\nb": nan}, r"a\\nb carries NaN or infinity"),
        "nan": (good | {"bn.weight": nan}, "bn.weight carries NaN or infinity"),
        "infinity": (good | {"bn.bias": nan / 0}, "bn.bias carries NaN or infinity"),
    }


@pytest.mark.parametrize("case", bad_states())
def test_unfit_states(tmp_path, case):
    state, message = bad_states()[case]
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match=message) as caught:
        Small().load_file(tmp_path / "bad.pth")
    assert str(caught.value).startswith(f"{tmp_path / 'bad.pth'}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_files(tmp_path, zipped):
    path = tmp_path / "cut.pth"
    torch.save(Small().state_dict(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for share in (0, 1, 10, 50, 90, 99):
        path.write_bytes(whole[: len(whole) * share // 100])
        with pytest.raises(CheckpointError, match=r"cut\.pth: ") as caught:
            load_state(path)
        assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", [b"<html>404</html>", b"PK\x03\x04", b"\x80\x04N."], ids=["html", "zip", "pickle"])
def test_foreign_files(tmp_path, content):
    (tmp_path / "foreign.pth").write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"not a file of torch\.save, or a damaged one|not a complete torch archive"
    ):
        load_state(tmp_path / "foreign.pth")


def test_small_files_that_ask_for_memory(tmp_path):
    """torch.load itself makes 3 GB of zeros from these 30 bytes, with weights_only too."""
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85R.")
    with pytest.raises(UnsafeCheckpointError, match=r"the pickle asks for 'builtins\.bytearray'"):
        load_state(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(10_000_000))
    with pytest.raises(UnsafeCheckpointError, match="torch writes uncompressed archives"):
        load_state(path)


def test_compressed_files_are_not_inflated(tmp_path):
    """Torch would: 400 kB of them give 400 MB."""
    torch.save({"w": torch.zeros(1 << 20)}, tmp_path / "whole.pth")
    with (
        zipfile.ZipFile(tmp_path / "whole.pth") as whole,
        zipfile.ZipFile(tmp_path / "small.pth", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for name in whole.namelist():
            small.writestr(name, whole.read(name))
    for read in (load_state, read_state):
        assert read(tmp_path / "whole.pth").keys() == {"w"}
        with pytest.raises(CheckpointError, match="this one is compressed"):
            read(tmp_path / "small.pth")


@pytest.mark.parametrize("path", ["none.pth", "."])
def test_no_file(tmp_path, path):
    with pytest.raises(CheckpointError, match="no file there"):
        load_state(tmp_path / path)


class Attack:
    """Pickles as a call that leaves a file behind."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self):
        return Path.touch, (self.sentinel,)


@pytest.mark.parametrize("zipped", [True, False])
def test_hostile_pickle_is_refused_and_not_run(tmp_path, zipped):
    path, sentinel = tmp_path / "hostile.pth", tmp_path / "was here"
    torch.save({"conv.weight": Attack(sentinel)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        UnsafeCheckpointError, match=r"hostile\.pth: refused, nothing was run: the pickle asks"
    ) as caught:
        load_state(path)
    assert "\n" not in str(caught.value) and not sentinel.exists()
    torch.load(path, weights_only=False)
    assert sentinel.exists()  # the attack is a real one


@pytest.mark.parametrize("name", ["os.system", "posix.system", "builtins.eval"])
def test_refusal_names_what_was_asked_for(tmp_path, name):
    module, function = name.split(".")
    path = tmp_path / "hostile.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02c%b\n%b\n(U\x01xtR." % (module.encode(), function.encode()))
        archive.writestr("archive/version", "3\n")
    with pytest.raises(UnsafeCheckpointError, match=function):
        load_state(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_plain_pickle_is_no_file_of_weights(tmp_path, protocol):
    sentinel = tmp_path / "was here"
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Attack(sentinel), protocol))
    with pytest.raises(LamaDeployError):
        load_state(tmp_path / "plain.pth")
    assert not sentinel.exists()
