"""MobileNetV2 1.0. Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018, Table 2. Parameter count:
torchvision, mobilenet_v2."""
from builder import CLASSES

PARAMETERS = {"mobilenet_v2": 3_504_872}
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))  # expansion, channels, blocks, stride


def active(net, x, channels, kernel=1, stride=1, groups=1):
    return net.relu6(net.batch_norm(net.conv(x, channels, kernel, stride, groups=groups)))


def block(net, x, expansion, channels, stride):
    y, wide = x, expansion * x.channels
    if expansion != 1:
        y = active(net, y, wide)
    y = active(net, y, wide, 3, stride, groups=wide)
    y = net.batch_norm(net.conv(y, channels))
    return net.add(x, y) if stride == 1 and x.channels == channels else y


def build(net):
    x = active(net, net.input, 32, 3, 2)
    for expansion, channels, blocks, stride in STAGES:
        for i in range(blocks):
            x = block(net, x, expansion, channels, stride if i == 0 else 1)
    x = active(net, x, 1280)
    return net.linear(net.flatten(net.global_pool(x)), CLASSES, is_last=True)
