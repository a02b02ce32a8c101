"""Memory is handed out again when nothing refers to it any more, and not before."""

import copy
import pickle

import pytest
import torch

from dmmix.mixups.buffers import Buffers

LIKE = torch.zeros(4, 3, 8, 8)


def test_memory_comes_back_when_it_is_dropped():
    buffers = Buffers()
    tensor = buffers.take(LIKE)
    place = tensor.data_ptr()
    assert buffers.take(LIKE).data_ptr() != place
    del tensor
    assert place in {buffers.take(LIKE).data_ptr() for _ in range(3)}


def weight():
    return torch.ones(1, requires_grad=True)


@pytest.mark.parametrize(
    "hold",
    [
        lambda x: x,
        lambda x: x[0],
        lambda x: x.detach(),
        lambda x: x.numpy(),
        lambda x: x.untyped_storage(),
        lambda x: torch.utils.dlpack.to_dlpack(x),
        lambda x: dict(batch=[x]),
        lambda x: x * weight(),
        lambda x: torch.nn.Conv2d(3, 2, 3)(x),
        lambda x: torch.nn.Linear(8, 2)(x),
        lambda x: (x.flatten(1) @ torch.ones(192, 2, requires_grad=True)).sum(),
    ],
)
def test_what_is_held_is_not_written_to(hold):
    buffers = Buffers()
    tensor = buffers.take(LIKE).fill_(7)
    place = tensor.data_ptr()
    holder = hold(tensor)
    del tensor
    others = [buffers.take(LIKE) for _ in range(4)]
    assert place not in {other.data_ptr() for other in others}
    del holder, others


def test_a_graph_holds_memory_until_its_backward_pass():
    buffers = Buffers()
    tensor = buffers.take(LIKE)
    place = tensor.data_ptr()
    loss = torch.nn.Conv2d(3, 2, 3)(tensor).sum()
    del tensor
    assert buffers.take(LIKE).data_ptr() != place
    loss.backward()
    taken = [buffers.take(LIKE) for _ in range(2)]
    assert place in {t.data_ptr() for t in taken}


def test_what_it_gives_is_like_what_it_is_shown():
    buffers = Buffers()
    for like in (LIKE, LIKE.double(), LIKE[:2], LIKE.to(memory_format=torch.channels_last)):
        got = buffers.take(like)
        assert (got.shape, got.dtype, got.stride()) == (like.shape, like.dtype, like.stride())
        assert got.data_ptr() != like.data_ptr()


def test_there_are_few_buffers_however_shapes_change():
    buffers = Buffers()
    for n in range(1, 20):
        buffers.take(torch.zeros(n, 1, 2, 2))
    assert len(buffers._tensors) <= 3


def test_nothing_where_a_gradient_flows_or_memory_is_no_issue():
    assert Buffers().take(LIKE.clone().requires_grad_()) is None
    assert Buffers().take(LIKE.to("meta")) is None
    with torch.no_grad():
        assert Buffers().take(LIKE.clone().requires_grad_()) is not None


def test_copies_have_buffers_of_their_own():
    buffers = Buffers()
    place = buffers.take(LIKE).data_ptr()
    for other in (copy.deepcopy(buffers), pickle.loads(pickle.dumps(buffers))):
        assert other._tensors == []
        assert other.take(LIKE).data_ptr() != place
