"""ncnn in int8, from a float model: symmetric, weights by the output channel, activations by the layer, and
convolutions that only convolutions read give bytes, as its tools ncnn2table and ncnn2int8 do it (Tencent/ncnn,
tools/quantize; they are not in its wheel). Largest magnitudes of activations are those of one noise input: times do not
depend on them."""

import numpy as np
from worker import load_peer

float_ncnn = load_peer("ncnn")
VENV, load_library, version = float_ncnn.VENV, float_ncnn.load_library, float_ncnn.version
TAG_INT8, TAG_FLOAT = 0x000D4B38, 0
WEIGHTS = {"Convolution": ("6", "5", "0"),
           "InnerProduct": ("2", "1", "0")}  # keys of the number of weights, of whether there is a bias, of the outputs
REQUANTISES = 100


def folder_of(work):
    return work / "ncnn_int8"


class Layer:
    """A line of the .param file: type, name, numbers of inputs and outputs, their blobs, KEY=VALUE."""
    def __init__(self, line):
        words = line.split()
        self.type, self.name, count, results = words[0], words[1], int(words[2]), int(words[3])
        self.bottoms, self.tops = words[4:4 + count], words[4 + count:4 + count + results]
        self.values = dict(word.split("=", 1) for word in words[4 + count + results:])

    def text(self):
        return " ".join([
            self.type, self.name,
            str(len(self.bottoms)),
            str(len(self.tops)), *self.bottoms, *self.tops, *(f"{key}={value}" for key, value in self.values.items())
        ])

    def number(self, key):
        return int(self.values.get(key, 0))


def read_weights(layers, data):
    """{name: (weights, bias)}."""
    at, found = 0, {}
    for layer in layers:
        if layer.type not in WEIGHTS:
            continue
        size, bias, outputs = (layer.number(key) for key in WEIGHTS[layer.type])
        if int.from_bytes(data[at:at + 4], "little") != TAG_FLOAT:
            raise RuntimeError(f"[ncnn] weights of {layer.name} are not float32")
        weights = np.frombuffer(data, np.float32, size, at + 4)
        at += 4 + 4 * size
        found[layer.name] = weights, np.frombuffer(data, np.float32, outputs if bias else 0, at)
        at += 4 * len(found[layer.name][1])
    if at != len(data):
        raise RuntimeError(f"[ncnn] {len(data) - at} bytes of weights belong to layers that are neither convolutions nor dense")
    return found


def largest_inputs(model, layers, work):
    """{name: largest magnitude that the layer reads}, by the float network."""
    import inputs
    ncnn = load_library()
    net, x, found = ncnn.Net(), ncnn.Mat(inputs.noise(model)[0]).clone(), {}
    float_ncnn.set_options(ncnn, net.opt, 1)
    for load, path in zip((net.load_param, net.load_model), float_ncnn.converted(model, work)):
        if load(str(path)) != 0:
            raise RuntimeError(f"[ncnn] {path} is not loaded")
    for layer in layers:
        if layer.type in WEIGHTS:
            extractor = net.create_extractor()
            extractor.input(net.input_names()[0], x)
            status, blob = extractor.extract(layer.bottoms[0])
            if status != 0:
                raise RuntimeError(f"[ncnn] no input of {layer.name}")
            found[layer.name] = float(np.abs(np.array(blob)).max())
            del extractor, blob  # before the network that they refer to
    return found


def readers_that_take_bytes(layers, blob):
    """The layers that read it when all of them are convolutions, also behind a Split; else none."""
    readers = [layer for layer in layers if blob in layer.bottoms]
    if len(readers) == 1 and readers[0].type == "Split":
        readers = [layer for top in readers[0].tops for layer in layers if top in layer.bottoms]
    return readers if readers and all(layer.type == "Convolution" for layer in readers) else []


def quantised(layers, weights, largest):
    """Bytes of the .bin file; lines of the layers change with it."""
    scale_of = lambda most: 127 / most if most > 0 else 1.0  # noqa: E731
    data = bytearray()
    for layer in layers:
        if layer.type not in WEIGHTS:
            continue
        values, bias = weights[layer.name]
        outputs = layer.number(WEIGHTS[layer.type][2])
        rows = values.reshape(outputs, -1)
        scales = np.array([scale_of(most) for most in np.abs(rows).max(1)], np.float32)
        scaled = rows * scales[:, None]
        codes = np.clip(np.trunc(scaled + np.copysign(0.5, scaled)), -127, 127).astype(np.int8).tobytes()
        readers = readers_that_take_bytes(layers, layer.tops[0]) if layer.type == "Convolution" else []
        layer.values["8"] = str(2 + (REQUANTISES if readers else 0))
        data += TAG_INT8.to_bytes(4, "little") + codes + bytes(-len(codes) % 4) + bias.tobytes() + scales.tobytes()
        data += np.array([scale_of(largest[layer.name]), *([scale_of(largest[readers[0].name])] if readers else [])], np.float32).tobytes()
    return bytes(data)


def prepare(model, threads, work, budget):
    import onnx
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in onnx.load(str(model), load_external_data=False).graph.node):
        raise SystemExit(f"[ncnn] {model.name} is quantised already: ncnn quantises float models itself")
    work = folder_of(work)
    float_ncnn.prepare(model, threads, work / "f32", budget)
    param, weights = float_ncnn.converted(model, work)
    source, source_weights = float_ncnn.converted(model, work / "f32")
    if param.exists() and param.stat().st_mtime >= source.stat().st_mtime:
        return
    head, lines = source.read_text().splitlines()[:2], source.read_text().splitlines()[2:]
    layers = [Layer(line) for line in lines if line.strip()]
    data = quantised(layers, read_weights(layers, source_weights.read_bytes()), largest_inputs(model, layers, work / "f32"))
    param.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(data)
    param.write_text("\n".join([*head, *(layer.text() for layer in layers)]) + "\n")


class Session(float_ncnn.Session):
    def __init__(self, ncnn, model, threads, work):
        super().__init__(ncnn, model, threads, folder_of(work))
