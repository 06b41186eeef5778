"""Members of a network one by one: side by side from several networks, copied, looked at."""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ._conditioning import RandomizedMap
from ._layers import MemberLinear
from ._members import Members


def _parts(module: nn.Module) -> Iterator[MemberLinear | Members | RandomizedMap]:
    """Yield the modules that have a member axis, but not what is inside of the user's own."""
    if isinstance(module, MemberLinear | Members | RandomizedMap):
        yield module
    else:
        for child in module.children():
            yield from _parts(child)


def _values(part: MemberLinear | RandomizedMap) -> dict[str, Tensor]:
    """Return the parameters and buffers of a part, by name; all have a member axis."""
    return {**dict(part.named_parameters()), **dict(part.named_buffers())}


def count_members(network: nn.Module) -> int:
    """Return K of a `DANNNetwork`.

    Examples
    --------
    >>> from sk_dann.nn import count_members, make_network
    >>> count_members(make_network(5, 2, n_members=3))
    3
    """
    part = next(_parts(network))
    return len(part.weight if isinstance(part, MemberLinear) else part.members)


@torch.no_grad()
def stack_members(networks: Sequence[nn.Module]) -> nn.Module:
    """Put the members of several networks of one shape side by side, as copies.

    Parameters
    ----------
    networks : sequence of DANNNetwork

    Returns
    -------
    DANNNetwork

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import make_network, stack_members
    >>> networks = [make_network(5, 2, n_members=n) for n in (1, 3)]
    >>> stack_members(networks)(torch.zeros(7, 5)).label_logits.shape
    torch.Size([4, 7, 2])
    """
    stacked = copy.deepcopy(networks[0])
    parts = [list(_parts(network)) for network in (stacked, *networks)]
    for mine, *theirs in zip(*parts, strict=True):
        if isinstance(mine, Members):
            members = [member for part in theirs for member in part.members]
            mine.members = nn.ModuleList([copy.deepcopy(member) for member in members])
        else:
            for name, values in _values(mine).items():
                rows = torch.cat([getattr(part, name) for part in theirs])
                trained = isinstance(values, nn.Parameter)
                setattr(mine, name, nn.Parameter(rows) if trained else rows)
    return stacked


@torch.no_grad()
def copy_members(source: nn.Module, destination: nn.Module, members: Sequence[int]) -> None:
    """Give some members of a network the parameters that they have in another one.

    Parameters
    ----------
    source, destination : DANNNetwork
        Of the same shape.
    members : sequence of int

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import copy_members, make_network
    >>> one, other = (make_network(5, 2, n_members=3) for _ in range(2))
    >>> copy_members(one, other, [0, 2])
    >>> same = one.label_predictor[0].weight == other.label_predictor[0].weight
    >>> same.all(dim=(1, 2))
    tensor([ True, False,  True])
    """
    for mine, theirs in zip(_parts(destination), _parts(source), strict=True):
        if isinstance(mine, Members):
            for k in members:
                mine.members[k].load_state_dict(theirs.members[k].state_dict())
        else:
            for own, other in zip(_values(mine).values(), _values(theirs).values(), strict=True):
                for k in members:  # fancy indexing would copy them twice
                    own[k] = other[k]


def view_members(network: nn.Module, members: slice) -> nn.Module:
    """Return a network of some members, which uses the weights that they have.

    Parameters
    ----------
    network : DANNNetwork
    members : slice

    Returns
    -------
    DANNNetwork

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import make_network, view_members
    >>> network = make_network(5, 2, n_members=3)
    >>> view_members(network, slice(2, 3))(torch.zeros(7, 5)).label_logits.shape
    torch.Size([1, 7, 2])
    """
    copied = {}
    for part in _parts(network):
        if isinstance(part, Members):
            copied[id(part.members)] = nn.ModuleList(list(part.members)[members])
        else:
            for values in _values(part).values():
                own = values.detach()[members]
                trained = isinstance(values, nn.Parameter)
                copied[id(values)] = nn.Parameter(own, requires_grad=False) if trained else own
    return copy.deepcopy(network, copied)


@torch.no_grad()
def finite_members(network: nn.Module) -> Tensor:
    """Tell of which members all parameters are finite.

    Parameters
    ----------
    network : DANNNetwork

    Returns
    -------
    Tensor of bool of shape (K,)

    Examples
    --------
    >>> import torch
    >>> from sk_dann.nn import finite_members, make_network
    >>> network = make_network(5, 2, n_members=3)
    >>> with torch.no_grad():
    ...     network.label_predictor[0].bias[1] = torch.inf
    >>> finite_members(network)
    tensor([ True, False,  True])
    """

    def is_finite(members):
        # The extremes are undefined if a number is, and take no memory to find. Along an axis,
        # torch takes fourteen times as long for them.
        extremes = torch.stack([torch.stack(values.aminmax()) for values in members])
        return torch.isfinite(extremes).all(dim=1)

    finite = []
    for part in _parts(network):
        if not isinstance(part, Members):
            finite += [is_finite(parameter) for parameter in part.parameters()]
        else:
            by_member = [
                [is_finite([parameter]) for parameter in member.parameters()]
                for member in part.members
            ]
            finite += [torch.cat(parameters) for parameters in zip(*by_member, strict=True)]
    return torch.stack(finite).all(dim=0)
