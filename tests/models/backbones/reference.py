"""Slow forward passes from a state dict: plain loops over blocks and torch's functions."""

import torch.nn.functional as F


def norm(state, name, x, training, eps=1e-5):
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training:
        mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
    shape = (1, -1, 1, 1)
    x = (x - mean.view(shape)) / (var.view(shape) + eps).sqrt()
    return x * state[f"{name}.weight"].view(shape) + state[f"{name}.bias"].view(shape)


def wide_resnet(state, images, blocks, shortcuts, slope, eps, training):
    """Zagoruyko's network; ``shortcuts`` says for each stage whether they read activated maps."""

    def act(x):
        return x.clamp(min=0) + slope * x.clamp(max=0)

    x = F.conv2d(images, state["conv1.weight"], padding=1)
    for stage, activated_shortcut in zip((1, 2, 3), shortcuts, strict=True):
        for k in range(blocks):
            at = f"layer{stage}.{k}"
            stride = 2 if stage > 1 and k == 0 else 1
            activated = act(norm(state, f"{at}.norm1", x, training, eps))
            out = F.conv2d(activated, state[f"{at}.conv1.weight"], stride=stride, padding=1)
            out = act(norm(state, f"{at}.norm2", out, training, eps))
            out = F.conv2d(out, state[f"{at}.conv2.weight"], padding=1)
            if f"{at}.shortcut.weight" in state:
                source = activated if activated_shortcut else x
                x = F.conv2d(source, state[f"{at}.shortcut.weight"], stride=stride)
            x = x + out
    return act(norm(state, "norm", x, training, eps))


def resnext_cifar(state, images, blocks, groups, training):
    """Bottlenecks of 1 x 1, grouped 3 x 3 (which has the stride) and 1 x 1 convolutions."""
    x = F.conv2d(images, state["conv1.weight"], padding=1)
    x = norm(state, "bn1", x, training).clamp(min=0)
    for stage, count in enumerate(blocks, start=1):
        for k in range(count):
            at = f"layer{stage}.{k}"
            stride = 2 if stage > 1 and k == 0 else 1
            out = F.conv2d(x, state[f"{at}.conv1.weight"])
            out = norm(state, f"{at}.bn1", out, training).clamp(min=0)
            out = F.conv2d(
                out, state[f"{at}.conv2.weight"], stride=stride, padding=1, groups=groups
            )
            out = norm(state, f"{at}.bn2", out, training).clamp(min=0)
            out = norm(state, f"{at}.bn3", F.conv2d(out, state[f"{at}.conv3.weight"]), training)
            if f"{at}.downsample.0.weight" in state:
                x = F.conv2d(x, state[f"{at}.downsample.0.weight"], stride=stride)
                x = norm(state, f"{at}.downsample.1", x, training)
            x = (x + out).clamp(min=0)
    return x


def convnext_cifar(state, images, blocks):
    """3 x 3 stem; 7 x 7 depthwise, norm, two linear layers with GELU between, layer scale."""

    def layer_norm(name, x):
        x = F.layer_norm(
            x.permute(0, 2, 3, 1), (x.shape[1],), state[f"{name}.weight"], state[f"{name}.bias"],
            eps=1e-6,
        )  # fmt: skip
        return x.permute(0, 3, 1, 2)

    def convolution(name, x, **options):
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **options)

    x = images
    for stage, count in enumerate(blocks):
        at = f"downsample_layers.{stage}"
        if stage == 0:
            x = layer_norm(f"{at}.1", convolution(f"{at}.0", x, padding=1))
        else:
            x = convolution(f"{at}.1", layer_norm(f"{at}.0", x), stride=2)
        for k in range(count):
            at = f"stages.{stage}.{k}"
            out = convolution(f"{at}.depthwise_conv", x, padding=3, groups=x.shape[1])
            out = layer_norm(f"{at}.norm", out).permute(0, 2, 3, 1)
            for name in ("pointwise_conv1", "pointwise_conv2"):
                out = out @ state[f"{at}.{name}.weight"].T + state[f"{at}.{name}.bias"]
                out = F.gelu(out) if name == "pointwise_conv1" else out
            x = x + (out * state[f"{at}.gamma"]).permute(0, 3, 1, 2)
    last = f"norm{len(blocks) - 1}"
    return layer_norm(last, x.mean(dim=(2, 3), keepdim=True)).flatten(1)
