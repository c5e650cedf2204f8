#!/usr/bin/env python3
"""The kernel matrix of README.md: for every operator of src/ops what the native engine computes it with, from the tables that the
engine itself is compiled from. Writes the block between the two markers; --check only says whether it is current.

Example: tools/kernel_matrix.py"""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- kernel matrix, by tools/kernel_matrix.py -->", "<!-- end of the kernel matrix -->"
NATIVE = "src/engine/backends/native"
INT8 = re.compile(r"int8|quantise|byte_table")  # functions of lowerings.inc whose values are 8-bit
NOT_ON = {"generated": "where Halide is found", "onednn": "where oneDNN is found"}
# What stands behind the function of a lowering, where it is not named after it.
CODE = {
    "lower_conv": "ways to convolve, below", "lower_gemm": "dense", "lower_matmul": "dense", "lower_reshape": "no code: another view",
    "lower_strip": "vectors, several operators in strips", "lower_batch_norm": "vectors", "lower_channel_scale": "vectors",
    "lower_cast": "vectors (to and from halves and bytes)", "lower_extreme": "vectors (over the last axes)", "lower_pool": "pool",
    "lower_global_max": "pool", "lower_global_average": "pool", "lower_concat": "in place, else copies", "lower_split": "views of channels",
    "lower_channel_shuffle": "views of channels", "lower_slice": "views of channels, else copies", "lower_depth_to_space": "moves of pixels",
    "lower_space_to_depth": "moves of pixels", "lower_resize": "moves of pixels (nearest)"
}
# What a pass makes other operators of before anything is lowered.
REWRITTEN = {"ConvTranspose": "Conv and DepthToSpace (constant weights, one group)"}


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def operators():
    """(domain, type) of every line of ops.inc, in its order."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src/ops").glob("*.cc")))
    found = {name: (domain, kind) for name, domain, kind in re.findall(r'const Operator (\w+)\{("[^"]*"|\w+), "(\w+)"', code)}
    found |= {name: ('""', kind) for name, kind in re.findall(r'SCISSIONLITE_UNARY\((\w+), "(\w+)"\)', code)}
    constants = dict(re.findall(r'constexpr char (\w+)\[\] = ("[^"]*")', code + read("src/ops/ops.h")))
    names = re.findall(r"^SCISSIONLITE_OP\((\w+)\)", read("src/ops/ops.inc"), re.M)
    if missing := [name for name in names if name not in found]:
        raise SystemExit(
            f"[kernel matrix] src/ops/ops.inc names {', '.join(missing)}, whose definition is not understood; see operators() in {__file__}")
    return [(constants.get(found[name][0], found[name][0]).strip('"'), found[name][1]) for name in names]


def lowerings():
    """{(domain, type): functions in the order in which they are tried}"""
    rows = {}
    for domain, kind, function in re.findall(r'^SCISSIONLITE_LOWERING\("([^"]*)", "(\w+)", (\w+)\)', read(f"{NATIVE}/lowering/lowerings.inc"), re.M):
        rows.setdefault((domain, kind), []).append(function)
    return rows


def code_of(kind, functions, is_int8):
    names = [REWRITTEN[kind]] if kind in REWRITTEN and not is_int8 else []
    names += [CODE.get(f, f.removeprefix("lower_").replace("_", " ")) for f in functions if bool(INT8.search(f)) == is_int8]
    return ", ".join(dict.fromkeys(names))


def convolutions():
    """(name, summary) of every line of conv.inc."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src/kernels/conv").glob("*.cc")))
    summaries = dict(re.findall(r'const ConvImplementation k_conv_(?:\w+)\{\s*"(\w+)",\s*"([^"]+)"', code))
    names = re.findall(r"^SCISSIONLITE_CONV\((\w+)\)", read("src/kernels/conv/conv.inc"), re.M)
    if missing := [name for name in names if name not in summaries]:
        raise SystemExit(
            f"[kernel matrix] src/kernels/conv/conv.inc names {', '.join(missing)}, whose summary is not understood; see convolutions() in {__file__}"
        )
    return [(name, summaries[name] + (f" ({NOT_ON[name]})" if name in NOT_ON else "")) for name in names]


def instruction_sets():
    """Widest first, the portable one last."""
    names = [path.stem.removeprefix("loops_") for path in (ROOT / "src/kernels/vector").glob("loops_*.cc") if path.stem != "loops_impl"]
    return sorted(names, key=lambda name: (name == "base", -int((re.findall(r"\d+", name) or [0])[0])))


def label(operator):
    domain, kind = operator
    return f"`{kind}`" + (" (ours)" if domain == "scissionlite" else f" ({domain})" if domain else "")


def matrix():
    table, groups = lowerings(), {}
    for operator in operators():
        functions = table.get(operator, [])
        groups.setdefault((code_of(operator[1], functions, False), code_of(operator[1], functions, True)), []).append(label(operator))
    rest = groups.pop(("", ""), [])
    lines = ["| operators | float32 | 8 bits |", "| --- | --- | --- |"]
    lines += [f"| {', '.join(names)} | {plain or '-'} | {int8 or '-'} |" for (plain, int8), names in groups.items()]
    lines += [f"| {', '.join(rest)} | reference code | reference code |", "", "| way to convolve | |", "| --- | --- |"]
    lines += [f"| {name} | {summary} |" for name, summary in convolutions()]
    *wide, portable = instruction_sets()
    lines += [
        "",
        f"The loops of the float32 column are compiled for {', '.join(wide)} and {portable} (any CPU; on Arm NEON), and the widest that the CPU has is taken at run time. "
        "What a row declines (types, ranks, attributes) runs by the reference code, which has every operator."
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 when the README's block is not what it would write")
    options = parser.parse_args()
    path, text = ROOT / "README.md", read("README.md")
    before, found_begin, after = text.partition(BEGIN)
    _, found_end, after = after.partition(END)
    if not found_begin or not found_end:
        raise SystemExit(f"[kernel matrix] README.md lacks the line '{BEGIN if not found_begin else END}'")
    new = f"{before}{BEGIN}\n{matrix()}\n{END}{after}"
    if options.check:
        if new != text:
            raise SystemExit("[kernel matrix] README.md's is not current; run tools/kernel_matrix.py")
        return
    path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
