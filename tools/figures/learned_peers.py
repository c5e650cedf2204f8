#!/usr/bin/env python3
"""Learned compression from PyPI at the cut of ours, fitted without labels on the same photos: CompressAI's entropy bottleneck on
the tensor itself (a learned gain a channel), and a factorised prior as in sc2bench's bottlenecks (convolution, GDN, strided
convolution, entropy bottleneck, and back), both trained for rate and squared error as their papers do. Bytes are those of the
strings that `compress` gives; agreement is with the uncut model, on photos that nothing was fitted on: the first fold of
tools/figures/transfer_rates.py, which has to run first and whose layers stand beside.

Runs with Debian's Python, PyTorch, torchvision and ONNX (python3-torch, python3-torchvision, python3-onnx) and, in --wheels,
    pip install --target DIR --no-deps compressai==1.2.8 onnxruntime==1.17.3 einops pytorch-msssim tomli pandas==1.5.3 pytz six tqdm xxhash fsspec jinja2 markupsafe coloredlogs \\
        flatbuffers python-dateutil torch-geometric matplotlib==3.7.5 contourpy==1.1.1 cycler kiwisolver fonttools pyparsing packaging requests urllib3 idna certifi psutil scipy==1.10.1

Example: /usr/bin/python3 tools/figures/learned_peers.py --data $SCISSIONLITE_TEST_DATA --wheels DIR
"""
import argparse
import json
import math
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

MODEL, CUT, TENSOR = "mobilenetv2_1.0", "49", "t49"
PEERS = {"entropy_bottleneck": (6000, 2000, 700), "factorised_prior": (6000, 2000, 700)}  # weights of the squared error
STEPS, BATCH, SEED = 1500, 16, 1


def slices(model, folder):
    """Files of the model up to the tensor, and of what is behind it."""
    import onnx
    whole = onnx.load(str(model))
    name_in, name_out = next(i.name for i in whole.graph.input if i.name not in {t.name for t in whole.graph.initializer}), whole.graph.output[0].name
    files = folder / "head.onnx", folder / "tail.onnx"
    onnx.utils.extract_model(str(model), str(files[0]), [name_in], [TENSOR, name_out])
    onnx.utils.extract_model(str(model), str(files[1]), [TENSOR], [name_out])
    return files


def pixels(path, spec, mirrored):
    """The central crop, (1, 3, h, w)."""
    import numpy as np
    from PIL import Image
    image = Image.open(path).convert("RGB")
    left, top = (image.width - spec["width"]) // 2, (image.height - spec["height"]) // 2
    x = np.asarray(image.crop((left, top, left + spec["width"], top + spec["height"])), np.float32)
    x = (x * np.float32(spec["scale"]) - np.array(spec["mean"], np.float32)) / np.array(spec["std"], np.float32)
    return np.ascontiguousarray((x[:, ::-1] if mirrored else x).transpose(2, 0, 1))[None]


def activations(head, photos, spec, mirrored=False):
    import numpy as np
    import onnxruntime
    session = onnxruntime.InferenceSession(str(head), providers=["CPUExecutionProvider"])
    rows = [session.run(None, {session.get_inputs()[0].name: pixels(photo, spec, mirrored)}) for photo in photos]
    return np.concatenate([row[0] for row in rows]), np.concatenate([row[1].reshape(1, -1) for row in rows])


def networks(name, channels, spread):
    import torch
    from compressai.entropy_models import EntropyBottleneck
    from compressai.layers import GDN

    class Gains(torch.nn.Module):
        """One gain a channel, or its inverse."""
        def __init__(self, start):
            super().__init__()
            self.log = torch.nn.Parameter(start.log().reshape(1, -1, 1, 1))

        def forward(self, x):
            return x * self.log.exp()

    if name == "entropy_bottleneck":
        return Gains(2 / spread), EntropyBottleneck(channels), Gains(spread / 2)
    wide, latent = 2 * channels, 2 * channels
    encoder = torch.nn.Sequential(Gains(1 / spread), torch.nn.Conv2d(channels, wide, 3, padding=1), GDN(wide),
                                  torch.nn.Conv2d(wide, latent, 3, stride=2, padding=1))
    decoder = torch.nn.Sequential(torch.nn.ConvTranspose2d(latent, wide, 4, stride=2, padding=1), GDN(wide, inverse=True),
                                  torch.nn.Conv2d(wide, channels, 3, padding=1), Gains(spread))
    return encoder, EntropyBottleneck(latent), decoder


def fit(name, weight, x, spread):
    import torch
    torch.manual_seed(SEED)
    encoder, bottleneck, decoder = networks(name, x.shape[1], spread)
    parts = torch.nn.ModuleList([encoder, bottleneck, decoder])
    quantiles = [p for n, p in parts.named_parameters() if n.endswith("quantiles")]
    main = torch.optim.Adam([p for n, p in parts.named_parameters() if not n.endswith("quantiles")], lr=1e-3)
    auxiliary = torch.optim.Adam(quantiles, lr=1e-2)
    scale = spread.reshape(1, -1, 1, 1)
    for step in range(STEPS):
        for group in main.param_groups:
            group["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        batch = x[torch.randint(len(x), (BATCH, ))]
        decoded, likelihoods = bottleneck(encoder(batch))
        bits = -torch.log2(likelihoods).sum() / BATCH
        loss = bits / batch[0].numel() + weight / 100 * ((decoder(decoded) - batch) / scale).square().mean()
        main.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        main.step()
        auxiliary.zero_grad()
        bottleneck.loss().backward()
        auxiliary.step()
    bottleneck.update(force=True)
    return encoder, bottleneck, decoder


def judge(coder, x, answers, tail):
    """Mean bytes, agreement, divergence."""
    import numpy as np
    import onnxruntime
    import torch
    encoder, bottleneck, decoder = coder
    session = onnxruntime.InferenceSession(str(tail), providers=["CPUExecutionProvider"])
    sizes, logits = [], []
    with torch.no_grad():
        for image in x:
            latent = encoder(image[None])
            strings = bottleneck.compress(latent)
            sizes.append(len(strings[0]))
            logits.append(session.run(None, {TENSOR: decoder(bottleneck.decompress(strings, latent.shape[2:])).numpy()})[0].reshape(1, -1))
    coded, whole = torch.from_numpy(np.concatenate(logits)), torch.from_numpy(answers)
    log_p = torch.log_softmax(whole, 1)
    return float(
        np.mean(sizes)), (coded.argmax(1) == whole.argmax(1)).float().mean().item(), (log_p.exp() *
                                                                                      (log_p - torch.log_softmax(coded, 1))).sum(1).mean().item(),


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--wheels", required=True, type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "transfer", help="of transfer_rates.py")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=sorted(PEERS), help="to look at one; nothing is recorded then")
    options = parser.parse_args()
    sys.path.insert(0, str(options.wheels))
    import numpy as np
    import torch
    torch.set_num_threads(options.threads)
    spec = json.loads((figures.ROOT / "tests" / "fixtures" / "inputs" / f"{MODEL}.input.json").read_text())
    ours = json.loads((options.work / f"{MODEL}.cut{CUT}.fold0.json").read_text())["scores"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        head, tail = slices(options.data / "models" / f"{MODEL}.onnx", pathlib.Path(folder))
        fitted_on, others = sorted((options.work / "rest0").iterdir()), sorted((options.work / "fold0").iterdir())
        x = torch.from_numpy(np.concatenate([activations(head, fitted_on, spec, mirrored)[0] for mirrored in (False, True)]))
        test, answers = activations(head, others, spec)
        spread = x.std((0, 2, 3)).clamp_min(1e-3)
        for name, weights in PEERS.items():
            for weight in weights if options.only in (None, name) else ():
                size, agreement, divergence = judge(fit(name, weight, x, spread), torch.from_numpy(test), answers, tail)
                rows.append({
                    "id": f"peer_bytes/{name}/{weight}",
                    "what": f"{MODEL} cut {CUT}: CompressAI's {name.replace('_', ' ')} fitted on {len(fitted_on)} photos and their mirror images",
                    "measured": size, "spread": None, "unit": "bytes", "command": "tools/figures/learned_peers.py",
                    "note": f"agreement {agreement:.3f}, divergence {divergence:.4f} on {len(others)} other photos; weight of the error {weight}"
                })
                print(rows[-1]["id"], f"{size:.0f}", rows[-1]["note"])
    for row in ours:
        if "/fit-" in row["candidate"]:
            name = row["candidate"].split("/")[-1]
            rows.append({
                "id": f"peer_bytes/ours/{name}", "what": f"{MODEL} cut {CUT}: calibrated layer, same photos", "measured": row["bytes_mean"],
                "spread": None, "unit": "bytes", "command": "tools/figures/learned_peers.py",
                "note": f"agreement {row['agreement']:.3f} on {row['n']} other photos"
            })
            print(rows[-1]["id"], f"{row['bytes_mean']:.0f}", rows[-1]["note"])
    if not options.only:
        figures.record("transfer", rows)


if __name__ == "__main__":
    main()
