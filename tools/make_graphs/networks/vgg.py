"""VGG-16. Source: Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015, Table 1, column D. Parameter count: torchvision,
vgg16 (without BatchNorm). Its adaptive pooling to 7x7 does nothing at 224x224 and is left out, as exporters do."""
from builder import CLASSES

PARAMETERS = {"vgg16": 138_357_544}
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


def build(net):
    x = net.input
    for channels, convolutions in STAGES:
        for _ in range(convolutions):
            x = net.relu(net.conv(x, channels, 3, bias=True))
        x = net.max_pool(x, 2, 2)
    x = net.flatten(x)
    for _ in range(2):
        x = net.relu(net.linear(x, 4096))
    return net.linear(x, CLASSES, is_last=True)
