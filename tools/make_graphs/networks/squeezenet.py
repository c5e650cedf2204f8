"""SqueezeNet 1.1. Source: Iandola et al., SqueezeNet, arXiv 1602.07360, and its release 1.1. Parameter count: torchvision, squeezenet1_1."""
from builder import CLASSES

PARAMETERS = {"squeezenet1_1": 1_235_496}
STAGES = (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256)))  # squeezed and expanded channels


def fire(net, x, squeezed, expanded):
    x = net.relu(net.conv(x, squeezed, bias=True))
    return net.concat([net.relu(net.conv(x, expanded, kernel, bias=True)) for kernel in (1, 3)])


def build(net):
    x = net.relu(net.conv(net.input, 64, 3, 2, pad=0, bias=True))
    for stage in STAGES:
        x = net.max_pool(x, 3, 2, ceil=1)
        for squeezed, expanded in stage:
            x = fire(net, x, squeezed, expanded)
    x = net.relu(net.conv(x, CLASSES, bias=True))
    return net.flatten(net.global_pool(x))
