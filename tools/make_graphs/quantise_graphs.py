#!/usr/bin/env python3
"""Quantised versions of networks, as ONNX Runtime's static quantiser makes them: DequantizeLinear and QuantizeLinear around every operator
that it knows, activations u8 of one scale a tensor, weights s8 of one scale a channel and of seven bits. Seven, since the instruction
that ONNX Runtime and OpenVINO multiply with on AVX2 saturates with eight (onnxruntime.ai, Quantize ONNX models: reduce_range).

Scales come from seeded noise for the nine networks of make_graphs.py, from photos for the trained models of the data folder.

Example:
  build/peers/main/bin/python tools/make_graphs/quantise_graphs.py --graphs build/graphs --data $SCISSIONLITE_TEST_DATA build/graphs_int8
"""
import argparse
import pathlib
import sys
import tempfile

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "engine"))
import inputs  # noqa: E402

TRAINED = ("mobilenetv1_1.0", "mobilenetv2_1.0", "mobilenetv3_large_minimalistic", "squeezenet1.1")
CALIBRATION = 16  # inputs that scales are taken from
FIRST_PHOTO = 40  # photos before it are what engines are compared on


class Reader(CalibrationDataReader):
    def __init__(self, name, values):
        self.values = iter([{name: value} for value in values])

    def get_next(self):
        return next(self.values, None)


def quantise(model, values, out, work):
    """One model at a fixed batch of one."""
    fixed, prepared = inputs.plain(model, work), work / f"{model.stem}.prepared.onnx"
    quant_pre_process(str(fixed), str(prepared), skip_symbolic_shape=True)
    name = inputs.free_inputs(onnx.load(str(prepared), load_external_data=False).graph)[0].name
    partial = out.with_suffix(".partial")
    quantize_static(str(prepared), str(partial), Reader(name, values(fixed)), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    partial.rename(out)


def noises(model):
    return [inputs.noise(model, seed) for seed in range(100, 100 + CALIBRATION)]


def photos_of(name, data):
    return lambda _: inputs.photos(name, data, FIRST_PHOTO + CALIBRATION)[FIRST_PHOTO:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=pathlib.Path, help="of make_graphs.py")
    parser.add_argument("--data", type=pathlib.Path, help="the data folder")
    parser.add_argument("--only", nargs="+", default=[], metavar="NETWORK")
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    models = [(path, noises) for path in sorted(options.graphs.glob("*.onnx"))] if options.graphs else []
    models += [(options.data / "models" / f"{name}.onnx", photos_of(name, options.data)) for name in TRAINED] if options.data else []
    for model, values in models:
        out = options.out / f"{model.stem}.onnx"
        if out.exists() or (options.only and model.stem not in options.only):
            continue
        with tempfile.TemporaryDirectory() as work:
            quantise(model, values, out, pathlib.Path(work))
        print(out, flush=True)


if __name__ == "__main__":
    main()
