"""Programs as processes of an MPI job, also as root and on fewer cores."""
import os
import subprocess

ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none"}


def mpirun(program, members, words, timeout_s=300):
    return subprocess.run([program, "--oversubscribe", "-n", str(members), *map(str, words)], capture_output=True, text=True, timeout=timeout_s,
                          env=os.environ | ENVIRONMENT)
