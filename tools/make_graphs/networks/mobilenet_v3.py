"""MobileNetV3-Large. Source: Howard et al., Searching for MobileNetV3, ICCV 2019, Table 1. Parameter count: torchvision, mobilenet_v3_large."""
from builder import CLASSES

PARAMETERS = {"mobilenet_v3_large": 5_483_032}
EPSILON = 1e-3  # of torchvision's BatchNorms in this network
# kernel, expanded channels, channels, squeeze and excitation, activation, stride
BLOCKS = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hard_swish", 2),
    (3, 200, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 480, 112, True, "hard_swish", 1),
    (3, 672, 112, True, "hard_swish", 1),
    (5, 672, 160, True, "hard_swish", 2),
    (5, 960, 160, True, "hard_swish", 1),
    (5, 960, 160, True, "hard_swish", 1),
)


def divisible(value, by=8):
    """The nearest multiple, at most a tenth below."""
    nearest = max(by, int(value + by / 2) // by * by)
    return nearest + by if nearest < 0.9 * value else nearest


def active(net, x, activation, channels, kernel=1, stride=1, groups=1):
    return getattr(net, activation)(net.batch_norm(net.conv(x, channels, kernel, stride, groups=groups), EPSILON))


def excite(net, x):
    squeezed = net.conv(net.global_pool(x), divisible(x.channels // 4), bias=True)
    return net.multiply(net.hard_sigmoid(net.conv(net.relu(squeezed), x.channels, bias=True)), x)


def block(net, x, kernel, wide, channels, excited, activation, stride):
    y = active(net, x, activation, wide) if wide != x.channels else x
    y = active(net, y, activation, wide, kernel, stride, groups=wide)
    y = excite(net, y) if excited else y
    y = net.batch_norm(net.conv(y, channels), EPSILON)
    return net.add(y, x) if stride == 1 and x.channels == channels else y


def build(net):
    x = active(net, net.input, "hard_swish", 16, 3, 2)
    for settings in BLOCKS:
        x = block(net, x, *settings)
    x = active(net, x, "hard_swish", 960)
    x = net.hard_swish(net.linear(net.flatten(net.global_pool(x)), 1280))
    return net.linear(x, CLASSES, is_last=True)
