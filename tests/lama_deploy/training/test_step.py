"""One update of both networks against one written out here, and where gradients go."""

import copy
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from lama_deploy.training import losses
from lama_deploy.training.config import PAPER_LOSSES
from lama_deploy.training.loop import build_networks, to_device
from lama_deploy.training.step import generator_input, training_step, update_average

OFFICIAL_NAMES = {"gen_l1", "gen_adv", "gen_fm", "discr_adv", "discr_r1"}
LOGS = {"adv_discr_real_out", "adv_discr_fake_out", "adv_discr_real_gp", "gen_gradient", "discr_gradient"}


def state(module: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, other[key]) for key, tensor in one.items())


def by_hand(config, batch, generator: nn.Module, discriminator: nn.Module) -> dict[str, float]:
    """The official step from the formulas: G from L1, adversarial, feature matching; then D with R1."""
    weights, rates = config.losses, config.optimizer
    adam_g = torch.optim.Adam(generator.parameters(), rates.generator_lr, (0.9, 0.999), eps=1e-8)
    adam_d = torch.optim.Adam(discriminator.parameters(), rates.discriminator_lr, (0.9, 0.999), eps=1e-8)
    x, m = batch.image, batch.mask
    given = torch.cat((x * (1 - m), m), dim=1)
    p = generator(given)
    fake, features = discriminator(p)
    wanted = discriminator(x)[1]
    matching = sum(((a - b) ** 2).mean() for a, b in zip(features, wanted, strict=True)) / len(wanted)
    terms = {
        "gen_l1": weights.l1_known * ((p - x).abs() * (1 - m)).mean(),
        "gen_adv": 10 * functional.softplus(-fake).mean(),
        "gen_fm": 100 * matching,
    }
    sum(terms.values()).backward()
    gradient = nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
    adam_g.step()
    with torch.no_grad():
        p = generator(given) if rates.fresh_fakes else p
    image = x.clone().requires_grad_()
    real = discriminator(image)[0]
    (slope,) = torch.autograd.grad(real.sum(), image, create_graph=True)
    fake = discriminator(p.detach())[0]
    h, w = fake.shape[-2:]
    if weights.fake_labels == "nearest":
        hole = functional.interpolate(m, (h, w), mode="nearest")
    else:
        hole = functional.adaptive_max_pool2d(m, (h, w))
    labelled = hole * functional.softplus(fake) + (1 - hole) * functional.softplus(-fake)
    terms["discr_adv"] = weights.discriminator * (functional.softplus(-real) + labelled).mean()
    terms["discr_r1"] = weights.discriminator * 0.001 * slope.square().sum() / len(x)
    adam_d.zero_grad()
    (terms["discr_adv"] + terms["discr_r1"]).backward()
    gradients = {"gen_gradient": gradient, "discr_gradient": nn.utils.clip_grad_norm_(discriminator.parameters(), 1.0)}
    adam_d.step()
    return {name: term.item() for name, term in (terms | gradients).items()}


def compare(ours: nn.Module, by_hand: nn.Module, rate: float) -> None:
    """Weights and buffers. Adam's first step is the rate times the gradient's sign, which rounding decides where the
    exact gradient is 0, as for a bias in front of BN: there only its length is compared, and running means follow.
    """
    found = ours.state_dict()
    clear = {name: p.grad.abs() > 1e-5 * p.grad.norm() + 1e-6 for name, p in by_hand.named_parameters()}
    assert sum(int(mask.sum()) for mask in clear.values()) > 0.8 * sum(p.numel() for p in by_hand.parameters())
    for key, wanted in by_hand.state_dict().items():
        if key in clear:
            torch.testing.assert_close(found[key][clear[key]], wanted[clear[key]], rtol=1e-4, atol=0.02 * rate, msg=key)
            torch.testing.assert_close(found[key], wanted, rtol=0, atol=2.1 * rate, msg=key)
        else:
            torch.testing.assert_close(found[key], wanted, rtol=1e-3, atol=3e-4, msg=key)


@pytest.mark.parametrize("fresh_fakes", [True, False])
@pytest.mark.parametrize("official", [True, False], ids=["official", "paper"])
def test_step_by_hand(fabric, config, change, networks, batch, fresh_fakes, official):
    """Losses, both networks' new weights and their BN statistics."""
    if not official:
        config = replace(config, losses=replace(PAPER_LOSSES, perceptual_weight=0.0))
    config = change(config, optimizer={"fresh_fakes": fresh_fakes})
    nets = networks(config)
    generator, discriminator = (copy.deepcopy(net.module) for net in (nets.generator, nets.discriminator))
    before = state(generator)
    wanted = by_hand(config, batch, generator, discriminator)
    found, predicted = training_step(fabric, config, nets, batch)
    assert set(found) == OFFICIAL_NAMES | LOGS
    for name, value in wanted.items():
        assert found[name].item() == pytest.approx(value, rel=1e-4), name
        assert not found[name].requires_grad
    assert predicted.shape == batch.image.shape and not predicted.requires_grad
    compare(nets.generator.module, generator, config.optimizer.generator_lr)
    compare(nets.discriminator.module, discriminator, config.optimizer.discriminator_lr)
    moved = [key for key, tensor in generator.named_parameters() if not torch.equal(tensor, before[key])]
    assert len(moved) == len(list(generator.parameters()))
    counter = "model.1.bn_l.num_batches_tracked"
    assert nets.generator.module.state_dict()[counter] == (2 if fresh_fakes else 1)


def test_paper_terms_differ_as_documented(fabric, config, networks, batch):
    """Kappa on the discriminator's loss too, no L1."""
    paper = replace(config, losses=replace(PAPER_LOSSES, perceptual_weight=0.0, fake_labels="nearest"))
    official, _ = training_step(fabric, config, networks(config), batch)
    found, _ = training_step(fabric, paper, networks(paper), batch)
    assert found["gen_l1"] == 0 and official["gen_l1"] > 0
    assert found["gen_adv"] == official["gen_adv"]
    assert found["discr_adv"].item() == pytest.approx(10 * official["discr_adv"].item(), rel=1e-3)
    assert found["adv_discr_real_gp"].item() == pytest.approx(official["adv_discr_real_gp"].item(), rel=1e-4)
    assert found["discr_r1"].item() == pytest.approx(0.01 * found["adv_discr_real_gp"].item(), rel=1e-4)


def test_gradients_stay_with_the_network_that_is_trained(fabric, config, networks, batch, monkeypatch):
    """The discriminator gets none in the generator's step, the generator none in the discriminator's."""
    nets = networks(config)
    gradients = {}

    def watch(name, optimizer):
        step = optimizer.step

        def watched(*arguments, **keywords):
            gradients[name] = {
                side: [None if p.grad is None else p.grad.clone() for p in net.parameters()]
                for side, net in (("generator", nets.generator), ("discriminator", nets.discriminator))
            }
            return step(*arguments, **keywords)

        monkeypatch.setattr(optimizer, "step", watched)

    watch("first", nets.generator_optimizer)
    watch("second", nets.discriminator_optimizer)
    training_step(fabric, config, nets, batch)
    assert all(gradient is None for gradient in gradients["first"]["discriminator"])
    assert all(gradient is not None for gradient in gradients["first"]["generator"])
    assert all(gradient is not None for gradient in gradients["second"]["discriminator"])
    for before, after in zip(gradients["first"]["generator"], gradients["second"]["generator"], strict=True):
        assert torch.equal(before, after)
    assert all(p.requires_grad for p in nets.discriminator.parameters())


def test_gradients_are_clipped(fabric, config, change, networks, batch, monkeypatch):
    """To the norm of clip_norm; the norm that is reported is the one before."""
    nets = networks(change(config, optimizer={"clip_norm": 0.25}))
    norms = []
    for optimizer, net in (
        (nets.generator_optimizer, nets.generator),
        (nets.discriminator_optimizer, nets.discriminator),
    ):
        monkeypatch.setattr(
            optimizer,
            "step",
            lambda net=net: norms.append(torch.stack([p.grad.square().sum() for p in net.parameters()]).sum().sqrt()),
        )
    found, _ = training_step(fabric, change(config, optimizer={"clip_norm": 0.25}), nets, batch)
    assert [norm.item() for norm in norms] == pytest.approx([0.25, 0.25], rel=1e-3)
    assert found["gen_gradient"] > 1 and found["discr_gradient"] > 0.25


def test_gradients_do_not_add_up_over_steps(fabric, config, change, networks, batch):
    """With rates of almost nothing, the same batch gives the same gradients again."""
    rates = {"generator_lr": 1e-12, "discriminator_lr": 1e-12}
    config = change(config, optimizer=rates)
    nets = networks(config)
    first, second = (training_step(fabric, config, nets, batch)[0] for _ in range(2))
    for name in ("gen_gradient", "discr_gradient"):
        assert second[name].item() == pytest.approx(first[name].item(), rel=1e-3)


def test_generator_does_not_see_what_is_in_the_hole(batch):
    given = generator_input(batch)
    assert given.shape == (2, 4, 32, 32)
    assert torch.equal(given[:, 3:], batch.mask)
    hole = batch.mask.expand_as(batch.image) == 1
    assert (given[:, :3][hole] == 0).all()
    assert torch.equal(given[:, :3][~hole], batch.image[~hole])


def test_without_adversary_the_discriminator_rests(fabric, config, change, networks, batch):
    config = change(config, losses={"adversarial": 0.0, "feature_matching": 0.0})
    nets = networks(config)
    before = state(nets.discriminator)
    found, _ = training_step(fabric, config, nets, batch)
    assert set(found) == {"gen_l1", "gen_gradient"}
    assert same(before, state(nets.discriminator))


def test_without_r1_there_is_no_second_derivative(fabric, config, change, networks, batch, monkeypatch):
    config = change(config, losses={"r1": 0.0})
    monkeypatch.setattr(losses, "r1_penalty", None)
    found, _ = training_step(fabric, config, networks(config), batch)
    assert set(found) == (OFFICIAL_NAMES | LOGS) - {"discr_r1", "adv_discr_real_gp"}


@pytest.mark.parametrize("broken", ["adversarial_generator", "adversarial_discriminator"])
def test_network_with_a_loss_that_is_not_finite_stays_as_it_was(fabric, config, networks, batch, monkeypatch, broken):
    monkeypatch.setattr(losses, broken, lambda *arguments: torch.tensor(float("nan"), requires_grad=True))
    nets = networks(config)
    weights = {
        name: [p.clone() for p in net.parameters()] for name, net in vars(nets).items() if isinstance(net, nn.Module)
    }
    found, _ = training_step(fabric, config, nets, batch)
    bad, still = ("gen_adv", "generator") if broken.endswith("generator") else ("discr_adv", "discriminator")
    assert not torch.isfinite(found[bad])
    after = list(getattr(nets, still).parameters())
    assert all(torch.equal(a, b) for a, b in zip(weights[still], after, strict=True))


def test_perceptual_network_is_used_and_stays_frozen(fabric, config, change, networks, batch, efficientnet_file):
    """Its term is weighted, its state and mode are left alone, also when somebody calls train()."""
    section = {
        "perceptual": "efficientnet-lite0",
        "perceptual_weight": 2.0,
        "perceptual_weights": str(efficientnet_file),
    }
    config = change(config, losses=section)
    nets = networks(config)
    before = state(nets.perceptual)
    nets.perceptual.train()
    with torch.no_grad():
        predicted = copy.deepcopy(nets.generator.module)(generator_input(batch))
        wanted = 2 * nets.perceptual(predicted, batch.image, batch.mask)
    weighted, _ = training_step(fabric, config, nets, batch)
    assert weighted["gen_pl"].item() == pytest.approx(wanted.item(), rel=1e-4)
    assert same(before, state(nets.perceptual))
    assert all(p.grad is None for p in nets.perceptual.parameters())
    assert not any(module.training for module in nets.perceptual.network.modules())
    plain = change(config, losses={"perceptual_weight": 0.0})
    unweighted, _ = training_step(fabric, plain, networks(plain), batch)
    assert "gen_pl" not in unweighted
    assert weighted["gen_gradient"] != unweighted["gen_gradient"]


def test_average_follows_the_weights(fabric, config, networks, batch):
    """mean <- decay * mean + (1 - decay) * new after each generator update; it has no gradients of its own."""
    nets = networks(config)
    wanted = {name: p.clone() for name, p in nets.generator.module.named_parameters()}
    for name, p in nets.average.named_parameters():
        assert torch.equal(p, wanted[name]) and not p.requires_grad
    for _ in range(3):
        training_step(fabric, config, nets, batch)
        for name, p in nets.generator.module.named_parameters():
            wanted[name] = 0.5 * wanted[name] + 0.5 * p.detach()
    for name, p in nets.average.named_parameters():
        torch.testing.assert_close(p, wanted[name])
        assert not torch.equal(p, dict(nets.generator.module.named_parameters())[name])


def test_average_with_a_slow_decay(config, networks):
    nets = networks(config)
    before = {name: p.clone() for name, p in nets.average.named_parameters()}
    with torch.no_grad():
        for p in nets.generator.parameters():
            p.add_(1.0)
    update_average(nets.average, nets.generator, 0.99)
    for name, p in nets.average.named_parameters():
        torch.testing.assert_close(p, before[name] + 0.01)


def test_no_average_unless_asked(fabric, config, change, networks, batch):
    config = change(config, optimizer={"ema": None})
    nets = networks(config)
    assert nets.average is None
    training_step(fabric, config, nets, batch)


def test_networks_train_and_their_seed_decides(config, networks):
    nets, again, other = networks(config), networks(config), networks(replace(config, seed=1))
    assert nets.generator.training and nets.discriminator.training and not nets.average.training
    assert same(state(nets.generator), state(again.generator)) and same(
        state(nets.discriminator), state(again.discriminator)
    )
    assert not same(state(nets.generator), state(other.generator))


def test_bfloat16_trains_float32_weights(config, batch):
    """Losses are float32 and near those of full precision."""
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    half, full = (build_networks(made, config, None) for made in (fabric, Fabric(accelerator="cpu", devices=1)))
    found, predicted = training_step(fabric, config, half, batch)
    wanted, _ = training_step(Fabric(accelerator="cpu", devices=1), config, full, batch)
    assert predicted.dtype == torch.float32
    assert {p.dtype for p in [*half.generator.parameters(), *half.discriminator.parameters()]} == {torch.float32}
    for name in OFFICIAL_NAMES:
        assert found[name].dtype == torch.float32
        assert found[name].item() == pytest.approx(wanted[name].item(), rel=0.05), name
    assert found["gen_adv"] != wanted["gen_adv"]  # it was half precision


def test_channels_last_is_a_layout_only(fabric, config, networks, batch):
    last = replace(config, channels_last=True)
    nets, plain = networks(last), networks(config)
    weights = [p for net in (nets.generator, nets.discriminator) for p in net.parameters() if p.ndim == 4]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)
    moved = to_device(fabric, last, batch)
    assert moved.image.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(moved.image, batch.image) and moved.names == batch.names
    found, _ = training_step(fabric, last, nets, moved)
    wanted, _ = training_step(fabric, config, plain, batch)
    for name in OFFICIAL_NAMES:
        assert found[name].item() == pytest.approx(wanted[name].item(), rel=1e-3), name
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)
