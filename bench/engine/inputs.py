"""What the peers run on: graphs with a fixed batch, seeded noise, photos."""
import json
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
INPUTS = ROOT / "tests" / "fixtures" / "inputs"
# The quantised model of the data folder.
QUANTISED = ("mobilenetv2_1.0_int8", )
# Trained models of the data folder in f32 that take photos of any size.
REAL = ("mcunet_320kb", "mobilenetv1_1.0", "mobilenetv2_1.0", "mobilenetv3_large_minimalistic", "resnet50_pruned_q8w", "squeezenet1.1")


def free_inputs(graph):
    """Inputs that are not initializers too."""
    weights = {i.name for i in graph.initializer}
    return [i for i in graph.input if i.name not in weights]


def fix_batch(graph):
    for value in [*free_inputs(graph), *graph.output]:
        batch = value.type.tensor_type.shape.dim[0]
        batch.Clear()
        batch.dim_value = 1
    del graph.value_info[:]


def weights_to_floats(graph):
    """DequantizeLinear of constants becomes the floats it stands for."""
    from onnx import helper, numpy_helper
    constants, kept = {i.name: i for i in graph.initializer}, []
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in constants:
            kept.append(node)
            continue
        codes, scale, zero = [numpy_helper.to_array(constants[name]) for name in [*node.input, node.input[1]][:3]]
        zero = zero if len(node.input) > 2 else np.zeros_like(scale)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        broad = [-1 if i == axis % codes.ndim else 1 for i in range(codes.ndim)] if scale.size > 1 else [1] * codes.ndim
        floats = (codes.astype(np.float32) - zero.astype(np.float32).reshape(broad)) * scale.astype(np.float32).reshape(broad)
        graph.initializer.append(numpy_helper.from_array(floats, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    unused = [i for i in graph.initializer if i.name not in used]
    for initializer in unused:
        graph.initializer.remove(initializer)


def plain(model, work, is_int8=False):
    """The model as all peers get it: a batch of one, so that none has to allow for others, and weights in f32 unless
    int8 is what is compared. Itself where it is so already."""
    import onnx
    loaded = onnx.load(str(model))
    is_fixed = all(value.type.tensor_type.shape.dim[0].dim_value == 1 for value in [*free_inputs(loaded.graph), *loaded.graph.output])
    if is_fixed and (is_int8 or all(node.op_type != "DequantizeLinear" for node in loaded.graph.node)):
        return model
    path = work / "plain" / model.name
    if not path.exists() or path.stat().st_mtime < model.stat().st_mtime:
        fix_batch(loaded.graph)
        if not is_int8:
            weights_to_floats(loaded.graph)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(loaded, str(path))
    return path


def input_shape(model):
    import onnx
    graph = onnx.load(str(model), load_external_data=False).graph
    return [d.dim_value for d in free_inputs(graph)[0].type.tensor_type.shape.dim]


def noise(model, seed=2):
    return np.random.RandomState(seed).standard_normal(input_shape(model)).astype(np.float32)


def photo(path, spec):
    """The central crop, (1, 3, h, w)."""
    from PIL import Image
    image, (width, height) = Image.open(path).convert("RGB"), (spec["width"], spec["height"])
    crop = [spec.get("precrop", size) for size in (width, height)]
    left, top = (image.width - crop[0]) // 2, (image.height - crop[1]) // 2
    image = image.crop((left, top, left + crop[0], top + crop[1])).resize((width, height), Image.BILINEAR)
    x = (np.asarray(image, np.float32) * np.float32(spec["scale"]) - np.array(spec["mean"], np.float32)) / np.array(spec["std"], np.float32)
    return np.ascontiguousarray(x.transpose(2, 0, 1))[None]


def photos(model_name, data, count):
    spec = json.loads((INPUTS / f"{model_name}.input.json").read_text())
    return [photo(path, spec) for path in sorted((data / "images" / "imagenet_samples256").glob("*.jpg"))[:count]]
