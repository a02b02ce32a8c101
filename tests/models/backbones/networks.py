"""Small networks with weights that are all in use, and how to compare what they compute."""

import torch


def stirred(network, seed=0):
    """The network in float64, every weight and statistic random: nothing is zero or one."""
    generator = torch.Generator().manual_seed(seed)
    network = network.double()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.dtype != torch.float64:
                continue
            noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
            if name.endswith("running_var"):
                value.copy_(noise.abs() + 0.5)
            elif value.ndim > 1:
                value.copy_(noise * (2 / value[0].numel()) ** 0.5)
            else:
                value.copy_(1 + noise / 4 if name.endswith("weight") else noise / 4)
    return network


def state_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def images(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def compiles_in_one_graph(network):
    """Forward and backward pass as one graph, in both modes, with the numbers of the plain one."""
    batch = images(2, 3, 16, 16).float().contiguous(memory_format=torch.channels_last)
    network = network.float().to(memory_format=torch.channels_last)
    for training in (False, True):
        network.train(training)
        before = state_of(network)
        (expected,) = network(batch)
        network.load_state_dict(before)
        torch._dynamo.reset()
        (found,) = torch.compile(network, fullgraph=True, backend="aot_eager")(batch)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        found.sum().backward()
        assert all(weight.grad is not None for weight in network.parameters())
    return expected
