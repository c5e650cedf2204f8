"""Reference code and shape rules of src/ops, and the native engine, against ONNX Runtime, operator by operator, at old and new opsets."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

PROGRAM, OPS_FOLDER = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
RNG = np.random.default_rng(7)
F, I64, B = np.float32, np.int64, np.bool_


def f(*shape, low=-3, high=3):
    return RNG.uniform(low, high, shape).astype(F)


def positive(*shape):
    return f(*shape, low=0.1, high=4)


def i64(*values):
    return np.array(values, dtype=I64)


def u8(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def s8(*shape):
    return RNG.integers(-128, 128, shape, dtype=np.int8)


class Const(np.ndarray):
    """Marks an input that stands in the model as an initializer."""


def const(array):
    return np.asarray(array).view(Const)


CASES = []
EMPTY = const(np.array([], F))


def difference_of(got, want):
    """The largest one, and the largest value that is wanted; what is no number has to be none in both."""
    got, want = got.astype(np.float64), want.astype(np.float64)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    return np.abs(np.nan_to_num(got, nan=0) - np.nan_to_num(want, nan=0)).max(initial=0), np.abs(np.nan_to_num(want, nan=0)).max(initial=0)


def case(op, inputs, opset=13, outputs=1, domain="", tolerance=1e-5, **attributes):
    CASES.append((op, inputs, opset, outputs, domain, tolerance, attributes))


for name in ("Relu", "Sigmoid", "Tanh", "Exp", "Floor", "Ceil", "Round", "Erf", "Softplus", "Softsign", "LeakyRelu", "Elu", "HardSigmoid", "Abs",
             "Neg", "Identity"):
    case(name, [f(2, 3, 5, 4)])
for name in ("Sigmoid", "Tanh", "Elu", "Exp", "Softplus", "Relu", "LeakyRelu"):
    case(name, [np.where(np.arange(40).reshape(1, 2, 4, 5) % 3 == 0, F(np.nan), f(1, 2, 4, 5))])
case("HardSwish", [f(2, 3, 5, 4)], opset=14)
case("Mish", [f(2, 7)], opset=18)
for name in ("Log", "Sqrt", "Reciprocal"):
    case(name, [positive(3, 7)])
case("LeakyRelu", [f(4, 4)], alpha=0.3)
case("Elu", [f(4, 4)], alpha=0.5)
case("HardSigmoid", [f(4, 4)], alpha=0.25, beta=0.4)
case("PRelu", [f(2, 3, 4, 4), const(f(3, 1, 1))])
case("Clip", [f(3, 9)], opset=7, min=-0.5, max=1.0)
case("Clip", [f(3, 9), const(np.array(0, F)), const(np.array(2, F))])
case("Clip", [f(3, 9), const(np.array(0, F))])
case("Clip", [u8(3, 9), const(np.array(20, np.uint8)), const(np.array(90, np.uint8))])
case("Clip", [s8(3, 9), const(np.array(-3, np.int8)), const(np.array(7, np.int8))])
case("Clip", [f(3, 9), const(np.array(1, F)), const(np.array(-1, F))])  # bounds that cross
case("Clip", [i64(2**40, -2**40, 2**40 + 1, 5), const(np.array(-2**40, I64)), const(np.array(2**40, I64))])  # beyond what float holds
case("Not", [RNG.integers(0, 2, (3, 4)).astype(B)])
for name in ("Add", "Sub", "Mul", "Div"):
    case(name, [f(2, 3, 4, 5), positive(3, 1, 5)])
    case(name, [f(1, 4), positive(6, 1)], opset=7)
    case(name, [RNG.integers(-9, 9, (5, 3)), RNG.integers(1, 9, (3, ))])
case("Pow", [positive(3, 4), const(np.array(1.7, F))])
case("Mod", [RNG.integers(-9, 9, (5, 3)), RNG.integers(1, 9, (5, 3))])
case("Mod", [f(5, 3), positive(5, 3)], fmod=1)
for name in ("Sum", "Mean", "Max", "Min"):
    case(name, [f(2, 3, 4), f(3, 1), f(2, 1, 4)])
case("Sum", [f(2, 3), f(2, 3)], opset=7)
for name in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
    case(name, [RNG.integers(0, 4, (4, 5)), RNG.integers(0, 4, (5, ))])
for name in ("And", "Or"):
    case(name, [RNG.integers(0, 2, (3, 4)).astype(B), RNG.integers(0, 2, (4, )).astype(B)])
case("Where", [RNG.integers(0, 2, (3, 1)).astype(B), f(3, 4), f(4)])
for size in ((1, 1), (3, 3), (5, 2)):
    for attributes in (
        {},
        {"strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 1]},
        {"auto_pad": "SAME_LOWER"},
        {"pads": [0, 1, 2, 0]},
    ):
        case("Conv", [f(2, 4, 9, 8), const(f(6, 4, *size)), const(f(6))], **attributes)
case("Conv", [f(1, 4, 9, 8), const(f(4, 1, 3, 3))], group=4, pads=[1, 1, 1, 1])
case("Conv", [f(1, 6, 9, 8), const(f(9, 2, 3, 3)), const(f(9))], group=3, dilations=[2, 2])
case("Conv", [f(1, 3, 20), const(f(5, 3, 4))], strides=[3])
case("ConvTranspose", [f(2, 4, 5, 6), const(f(4, 3, 3, 3)), const(f(3))], strides=[2, 2], pads=[1, 0, 1, 1], output_padding=[1, 0])
case("ConvTranspose", [f(1, 4, 5, 6), const(f(4, 2, 2, 2))], strides=[2, 2], group=2)
case("ConvTranspose", [f(1, 2, 3, 4), const(f(2, 2, 3, 3))], dilations=[2, 1])
for pad in ("NOTSET", "SAME_UPPER", "SAME_LOWER"):  # where an odd row is cut off depends on it
    for size in ([6, 8], [7, 7], [5, 9]):
        case("ConvTranspose", [f(1, 2, 3, 4), const(f(2, 3, 3, 3))], strides=[2, 2], output_shape=size, auto_pad=pad)
    case("ConvTranspose", [f(1, 2, 3, 4), const(f(2, 3, 3, 3))], strides=[2, 2], **({} if pad == "NOTSET" else {"auto_pad": pad}))
for name in ("MaxPool", "AveragePool"):
    case(name, [f(2, 3, 9, 8)], kernel_shape=[3, 3], strides=[2, 2])
    case(name, [f(2, 3, 9, 8)], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 1, 1, 0], ceil_mode=1)
    case(name, [f(2, 3, 10, 10)], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    case(name, [f(2, 3, 2, 1)], kernel_shape=[3, 3], strides=[2, 3], ceil_mode=1)  # images smaller than the window
    case(name, [f(2, 16, 2, 9)], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    case(name, [f(2, 3, 9, 8)], opset=7, kernel_shape=[2, 2], auto_pad="SAME_UPPER")
    case(name, [f(1, 3, 17)], kernel_shape=[4], strides=[3])
case("AveragePool", [f(2, 3, 9, 8)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
case("MaxPool", [f(1, 2, 9, 9)], kernel_shape=[3, 3], dilations=[2, 2])
case("GlobalAveragePool", [f(2, 3, 5, 4)])
case("GlobalMaxPool", [f(2, 3, 5, 4)])
for trans_a, trans_b in ((0, 0), (0, 1), (1, 0), (1, 1)):
    case("Gemm", [f(5, 4) if trans_a else f(4, 5), const(f(6, 5) if trans_b else f(5, 6)),
                  const(f(6))], transA=trans_a, transB=trans_b, alpha=0.5, beta=2.0)
case("Gemm", [f(4, 5), const(f(5, 6))], alpha=0.5)
case("MatMul", [f(2, 3, 4, 5), f(3, 5, 2)])
case("MatMul", [f(5), f(5, 2)])
case("MatMul", [f(4, 5), f(5)])
for opset in (7, 9, 13, 15):
    case("BatchNormalization", [f(2, 3, 4, 4), const(positive(3)), const(f(3)), const(f(3)), const(positive(3))], opset=opset, epsilon=1e-3)
case("InstanceNormalization", [f(2, 3, 4, 4), const(positive(3)), const(f(3))])
case("LRN", [f(2, 7, 3, 3)], size=5, alpha=0.01, beta=0.6, bias=1.5)
for name in ("Softmax", "LogSoftmax"):
    case(name, [f(3, 4, 5)])
    case(name, [f(3, 4, 5)], axis=1)
    case(name, [f(3, 4, 5)], opset=7)
    case(name, [f(3, 4, 5)], opset=11, axis=2)
case("Concat", [f(2, 3, 4), f(2, 1, 4), f(2, 2, 4)], axis=1)
case("Concat", [f(2, 3), f(2, 4)], axis=-1)
case("Split", [f(2, 6, 3)], outputs=2, axis=1, opset=7)
case("Split", [f(2, 6, 3)], outputs=2, axis=1, opset=7, split=[2, 4])
case("Split", [f(7, 3), const(i64(3, 4))], outputs=2)
case("Split", [f(7, 3)], outputs=3, opset=18, num_outputs=3)
case("Slice", [f(6, 7, 8)], opset=7, starts=[1, -3], ends=[5, 100], axes=[0, 2])
case("Slice", [f(6, 7), const(i64(5, 1)), const(i64(-100, 6)), const(i64(0, 1)), const(i64(-2, 3))])
case("Slice", [f(6, 7), const(i64(1)), const(i64(4))])
case("Gather", [f(5, 4, 3), const(i64(3, -1, 0))], axis=0)
case("Gather", [f(5, 4, 3), const(np.array([[0, 3], [2, 1]], I64))], axis=1)
case("Gather", [f(5, 4), const(np.array(2, I64))], axis=1)
case("Transpose", [f(2, 3, 4)])
case("Transpose", [u8(2, 3, 4, 5)], perm=[0, 2, 3, 1])
for mode in ("constant", "edge", "reflect"):
    case("Pad", [f(3, 4, 5), const(i64(1, 0, 2, 0, 1, 1))], mode=mode)
    case("Pad", [f(3, 4)], opset=7, mode=mode, pads=[1, 2, 0, 1])
case("Pad", [f(3, 4), const(i64(1, 2, 0, 1)), const(np.array(7, F))])
case("Pad", [f(3, 4).astype(np.float64)], opset=7, pads=[1, 2, 0, 1], value=2.5)
case("Pad", [f(3, 4, 5), const(i64(2, 1)), const(np.array(7, F)), const(i64(1))], opset=18)
case("Expand", [f(3, 1), const(i64(2, 1, 4))])
case("Tile", [f(2, 3), const(i64(2, 3))])
for mode in ("DCR", "CRD"):
    case("DepthToSpace", [f(2, 12, 3, 2)], blocksize=2, mode=mode)
case("SpaceToDepth", [f(2, 3, 6, 4)], blocksize=2)
case("Reshape", [f(2, 3, 4), const(i64(0, -1))])
case("Reshape", [f(2, 3, 4), const(i64(4, 6))], opset=7)
case("Flatten", [f(2, 3, 4, 5)], axis=2)
case("Flatten", [f(2, 3, 4)], opset=7)
case("Squeeze", [f(1, 3, 1, 4)], opset=11, axes=[2])
case("Squeeze", [f(1, 3, 1, 4), const(i64(0, -2))])
case("Unsqueeze", [f(3, 4)], opset=11, axes=[0, 3])
case("Unsqueeze", [f(3, 4), const(i64(-1, 1))])
case("Dropout", [f(3, 4)], opset=7)
case("Dropout", [f(3, 4)])
case("Dropout", [f(3, 4)], outputs=2)
case("Constant", [], value=numpy_helper.from_array(f(3, 2)))
case("ConstantOfShape", [const(i64(2, 3))], value=numpy_helper.from_array(np.array([5], F)))
case("Shape", [f(2, 3, 4)])
case("Shape", [f(2, 3, 4)], opset=15, start=1, end=-1)
case("Cast", [f(3, 4, low=0, high=200)], to=TensorProto.UINT8)
case("Cast", [u8(3, 4)], to=TensorProto.FLOAT)
case("Cast", [f(3, 4)], to=TensorProto.FLOAT16)
case("Cast", [f(3, 4)], to=TensorProto.INT64)
case("Cast", [f(3, 4)], to=TensorProto.BOOL)
case("Cast", [i64(2**40 + 1, -5, 0)], to=TensorProto.DOUBLE, tolerance=0)
case("Cast", [np.array([2**31 + 3, 4, 2**24 + 1], np.uint32)], to=TensorProto.INT64, tolerance=0)
case("Cast", [np.array([2**40, -3.5, 7], np.float64)], to=TensorProto.INT64, tolerance=0)
case("Cast", [i64(300, -1, 5)], to=TensorProto.UINT8, tolerance=0)
case("ArgMax", [i64(2**30, 2**30 + 1, 3).reshape(1, 3)], axis=1)
case("ArgMin", [np.array([[2**30 + 1, 2**30, 2**31 - 1]], np.int32)], axis=1)
for name in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"):
    case(name, [f(2, 3, 4)], opset=11, axes=[1, 2], keepdims=0)
    case(name, [f(2, 3, 4)], opset=11)
    case(name, [f(2, 3, 4), const(i64(-1))], opset=18)
for name in ("ArgMax", "ArgMin"):
    case(name, [f(3, 4, 5)], axis=1)
    case(name, [f(3, 4)], axis=-1, keepdims=0)
case("Upsample", [f(1, 2, 3, 4)], opset=7, scales=[1.0, 1.0, 2.0, 3.0], mode="nearest")
case("Upsample", [f(1, 2, 3, 4), const(np.array([1, 1, 2, 2], F))], opset=9, mode="nearest")
case("Upsample", [f(1, 2, 3, 4), const(np.array([1, 1, 2, 2], F))], opset=9, mode="linear")
case("Resize", [f(1, 2, 3, 4), const(np.array([1, 1, 2, 2], F))], opset=10, mode="nearest")
case("Resize", [f(1, 2, 5, 4), EMPTY, const(np.array([2, 1.5], F))], opset=18, mode="nearest", axes=[2, 3])
case("Resize", [f(1, 2, 5, 4), EMPTY, EMPTY, const(i64(9, 7))], opset=18, mode="linear", axes=[3, 2])
for policy in ("not_larger", "not_smaller"):
    case("Resize", [f(1, 2, 5, 4), EMPTY, EMPTY, const(i64(12, 7))], opset=18, mode="linear", axes=[2, 3], keep_aspect_ratio_policy=policy)
    case("Resize", [f(1, 2, 6, 9), EMPTY, EMPTY, const(i64(4, 5))], opset=18, mode="nearest", axes=[2, 3], keep_aspect_ratio_policy=policy)
for mode in ("linear", "nearest"):
    case("Resize", [f(1, 2, 5, 4), EMPTY, const(np.array([1, 1, 1.3, 2.4], F))], opset=19, mode=mode,
         coordinate_transformation_mode="half_pixel_symmetric")
for transform in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
    for rounding in ("round_prefer_floor", "floor", "ceil", "round_prefer_ceil"):
        case("Resize", [f(1, 2, 5, 4), EMPTY, const(np.array([1, 1, 1.6, 2.5], F))], mode="nearest", coordinate_transformation_mode=transform,
             nearest_mode=rounding)
    case("Resize", [f(1, 2, 5, 4), EMPTY, const(np.array([1, 1, 2, 0.5], F))], mode="linear", coordinate_transformation_mode=transform)
    case("Resize", [f(1, 2, 5, 4), EMPTY, EMPTY, const(i64(1, 2, 7, 9))], mode="linear", coordinate_transformation_mode=transform)
for transform in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
    for attributes in ({}, {"cubic_coeff_a": -0.5}, {"exclude_outside": 1}):
        case("Resize", [f(1, 2, 5, 4), EMPTY, const(np.array([1, 1, 1.7, 0.6], F))], mode="cubic", coordinate_transformation_mode=transform,
             **attributes)
    case("Resize", [f(1, 2, 7, 6), EMPTY, EMPTY, const(i64(1, 2, 5, 11))], mode="cubic", coordinate_transformation_mode=transform)
for mode in ("linear", "cubic"):
    for outside in (0, 1):
        for sizes in ((3, 4), (4, 17), (20, 3)):
            case("Resize", [f(1, 2, 11, 9), EMPTY, EMPTY, const(i64(1, 2, *sizes))], opset=18, mode=mode, antialias=1, exclude_outside=outside)
for mode in ("nearest", "linear", "cubic"):
    for part in ((0.2, 0.1, 0.8, 0.7), (-0.25, 0.2, 0.95, 1.4), (0.85, 0, 0.15, 1)):  # none of them halfway between two inputs
        case("Resize", [f(1, 2, 6, 5), const(np.array([0, 0, *part[:2], 1, 1, *part[2:]], F)), EMPTY,
                        const(i64(1, 2, 4, 7))], mode=mode, coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=2.5)
case("Resize", [f(1, 2, 6, 5), const(np.array([0, 0, 0.5, 0.5, 1, 1, 0.5, 1], F)), EMPTY,
                const(i64(1, 2, 1, 1))], mode="linear", coordinate_transformation_mode="tf_crop_and_resize")
case("QuantizeLinear", [f(3, 4), const(np.array(0.02, F)), const(np.array(128, np.uint8))], tolerance=0)
case("QuantizeLinear", [f(3, 4), const(np.array([0.02, 0.1, 0.03, 0.2], F)), const(np.array([0, 1, -3, 5], np.int8))], axis=1, tolerance=0)
case("DequantizeLinear", [u8(3, 4), const(np.array(0.02, F)), const(np.array(128, np.uint8))])
case("DequantizeLinear", [RNG.integers(-128, 128, (4, 3, 2, 2), dtype=np.int8), const(positive(4))], axis=0)
case("DequantizeLinear", [RNG.integers(-999, 999, (4, ), dtype=np.int32), const(np.array(0.5, F))])
case("DequantizeLinear", [s8(3, 4), const(np.array(0.02, np.float16)), const(np.array(3, np.int8))], opset=19, tolerance=1e-3)
case("DequantizeLinear", [s8(6, 4), const(positive(2, 4)), const(s8(2, 4))], opset=21, axis=0, block_size=3)
case("DequantizeLinear", [s8(2, 6, 3), const(positive(2, 2, 3))], opset=21, axis=1, block_size=3)
case("QuantizeLinear", [f(4, 6), const(positive(4, 3)), const(s8(4, 3))], opset=21, axis=1, block_size=2, tolerance=0)
case("DequantizeLinear", [s8(5, 4), const(positive(4).astype(np.float16))], opset=19, tolerance=1e-3)


def scale(value):
    return const(np.array(value, F))


def zero(value, dtype=np.uint8):
    return const(np.array(value, dtype))


case("QLinearConv", [
    u8(1, 4, 7, 6),
    scale(0.02),
    zero(120),
    const(u8(5, 4, 3, 3)),
    scale(0.01),
    zero(128),
    scale(0.2),
    zero(110),
    const(RNG.integers(-500, 500, 5).astype(np.int32))
], pads=[1, 1, 1, 1], strides=[2, 1], tolerance=1)
case("QLinearConv", [
    u8(1, 4, 7, 6),
    scale(0.02),
    zero(120),
    const(RNG.integers(-128, 128, (4, 1, 3, 3), dtype=np.int8)),
    const(positive(4) * 0.01),
    const(np.zeros(4, np.int8)),
    scale(0.05),
    zero(110)
], group=4, tolerance=1)
case("QLinearMatMul", [u8(3, 8), scale(0.02), zero(120), const(u8(8, 5)), scale(0.01), zero(128), scale(0.05), zero(110)], tolerance=1)
for name in ("QLinearAdd", "QLinearMul"):
    case(name, [u8(2, 3, 4), scale(0.02), zero(120), u8(1, 3, 1), scale(0.03), zero(100), scale(0.06), zero(90)], domain="com.microsoft", tolerance=1)
case("QLinearGlobalAveragePool", [u8(2, 3, 5, 4), scale(0.02), zero(120), scale(0.015), zero(90)], domain="com.microsoft", tolerance=1)


def s8(*shape):
    return RNG.integers(-128, 128, shape, dtype=np.int8)


def codes(kind, *shape):
    return u8(*shape) if kind == np.uint8 else s8(*shape)


# bytes: every layout of channels, both signs, zero points at the ends; sums are exact, so at most a rounding of halves differs
for kind, x_zero, y_zero in ((np.uint8, 0, 255), (np.uint8, 128, 3), (np.int8, -128, 5), (np.int8, 7, -128)):
    for c, k, group, size in ((3, 20, 1, (3, 3)), (17, 33, 1, (1, 1)), (24, 24, 24, (3, 3)), (40, 40, 40, (5, 5)), (12, 18, 3, (3, 2))):
        weights = [const(np.clip(s8(k, c // group, *size), -64, 64)), const(positive(k) * F(0.002)), const(np.zeros(k, np.int8))]
        ends = [scale(0.04 * (c // group)**0.5), zero(y_zero, kind), const(RNG.integers(-5000, 5000, k).astype(np.int32))]
        case("QLinearConv", [codes(kind, 2, c, 10, 13), scale(0.02), zero(x_zero, kind), *weights, *ends], group=group,
             pads=[size[0] // 2, size[1] // 2] * 2, tolerance=1)
        case("QLinearConv", [codes(kind, 1, c, 10, 13), scale(0.02), zero(x_zero, kind), *weights, *ends], group=group, pads=[0, 1, 2, 0],
             strides=[2, 1], tolerance=1)
    case("QLinearAdd", [
        codes(kind, 1, 19, 5, 7),
        scale(0.02),
        zero(x_zero, kind),
        codes(kind, 1, 19, 5, 7),
        scale(0.03),
        zero(3, kind),
        scale(0.04),
        zero(y_zero, kind)
    ], domain="com.microsoft", tolerance=1)
    case("QLinearMul", [
        codes(kind, 2, 19, 5, 7),
        scale(0.02),
        zero(x_zero, kind),
        codes(kind, 2, 19, 1, 1),
        scale(0.03),
        zero(3, kind),
        scale(0.04),
        zero(y_zero, kind)
    ], domain="com.microsoft", tolerance=1)
    case("MaxPool", [codes(kind, 2, 19, 9, 8)], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 1, 1, 0], tolerance=0)
    case("QLinearConcat", [
        scale(0.03),
        zero(y_zero, kind),
        codes(kind, 2, 5, 3, 4),
        scale(0.03),
        zero(y_zero, kind),
        codes(kind, 2, 9, 3, 4),
        scale(0.02),
        zero(x_zero, kind)
    ], domain="com.microsoft", axis=1, tolerance=1)
    case("QLinearAveragePool",
         [codes(kind, 1, 19, 9, 8), scale(0.02), zero(x_zero, kind),
          scale(0.018), zero(y_zero, kind)], domain="com.microsoft", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], tolerance=1)
for rows in (1, 3, 9):
    case("QLinearMatMul", [u8(rows, 67), scale(0.02), zero(12), const(u8(67, 21)), scale(0.01), zero(128), scale(0.15), zero(110)], tolerance=1)
case("QuantizeLinear", [f(2, 11, 5, 4), scale(0.02), zero(7, np.int8)], tolerance=0)
case("DequantizeLinear", [u8(2, 11, 5, 4), scale(0.02), zero(7)])
# half precision is computed wide and rounded once
case("Conv", [f(1, 4, 9, 8).astype(np.float16), const(f(6, 4, 3, 3).astype(np.float16))], tolerance=4e-3)
case("Relu", [f(3, 4).astype(np.float16)])

for kernel, stride, pads in (
    ([3, 3], [2, 2], [1, 1, 1, 1]),
    ([2, 2], [2, 2], [0, 0, 0, 0]),
    ([3, 2], [1, 3], [2, 0, 1, 1]),
    ([4, 5], [2, 1], [1, 2, 3, 4]),
):
    for ceil_mode in (0, 1):
        shared = dict(kernel_shape=kernel, strides=stride, pads=pads, ceil_mode=ceil_mode)
        case("MaxPool", [f(2, 13, 11, 17)], **shared)
        for counted in (0, 1):
            case("AveragePool", [f(2, 13, 11, 17)], count_include_pad=counted, **shared)
for c, k, group in ((3, 24, 1), (24, 40, 1), (20, 20, 20), (12, 18, 3), (16, 16, 2)):
    case("Conv", [f(2, c, 10, 13), f(k, c // group, 3, 3), f(k)], group=group, pads=[1, 1, 1, 1], tolerance=1e-4)
    case("Conv", [f(1, c, 10, 13), f(k, c // group, 3, 3)], group=group, pads=[0, 1, 2, 0], strides=[2, 1], tolerance=1e-4)
for channels in (5, 8, 32):
    case("Concat", [f(1, channels, 4, 3), f(1, 8, 4, 3), f(1, 3, 4, 3)], axis=1)


def build(op, inputs, opset, outputs, domain, attributes):
    names, graph_inputs, initializers = [], [], []
    for i, value in enumerate(inputs):
        if isinstance(value, Const) and value.size == 0:
            names.append("")
            continue
        names.append(f"x{i}")
        if isinstance(value, Const):
            initializers.append(numpy_helper.from_array(np.array(value), names[-1]))
        else:
            graph_inputs.append(helper.make_tensor_value_info(names[-1], helper.np_dtype_to_tensor_dtype(value.dtype), value.shape))
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], name="node", domain=domain, **attributes)
    graph = helper.make_graph([node], "one", graph_inputs, [onnx.ValueInfoProto(name=f"y{i}") for i in range(outputs)], initializers)
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8 if opset < 19 else 10)


class Operators(unittest.TestCase):
    def test_every_operator_of_the_table_has_a_case(self):
        covered = {(c[4], c[0]) for c in CASES}
        text = "".join(p.read_text() for p in OPS_FOLDER.glob("*.cc"))
        table = set(re.findall(r'const Operator \w+\{"([\w.]*)", "(\w+)"',
                               text)) | {("", t)
                                         for t in re.findall(r'^SCISSIONLITE_UNARY\(\w+, "(\w+)"\)$', text, re.M)}
        self.assertGreater(len(table), 80)
        # fused forms are no operators of ONNX: src/optimise/*_cases_test.cc compare them with what they are made of
        self.assertEqual(sorted(entry for entry in table - covered if entry[0] != "scissionlite"), [])

    def run_cases(self, engine, folder, prepare):
        """Runs every case on the engine, its inputs as `prepare` makes them; yields case, inputs by name and the prefix of its outputs."""
        lines, cases = [], []
        for n, (op, given, opset, outputs, domain, tolerance, attributes) in enumerate(CASES):
            inputs = prepare(given)
            model = folder / f"{n}.onnx"
            onnx.save(build(op, inputs, opset, outputs, domain, attributes), model)
            feeds = {f"x{i}": value for i, value in enumerate(inputs) if not isinstance(value, Const)}
            for name, value in feeds.items():
                np.save(folder / f"{n}_{name}.npy", value)
            lines.append(" ".join(map(str, [model, *(folder / f"{n}_{name}.npy" for name in feeds), "|", folder / f"{n}_out"])))
            cases.append((dict(op=op, opset=opset, attributes={k: v
                                                               for k, v in attributes.items()
                                                               if k != "value"}, case=n), tolerance, model, feeds, folder / f"{n}_out"))
        (folder / "list").write_text("\n".join(lines) + "\n")
        subprocess.run([PROGRAM, engine, str(folder / "list")], check=True, timeout=300)
        return cases

    def compare(self, tolerance, model, feeds, prefix):
        options = ort.SessionOptions()
        options.log_severity_level = 4
        expected = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]).run(None, feeds)
        for i, want in enumerate(expected):
            got = np.load(f"{prefix}{i}.npy")
            self.assertEqual(got.shape, want.shape)
            self.assertEqual(got.dtype, want.dtype)
            difference, largest = difference_of(got, want)
            limit = tolerance if want.dtype in (np.uint8, np.int8) else tolerance * max(1.0, largest)
            self.assertLessEqual(difference, limit)

    def check(self, engine, prepare, allowed_error=None):
        with tempfile.TemporaryDirectory() as folder:
            refused = 0
            for names, tolerance, model, feeds, prefix in self.run_cases(engine, pathlib.Path(folder), prepare):
                with self.subTest(**names):
                    error = pathlib.Path(f"{prefix}error.txt")
                    message = error.read_text() if error.exists() else ""
                    if allowed_error and allowed_error in message:
                        refused += 1
                        continue
                    self.assertEqual(message, "")
                    self.compare(tolerance, model, feeds, prefix)
            self.assertLess(refused, len(CASES) // 20)

    def test_reference(self):
        self.check("reference", lambda inputs: inputs)

    def test_native(self):
        self.check("native", lambda inputs: inputs, "is not known before it runs")

    def test_native_with_constants(self):
        """All inputs but the first are constants, as weights are in models."""
        self.check("native", lambda inputs: [value if i == 0 else const(value) for i, value in enumerate(inputs)], "is not known before it runs")

    def test_integers_of_4_and_2_bits(self):
        """Constants of these types, and activations quantised to them, whose bytes saturate where the types do;
        constants in raw data and in int32."""
        with tempfile.TemporaryDirectory() as name:
            folder, cases = pathlib.Path(name), []
            for n, (narrow, least, most, opset) in enumerate([("INT4", -8, 7, 21), ("UINT4", 0, 15, 21), ("INT2", -2, 1, 25), ("UINT2", 0, 3, 25)]):
                for by_attribute in (False, True):
                    model, prefix, x = folder / f"{n}{by_attribute}.onnx", folder / f"{n}{by_attribute}_out", f(3, 7, low=-9, high=9)
                    onnx.save(narrow_model(getattr(TensorProto, narrow), least, most, opset, by_attribute), model)
                    np.save(folder / f"{n}{by_attribute}_x.npy", x)
                    cases.append((model, x, prefix))
            (folder / "list").write_text("".join(f"{model} {str(model)[:-5]}_x.npy | {prefix}\n" for model, _, prefix in cases))
            for engine in ("reference", "native"):
                subprocess.run([PROGRAM, engine, str(folder / "list")], check=True, timeout=300)
                for model, x, prefix in cases:
                    with self.subTest(engine=engine, model=model.name):
                        self.compare(1e-5, model, {"x": x}, prefix)


def narrow_model(narrow, least, most, opset, by_attribute):
    """x quantised to the type, times constants of it of an odd number; by the type of the zero point or by attribute."""
    weights = helper.make_tensor("w", narrow, [5, 7], RNG.integers(least, most + 1, 35).tolist())
    if not by_attribute:  # make_tensor puts bytes into int32_data
        packed = bytes(weights.int32_data)
        weights.ClearField("int32_data")
        weights.raw_data = packed
    zero = helper.make_tensor("zero", narrow, [], [0])
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale"] if by_attribute else ["x", "scale", "zero"], ["q"],
                         **({"output_dtype": narrow} if by_attribute else {})),
        helper.make_node("DequantizeLinear", ["q", "scale"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "scale"], ["wf"]),
        helper.make_node("Gemm", ["d", "wf"], ["y"], transB=1)
    ]
    graph = helper.make_graph(nodes, "narrow", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 7])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 5])],
                              [weights, helper.make_tensor("scale", TensorProto.FLOAT, [], [0.5]), *([] if by_attribute else [zero])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=13 if opset > 21 else 10)


if __name__ == "__main__":
    unittest.main()
