"""ncnn. Source: the ncnn wiki (FAQ, on speed) and its benchncnn: light mode, Winograd, sgemm and packed layouts on, pool allocators,
halves and bfloat16 off for f32, no Vulkan. Models are converted by pnnx, the converter that ncnn recommends for ONNX."""
import importlib.util
import pathlib
import shutil
import subprocess

VENV = "main"


def converted(model, work):
    folder = work / "ncnn" / model.stem
    return folder / f"{model.stem}.ncnn.param", folder / f"{model.stem}.ncnn.bin"


def converter():
    """The program inside the wheel pnnx, whose Python module wants PyTorch."""
    found = importlib.util.find_spec("pnnx")
    if found is None:
        raise SystemExit("[ncnn] no pnnx here; run bench/engine/install_peers.sh")
    return pathlib.Path(found.origin).parent / "pnnx"


def input_shape(model):
    import onnx
    graph = onnx.load(str(model), load_external_data=False).graph
    weights = {i.name for i in graph.initializer}
    return [d.dim_value for d in next(i for i in graph.input if i.name not in weights).type.tensor_type.shape.dim]


def prepare(model, threads, work, budget):
    param, _ = converted(model, work)
    if param.exists() and param.stat().st_mtime >= model.stat().st_mtime:
        return
    shutil.rmtree(param.parent, ignore_errors=True)
    param.parent.mkdir(parents=True)
    (param.parent / model.name).symlink_to(model.resolve())  # pnnx writes beside the model
    shape = ",".join(map(str, input_shape(model)))
    done = subprocess.run([converter(), model.name, f"inputshape=[{shape}]", "fp16=0"], cwd=param.parent, capture_output=True, text=True)
    if done.returncode != 0 or not param.exists():
        raise SystemExit(f"[ncnn] pnnx does not convert {model}: {(done.stderr or done.stdout)[-500:]}")
    for path in param.parent.iterdir():
        if path not in converted(model, work):
            path.unlink()


def load_library():
    import ncnn
    return ncnn


def version(ncnn):
    return ncnn.__version__


def set_options(ncnn, options, threads):
    options.num_threads = threads
    options.use_vulkan_compute = False
    for name in ("lightmode", "use_winograd_convolution", "use_sgemm_convolution", "use_packing_layout"):
        setattr(options, name, True)
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage", "use_bf16_packed"):
        if hasattr(options, name):
            setattr(options, name, False)


class Session:
    def __init__(self, ncnn, model, threads, work):
        self.ncnn, self.net = ncnn, ncnn.Net()
        set_options(ncnn, self.net.opt, threads)
        self.pools = ncnn.UnlockedPoolAllocator(), ncnn.PoolAllocator()
        self.net.opt.blob_allocator, self.net.opt.workspace_allocator = self.pools
        ncnn.set_cpu_powersave(0)
        ncnn.set_omp_num_threads(threads)
        for load, path in zip((self.net.load_param, self.net.load_model), converted(model, work)):
            if load(str(path)) != 0:
                raise RuntimeError(f"ncnn does not load {path}; run with --prepare")
        self.names = self.net.input_names()[0], self.net.output_names()[0]

    def set_input(self, x):
        self.x = self.ncnn.Mat(x[0]).clone()  # (c, h, w): ncnn has no batch

    def run(self):
        extractor = self.net.create_extractor()
        extractor.input(self.names[0], self.x)
        self.status, self.y = extractor.extract(self.names[1])

    def output(self):
        import numpy as np
        if self.status != 0:
            raise RuntimeError(f"ncnn's extract gives {self.status}")
        return np.array(self.y)[None]
