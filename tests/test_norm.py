"""Batch normalisation over ranks against torch's own over all rows at once."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.models.norm import BatchNorm

CHANNELS = 4


def pair():
    """Ours and torch's, with the same weights and statistics."""
    torch.manual_seed(1)
    ours, theirs = BatchNorm(CHANNELS), torch.nn.BatchNorm1d(CHANNELS)
    for tensor in (theirs.weight.data, theirs.bias.data, theirs.running_mean):
        torch.nn.init.normal_(tensor)
    torch.nn.init.uniform_(theirs.running_var, 0.5, 2)
    ours.load_state_dict(theirs.state_dict())
    return ours.double(), theirs.double()


def run(norm, rows, target):
    rows = rows.clone().requires_grad_()
    out = norm(rows)
    (out - target).square().sum().backward()
    return out, rows.grad, norm.weight.grad, norm.bias.grad


def test_alone_it_is_the_parent_to_the_bit():
    ours, theirs = pair()
    rows, target = torch.randn(2, 9, CHANNELS, dtype=torch.float64)
    for norm in (ours, theirs):
        norm.train()
    for found, expected in zip(run(ours, rows, target), run(theirs, rows, target), strict=True):
        torch.testing.assert_close(found, expected, atol=0, rtol=0)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for found, expected in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(found, expected, atol=0, rtol=0)


def statistics_of(ours, others):
    """The sum over ranks, as one rank sees it: its own sums and, held fixed, the others'."""
    origin = ours.running_mean.clone()
    rest = torch.cat(others) - origin
    sums = torch.cat([rest.new_full((1,), len(rest)), rest.sum(0), rest.square().sum(0)])
    return lambda tensor: tensor + sums


@given(
    sizes=st.lists(st.integers(0, 9), min_size=2, max_size=3).filter(lambda sizes: sum(sizes) > 1),
    offset=st.sampled_from([0.0, 100.0]),
)
def test_parts_of_a_batch_make_the_whole(sizes, offset):
    torch.manual_seed(0)
    rows = torch.randn(sum(sizes), CHANNELS, dtype=torch.float64) + offset
    _, theirs = pair()
    whole = theirs.train()(rows)
    parts = rows.split(sizes)
    for rank, part in enumerate(parts):
        ours, _ = pair()
        ours.train()
        ours.reduce = statistics_of(ours, [p for r, p in enumerate(parts) if r != rank])
        torch.testing.assert_close(ours(part), whole.split(sizes)[rank], atol=1e-8, rtol=1e-8)
        for found, expected in zip(ours.buffers(), theirs.buffers(), strict=True):
            torch.testing.assert_close(found, expected)


def test_gradients_pass_through_the_sums():
    # Two copies of a rank's rows: sums doubled, and so are the gradients that come back.
    rows, target = torch.randn(2, 9, CHANNELS, dtype=torch.float64)
    ours, theirs = pair()
    ours.reduce = lambda tensor: 2 * tensor
    found = run(ours.train(), rows, target)
    expected = run(theirs.train(), rows.repeat(2, 1), target.repeat(2, 1))
    torch.testing.assert_close(found[0], expected[0][:9])
    torch.testing.assert_close(found[1], expected[1][:9])
    torch.testing.assert_close(2 * found[2], expected[2])
    torch.testing.assert_close(2 * found[3], expected[3])


def test_evaluation_asks_no_other_rank():
    ours, theirs = pair()
    ours.reduce = lambda tensor: pytest.fail("asked")
    rows = torch.randn(5, CHANNELS, dtype=torch.float64)
    torch.testing.assert_close(ours.eval()(rows), theirs.eval()(rows), atol=0, rtol=0)


def test_half_precision_comes_back_as_such():
    norm = BatchNorm(CHANNELS).train()
    norm.reduce = lambda tensor: tensor
    rows = torch.randn(50, CHANNELS)
    out = norm(rows.bfloat16())
    assert out.dtype == torch.bfloat16
    expected = (rows - rows.mean(0)) / rows.std(0, correction=0)
    torch.testing.assert_close(out.float(), expected, atol=0.05, rtol=0.02)
