"""ResNet-18 and ResNet-50. Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, Table 1; as in torchvision the
stride of a bottleneck is on its 3x3 convolution. Parameter counts: torchvision, resnet18 and resnet50."""
from builder import CLASSES

PARAMETERS = {"resnet18": 11_689_512, "resnet50": 25_557_032}
BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
WIDTHS = (64, 128, 256, 512)
EXPANSION = {"resnet18": 1, "resnet50": 4}


def normed(net, x, channels, kernel, stride=1):
    return net.batch_norm(net.conv(x, channels, kernel, stride))


def branch(net, x, width, stride, expansion):
    if expansion == 1:
        return normed(net, net.relu(normed(net, x, width, 3, stride)), width, 3)
    y = net.relu(normed(net, x, width, 1))
    y = net.relu(normed(net, y, width, 3, stride))
    return normed(net, y, width * expansion, 1)


def block(net, x, width, stride, expansion):
    y = branch(net, x, width, stride, expansion)
    if stride != 1 or x.channels != y.channels:
        x = normed(net, x, y.channels, 1, stride)
    return net.relu(net.add(y, x))


def build(net):
    x = net.relu(normed(net, net.input, 64, 7, 2))
    x = net.max_pool(x, 3, 2, 1)
    for stage, (width, blocks) in enumerate(zip(WIDTHS, BLOCKS[net.name])):
        for i in range(blocks):
            x = block(net, x, width, 2 if stage > 0 and i == 0 else 1, EXPANSION[net.name])
    return net.linear(net.flatten(net.global_pool(x)), CLASSES, is_last=True)
