import copy

import pytest
import torch

from sk_dann.training._adam import MemberAdam, adam_step, is_plain_adam


def _optimizer(kind=torch.optim.Adam, **options):
    generator = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(n, 3, generator=generator)) for n in (4, 2, 3)]
    groups = [
        {"params": weights[:2], "weight_decay": 0.1, "lr": 0.05},
        {"params": weights[2:], "betas": (0.5, 0.9), "eps": 1e-3},
    ]
    return kind(groups, **options)


def _weights(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def test_steps_are_torchs_to_the_bit():
    mine, theirs = _optimizer(fused=True), _optimizer(fused=True)
    assert is_plain_adam(mine)
    for number in range(5):
        for optimizer in (mine, theirs):
            for p in _weights(optimizer):
                p.grad = torch.sin(p.detach() + number)
        if number == 3:  # no gradient, no step
            _weights(mine)[1].grad = _weights(theirs)[1].grad = None
        adam_step(mine)
        theirs.step()
    for one, other in zip(_weights(mine), _weights(theirs), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(_weights(mine)[1], _weights(theirs)[1])
    states = [optimizer.state_dict()["state"] for optimizer in (mine, theirs)]
    for number, state in states[1].items():
        for key, value in state.items():
            assert torch.equal(states[0][number][key], value)


def test_a_scheduler_sees_the_steps():
    optimizer = _optimizer(fused=True)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(2):
        for p in _weights(optimizer):
            p.grad = torch.ones_like(p)
        adam_step(optimizer)
        scheduler.step()  # warns of what it has not seen; warnings are errors here
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05 / 4)


class Mine(torch.optim.Adam):
    pass


@pytest.mark.parametrize(
    "optimizer",
    [
        _optimizer(),
        _optimizer(amsgrad=True, fused=True),
        _optimizer(Mine, fused=True),
        _optimizer(torch.optim.SGD),
        _optimizer(torch.optim.AdamW, fused=True),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_other_optimizers_take_their_own_steps(optimizer):
    assert not is_plain_adam(optimizer)
    reference = copy.deepcopy(optimizer)
    for each in (optimizer, reference):
        for p in _weights(each):
            p.grad = torch.ones_like(p)
    adam_step(optimizer)
    reference.step()
    for one, other in zip(_weights(optimizer), _weights(reference), strict=True):
        assert torch.equal(one, other)


def test_members_step_by_themselves_as_together():
    mine, theirs = _optimizer(fused=True), _optimizer(fused=True)
    for p in [*_weights(mine), *_weights(theirs)]:
        p.grad = torch.ones_like(p)
    adam_step(mine)
    theirs.step()
    for members in (slice(0, 1), slice(1, None)):
        parameters = _weights(mine)[::-1]
        adam = MemberAdam(mine, parameters, members)
        for number in range(3):
            gradients = [torch.cos(p.detach()[members] + number) for p in parameters]
            adam.step(gradients, [group["lr"] for group in mine.param_groups])
    adam.put_back(mine)
    for number in range(3):
        for p in _weights(theirs):
            p.grad = torch.cos(p.detach() + number)
        theirs.step()
    for one, other in zip(_weights(mine), _weights(theirs), strict=True):
        torch.testing.assert_close(one, other)
        for key, value in theirs.state[other].items():
            torch.testing.assert_close(mine.state[one][key], value)
