"""Apache TVM: Relax import of ONNX, BatchNorms decomposed and folded, MetaSchedule tuning on LLVM for this CPU, weights packed ahead. Source:
tvm.apache.org, End-to-End Optimize Model, and tvm.relax.pipeline.static_shape_tuning_pipeline with cpu_weight_prepack, which it
expects on CPUs. Tuning is a step of its own (--prepare --budget TRIALS); its records stay in the work folder, and a larger budget
goes on from them."""
import json
import shutil

VENV = "tvm"
TRIALS_PER_TASK = 64  # of the pipeline's own example
BUILD_SECONDS = 300  # a building process first imports its tensor intrinsics, which alone can take the usual limit of 30


def environment(threads):
    return {"TVM_NUM_THREADS": str(threads)}


def folder_of(model, threads, work):
    return work / "tvm" / f"{model.stem}.{threads}t"


def target_of(threads):
    from tvm.target import Target, codegen
    return Target({"kind": "llvm", "mcpu": codegen.llvm_get_system_cpu(), "num-cores": threads})


def imported(model):
    """The module and its weights."""
    import onnx
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx
    module = from_onnx(onnx.load(str(model)), keep_params_in_input=True)
    return relax.frontend.detach_params(module)


def is_prepared(model, folder, budget):
    record = folder / "made.json"
    return record.exists() and record.stat().st_mtime >= model.stat().st_mtime and json.loads(record.read_text())["budget"] >= budget


def tune(module, target, folder, budget):
    """Records in the folder: what static_shape_tuning_pipeline does, with more time to build."""
    import tvm
    from tvm import relax
    from tvm.s_tir import meta_schedule
    passes = relax.transform
    with target:
        lowered = tvm.transform.Sequential(
            [passes.DecomposeOpsForInference(),
             passes.CanonicalizeBindings(),
             relax.get_pipeline("zero"),
             passes.AttachAttrLayoutFreeBuffers()])(module)
    meta_schedule.relax_integration.tune_relax(lowered, {}, target, str(folder), budget, min(TRIALS_PER_TASK, budget), seed=1,
                                               builder=meta_schedule.builder.LocalBuilder(timeout_sec=BUILD_SECONDS))


def prepare(model, threads, work, budget):
    import numpy as np
    import tvm
    from tvm import relax
    folder, target = folder_of(model, threads, work), target_of(threads)
    if is_prepared(model, folder, budget):
        return
    folder.mkdir(parents=True, exist_ok=True)
    module, weights = imported(model)
    if budget > 0:
        tune(module, target, folder, budget)
    pipeline = relax.get_pipeline("static_shape_tuning", target=target, total_trials=0, work_dir=str(folder), cpu_weight_prepack=True)
    tvm.compile(pipeline(module), target=target).export_library(str(folder / "model.so"))
    np.savez(folder / "weights.npz", *[w.numpy() for w in weights["main"]])
    (folder / "made.json").write_text(json.dumps({"budget": budget, "target": str(target), "tvm": tvm.__version__}))
    shutil.rmtree(folder / "logs", ignore_errors=True)


def load_library():
    import tvm
    from tvm import relax  # noqa: F401
    return tvm


def version(tvm):
    return tvm.__version__


class Session:
    def __init__(self, tvm, model, threads, work):
        import numpy as np
        self.tvm, folder = tvm, folder_of(model, threads, work)
        if not (folder / "made.json").exists():
            raise RuntimeError(f"TVM has not compiled {model.stem} for {threads} threads; run with --prepare")
        self.vm = tvm.relax.VirtualMachine(tvm.runtime.load_module(str(folder / "model.so")), tvm.cpu())
        with np.load(folder / "weights.npz") as stored:
            weights = [tvm.runtime.tensor(stored[name]) for name in stored.files]
        self.weights = list(self.vm["main_transform_params"](weights))
        self.main = self.vm["main"]

    def set_input(self, x):
        self.x = self.tvm.runtime.tensor(x)

    def run(self):
        self.y = self.main(self.x, *self.weights)

    def output(self):
        y = self.y if hasattr(self.y, "numpy") else self.y[0]
        return y.numpy()
