"""An engine of this library through the program bench_engine_worker, which speaks the protocol of worker.py. The engine `native` is
prepared as `scissionlite compile` does; what is not prepared, and other engines, start from the ONNX file."""
VENV = None


def compiled(model, threads, work):
    return work / "native" / f"{model.stem}.{threads}t"


def is_prepared(model, threads, engine, work):
    described = compiled(model, threads, work) / "compiled.json"
    return engine == "native" and described.exists() and described.stat().st_mtime >= model.stat().st_mtime


def command(program, model, threads, engine, work):
    source = compiled(model, threads, work) if is_prepared(model, threads, engine, work) else model
    return [program, source, "--engine", engine, "--threads", str(threads)]


def prepare_command(program, model, threads, engine, work):
    """Always anew: another build does not run what this one compiled. None where there is nothing to prepare."""
    return [program, model, "--engine", engine, "--threads",
            str(threads), "--compile", compiled(model, threads, work)] if engine == "native" else None
