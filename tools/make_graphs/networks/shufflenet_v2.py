"""ShuffleNetV2 x1.0. Source: Ma et al., ShuffleNet V2, ECCV 2018, Table 5 and Fig. 3. Parameter count: torchvision, shufflenet_v2_x1_0."""
from builder import CLASSES

PARAMETERS = {"shufflenet_v2_x1_0": 2_278_604}
STAGES = ((116, 4), (232, 8), (464, 4))  # channels, units


def active(net, x, channels):
    return net.relu(net.batch_norm(net.conv(x, channels)))


def depthwise(net, x, stride):
    return net.batch_norm(net.conv(x, x.channels, 3, stride, groups=x.channels))


def branch(net, x, half, stride):
    return active(net, depthwise(net, active(net, x, half), stride), half)


def unit(net, x, channels, stride):
    half = channels // 2
    if stride == 1:
        kept, other = net.halves(x)
        parts = [kept, branch(net, other, half, 1)]
    else:
        parts = [active(net, depthwise(net, x, stride), half), branch(net, x, half, stride)]
    return net.shuffle(net.concat(parts), 2)


def build(net):
    x = net.relu(net.batch_norm(net.conv(net.input, 24, 3, 2)))
    x = net.max_pool(x, 3, 2, 1)
    for channels, units in STAGES:
        for i in range(units):
            x = unit(net, x, channels, 2 if i == 0 else 1)
    return net.linear(net.mean_of_places(active(net, x, 1024)), CLASSES, is_last=True)
