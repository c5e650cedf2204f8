"""EfficientNet-B0. Source: Tan and Le, EfficientNet, ICML 2019, Table 1. Parameter count: torchvision, efficientnet_b0."""
from builder import CLASSES

PARAMETERS = {"efficientnet_b0": 5_288_548}
STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)
          )  # expansion, kernel, stride, channels, blocks


def active(net, x, channels, kernel=1, stride=1, groups=1):
    return net.silu(net.batch_norm(net.conv(x, channels, kernel, stride, groups=groups)))


def excite(net, x, squeezed):
    y = net.silu(net.conv(net.global_pool(x), squeezed, bias=True))
    return net.multiply(net.sigmoid(net.conv(y, x.channels, bias=True)), x)


def block(net, x, expansion, kernel, stride, channels):
    wide = expansion * x.channels
    y = active(net, x, wide) if expansion != 1 else x
    y = active(net, y, wide, kernel, stride, groups=wide)
    y = excite(net, y, max(1, x.channels // 4))
    y = net.batch_norm(net.conv(y, channels))
    return net.add(y, x) if stride == 1 and x.channels == channels else y


def build(net):
    x = active(net, net.input, 32, 3, 2)
    for expansion, kernel, stride, channels, blocks in STAGES:
        for i in range(blocks):
            x = block(net, x, expansion, kernel, stride if i == 0 else 1, channels)
    x = active(net, x, 1280)
    return net.linear(net.flatten(net.global_pool(x)), CLASSES, is_last=True)
