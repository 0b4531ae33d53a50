from __future__ import annotations

import pytest
import torch

from guerdon.errors import RunError
from guerdon.runtime.checkpoint import load, load_optimizer, optimizer_tensors, save


def model(dtype=torch.float32):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).to(dtype)


def adamw(net, **kwargs):
    first, last = list(net[0].parameters()), list(net[2].parameters())
    groups = [{"params": first, "weight_decay": 0.1}, {"params": last, "lr": 1e-2}]
    return torch.optim.AdamW(groups, lr=1 / 3000, betas=(0.9, 0.95), **kwargs)


def train(net, optimizer, scheduler, steps):
    for step in steps:
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(step)).to(net[0].weight.dtype)
        optimizer.zero_grad()
        (net(x) ** 2).mean().backward()
        optimizer.step()
        scheduler.step()


def made(net, optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 1 / (1 + s))


def bits(tensors):
    return [t.detach().reshape(-1).view(torch.uint8).tolist() for t in tensors]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("options", [{}, {"amsgrad": True}, {"foreach": True}])
def test_a_resumed_adamw_takes_the_same_steps_bit_for_bit(tmp_path, dtype, options):
    whole = model(dtype)
    optimizer = adamw(whole, **options)
    train(whole, optimizer, made(whole, optimizer), range(7))

    first = model(dtype)
    optimizer_1 = adamw(first, **options)
    scheduler_1 = made(first, optimizer_1)
    train(first, optimizer_1, scheduler_1, range(4))
    path = save(
        tmp_path, 4, {"policy": first.state_dict(), "optimizer": optimizer_tensors(optimizer_1)},
        {"scheduler_epoch": scheduler_1.last_epoch},
    )  # fmt: skip

    found = load(path)
    second = model(dtype)
    optimizer_2 = adamw(second, **options)
    scheduler_2 = made(second, optimizer_2)
    second.load_state_dict(found.tensors["policy"])
    load_optimizer(optimizer_2, found.tensors["optimizer"])
    scheduler_2.last_epoch = found.state["scheduler_epoch"]
    assert optimizer_2.state_dict()["param_groups"] == optimizer_1.state_dict()["param_groups"]
    train(second, optimizer_2, scheduler_2, range(4, 7))

    assert bits(second.parameters()) == bits(whole.parameters())
    keys = ("step", "exp_avg", "exp_avg_sq")
    for a, b in zip(second.parameters(), whole.parameters(), strict=True):
        assert bits(optimizer_2.state[a][k] for k in keys) == bits(optimizer.state[b][k] for k in keys)


def test_without_the_state_the_steps_differ(tmp_path):
    # the check above must be able to fail
    net = model()
    optimizer = adamw(net)
    train(net, optimizer, made(net, optimizer), range(4))
    fresh = model()
    fresh.load_state_dict(net.state_dict())
    optimizer_2 = adamw(fresh)
    train(net, optimizer, made(net, optimizer), range(4, 5))
    train(fresh, optimizer_2, made(fresh, optimizer_2), range(4, 5))
    assert bits(net.parameters()) != bits(fresh.parameters())


def test_names_of_the_tensors():
    net = model()
    optimizer = adamw(net)
    train(net, optimizer, made(net, optimizer), range(1))
    named = optimizer_tensors(optimizer)
    assert named["state.3.exp_avg"].shape == (2,)
    assert named["group.0.weight_decay"].item() == 0.1
    assert named["group.1.betas"].tolist() == [0.9, 0.95]
    assert named["group.1.params"].item() == 2


def test_an_optimiser_before_its_first_step(tmp_path):
    optimizer = adamw(model())
    other = adamw(model())
    other.param_groups[0]["lr"] = 5.0
    load_optimizer(other, optimizer_tensors(optimizer))
    assert other.param_groups[0]["lr"] == 1 / 3000
    assert not other.state


def stepped():
    net = model()
    optimizer = adamw(net)
    train(net, optimizer, made(net, optimizer), range(1))
    return optimizer


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {**t, "state.9.exp_avg": torch.zeros(1)},
        lambda t: {**t, "group.2.lr": torch.zeros(())},
        lambda t: {**t, "state.0.exp_avg": torch.zeros(3, 3)},
        lambda t: {**t, "group.0.params": torch.tensor(3)},
        lambda t: {k: v for k, v in t.items() if k != "group.1.params"},
        lambda t: {**t, "other": torch.zeros(1)},
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change):
    tensors = optimizer_tensors(stepped())
    optimizer = stepped()
    before = {k: v.clone() for k, v in optimizer_tensors(optimizer).items()}
    with pytest.raises(RunError, match="does not fit this model"):
        load_optimizer(optimizer, change(tensors))
    after = optimizer_tensors(optimizer)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_loading_does_not_alias_the_saved_tensors():
    optimizer, other = stepped(), stepped()
    saved = optimizer_tensors(optimizer)
    load_optimizer(other, saved)
    for parameter in other.param_groups[0]["params"]:
        other.state[parameter]["exp_avg"].zero_()
    assert saved["state.0.exp_avg"].abs().sum() > 0


def test_a_state_that_is_no_tensor_is_refused():
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.LBFGS([parameter])
    optimizer.step(lambda: (parameter**2).sum())
    with pytest.raises(RunError, match="which is no tensor"):
        optimizer_tensors(optimizer)
