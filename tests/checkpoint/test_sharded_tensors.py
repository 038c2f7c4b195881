"""In a process group of one process, which has all of a tensor as its part."""

from __future__ import annotations

import torch
from torch import nn

from mmaction.checkpoint.sharded_tensors import (
    gradient_like,
    is_part,
    keep_parts,
    keep_parts_of_state,
    own_part,
    part_like,
    whole,
)
from mmaction.checkpoint.writing import copied
from mmaction.engine.hooks.ema import tensors_of
from mmaction.engine.sharding import FullyShardedModel


def trained(network: nn.Module) -> tuple[nn.Module, torch.optim.Optimizer]:
    """After a step of the optimizer, with its gradients still there."""
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0, momentum=0.9)
    network(torch.arange(6.0).reshape(2, 3)).pow(2).sum().backward()
    optimizer.step()
    return network, optimizer


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


def test_whole_states_are_taken_in_parts(lone_group: None) -> None:
    plain, its_optimizer = trained(network(0))
    sharded = FullyShardedModel(network(1)).module
    optimizer = torch.optim.SGD(sharded.parameters(), lr=0.1, momentum=0.5)
    optimizer.register_load_state_dict_pre_hook(keep_parts_of_state)
    sharded.load_state_dict(plain.state_dict())
    optimizer.load_state_dict(its_optimizer.state_dict())
    for expected, got in zip(plain.parameters(), sharded.parameters(), strict=True):
        momentum = optimizer.state[got]["momentum_buffer"]
        assert is_part(got)
        assert is_part(momentum)
        assert whole(got.detach()).equal(expected.detach())
        assert whole(momentum).equal(its_optimizer.state[expected]["momentum_buffer"])
        assert expected.grad is not None
        gradient = gradient_like(expected.grad, got)
        assert is_part(gradient)
        assert own_part(gradient).equal(expected.grad)
    assert optimizer.param_groups[0]["momentum"] == 0.9
    kept = copied({"optimizer": optimizer.state_dict(), "weights": [sharded.state_dict()]})
    assert not any(is_part(value) for value in kept["weights"][0].values()), "whole"
    momenta = [state["momentum_buffer"] for state in kept["optimizer"]["state"].values()]
    assert not any(is_part(value) for value in momenta), "whole, before they are saved"
    assert kept["weights"][0]["0.weight"].equal(plain.state_dict()["0.weight"])


def test_what_is_whole_stays_as_it_is() -> None:
    tensor, parameter = torch.ones(2), nn.Parameter(torch.zeros(2))
    assert whole(tensor) is own_part(tensor) is part_like(tensor, parameter) is tensor
    assert gradient_like(tensor, parameter).equal(tensor)


def test_weights_of_another_shape_are_left_to_torch_s_message(lone_group: None) -> None:
    sharded = FullyShardedModel(network(1)).module
    state = {"0.weight": torch.ones(5, 3), "unknown": torch.ones(1)}
    keep_parts(sharded, state, "")
    assert not any(is_part(value) for value in state.values())


def test_a_copy_of_the_tensors_alone(lone_group: None) -> None:
    """Named and ordered as in the network, in parts as they are there, and its own."""
    sharded = FullyShardedModel(network(1)).module
    copy = tensors_of(sharded)
    assert copy.state_dict().keys() == network(1).state_dict().keys()
    for own, other in zip(sharded.parameters(), copy.parameters(), strict=True):
        assert is_part(other)
        assert not other.requires_grad
        assert whole(other).equal(whole(own.detach()))
    copy.register_load_state_dict_pre_hook(keep_parts)
    copy.load_state_dict(network(2).state_dict())
    assert whole(copy.get_parameter("0.bias")).equal(network(2).state_dict()["0.bias"])
    assert whole(sharded.get_parameter("0.bias").detach()).equal(network(1).state_dict()["0.bias"])
