"""An engine of this library through the program bench_engine_worker, which speaks the protocol of worker.py."""
VENV = None


def command(program, model, threads, engine):
    return [program, model, "--engine", engine, "--threads", str(threads)]
