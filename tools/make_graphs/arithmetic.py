"""The layers that need more than one line of numpy, in f32."""
import numpy as np


def padded(x, pad, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=value) if pad else x


def windows(x, kernel, stride):
    """For each place (i, j) of the kernel: (i, j, what it sees of x at every output)."""
    rows, columns = ((size - kernel) // stride + 1 for size in x.shape[2:])
    for i in range(kernel):
        for j in range(kernel):
            yield i, j, x[:, :, i:i + stride * rows:stride, j:j + stride * columns:stride]


def conv(x, weights, stride, pad, groups):
    """x (1, ic, h, w), weights (oc, ic / groups, k, k); one group or one channel a group."""
    outputs, depth, kernel, _ = weights.shape
    total = None
    for i, j, seen in windows(padded(x, pad), kernel, stride):
        if groups == 1:
            part = weights[:, :, i, j] @ np.ascontiguousarray(seen).reshape(depth, -1)
            part = part.reshape(1, outputs, *seen.shape[2:])
        else:
            assert depth == 1 and groups == outputs == x.shape[1], "only one channel a group is needed here"
            part = seen * weights[:, :, i, j].reshape(1, -1, 1, 1)
        total = part if total is None else total + part
    return total


def pool(x, kernel, stride, pad, combine, start):
    total = None
    for _, _, seen in windows(padded(x, pad, start), kernel, stride):
        total = seen.copy() if total is None else combine(total, seen)
    return total


def sigmoid(x):
    return (1 / (1 + np.exp(-x))).astype(np.float32)


def hard_sigmoid(x):
    return np.clip(x / np.float32(6) + np.float32(0.5), 0, 1).astype(np.float32)
