"""DenseNet-121. Source: Huang et al., Densely Connected Convolutional Networks, CVPR 2017, Table 1. Parameter count: torchvision,
densenet121. As exported, each layer joins all earlier ones of its block anew."""
from builder import CLASSES

PARAMETERS = {"densenet121": 7_978_856}
BLOCKS, GROWTH, BOTTLENECK = (6, 12, 24, 16), 32, 4


def active(net, x):
    return net.relu(net.batch_norm(x))


def layer(net, features):
    x = net.concat(features) if len(features) > 1 else features[0]
    x = net.conv(active(net, x), BOTTLENECK * GROWTH)
    return net.conv(active(net, x), GROWTH, 3)


def block(net, x, layers):
    features = [x]
    for _ in range(layers):
        features.append(layer(net, features))
    return net.concat(features)


def build(net):
    x = net.max_pool(active(net, net.conv(net.input, 64, 7, 2)), 3, 2, 1)
    for i, layers in enumerate(BLOCKS):
        x = active(net, block(net, x, layers))
        if i + 1 < len(BLOCKS):
            x = net.average_pool(net.conv(x, x.channels // 2), 2, 2)
    return net.linear(net.flatten(net.global_pool(x)), CLASSES, is_last=True)
