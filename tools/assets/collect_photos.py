#!/usr/bin/python3
"""collect_photos.py OUT_DIR: real colour photos from Debian's opencv-doc and the scikit-image wheel, as JPEG files.

JPEG originals that are large enough are copied byte for byte; others are written at quality 92. Quarters of photos of
at least 512 x 512 are added as <name>-q1 ... -q4, since agreements need more images than the packages hold.
SOURCES.tsv says where each file is from.
"""
import gzip
import io
import pathlib
import sys

from PIL import Image

import common

EXAMPLES = pathlib.Path("/usr/share/doc/opencv-doc/examples")
SKIMAGE = common.DEPS / "scikit_image/skimage/data"
SHORTEST_SIDE = 256
NEARLY = 240  # from here on a photo is enlarged to SHORTEST_SIDE
QUALITY = 92
FEWEST = 60

OPENCV_DATA = [
    "aero1.jpg", "aero3.jpg", "aloeL.jpg", "apple.jpg", "baboon.jpg", "board.jpg", "building.jpg", "butterfly.jpg", "chicky_512.png",
    "ela_original.jpg", "fruits.jpg", "graf1.png", "graf3.png", "home.jpg", "leuvenA.jpg", "licenseplate_motion.jpg", "messi5.jpg", "orange.jpg",
    "rubberwhale1.png", "squirrel_cls.jpg", "stuff.jpg"
]
PHOTOS = {pathlib.Path(name).stem: EXAMPLES / "data" / name for name in OPENCV_DATA}
PHOTOS |= {
    "plant": EXAMPLES / "alphamat/input_images/plant.jpg", "monarch": EXAMPLES / "dnn_superres/butterfly.png", "robin": EXAMPLES / "hfs/data/000.jpg",
    "lake": EXAMPLES / "hfs/data/001.jpg", "tree": EXAMPLES / "hfs/data/002.jpg", "house": EXAMPLES / "reg/home.png"
}
PHOTOS |= {f"street{i}": EXAMPLES / f"text/scenetext0{i}.jpg" for i in range(1, 7)}
PHOTOS |= {f"sign{i}": EXAMPLES / f"text/scenetext_segmented_word0{i}.jpg" for i in range(1, 5)}
PHOTOS |= {
    name: SKIMAGE / file
    for name, file in
    {"astronaut": "astronaut.png", "cat": "chelsea.png", "coffee": "coffee.png", "motorcycle": "motorcycle_left.png", "rocket": "rocket.jpg"}.items()
}


def read(path):
    """Bytes of the file, or of the file with .gz (Debian compresses some documentation); None when there is none."""
    if path.exists():
        return path.read_bytes()
    packed = path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()) if packed.exists() else None


def write_jpeg(image, path):
    image.convert("RGB").save(path, "JPEG", quality=QUALITY)


def enlarged(image):
    """A photo that nearly has the size is brought to it; None for smaller ones."""
    shorter = min(image.size)
    if shorter >= SHORTEST_SIDE:
        return image
    if shorter < NEARLY:
        return None
    scale = SHORTEST_SIDE / shorter
    return image.resize([max(SHORTEST_SIDE, round(side * scale)) for side in image.size], Image.BICUBIC)


def write_quarters(image, path):
    """Names of the four quarters written; none when they would be too small."""
    width, height = image.size
    if min(width, height) < 2 * SHORTEST_SIDE:
        return []
    names = []
    for i in range(4):
        left, top = (i % 2) * (width // 2), (i // 2) * (height // 2)
        names.append(f"{path.stem}-q{i + 1}.jpg")
        write_jpeg(image.crop((left, top, left + width // 2, top + height // 2)), path.with_name(names[-1]))
    return names


def collect(name, source, out):
    """Names of the files written for one photo."""
    content = read(source)
    if content is None:
        print(f"[assets] no {source}, left out", file=sys.stderr)
        return []
    original = Image.open(io.BytesIO(content))
    image = enlarged(original)
    if image is None:
        return []
    path = out / f"{name}.jpg"
    if image is original and original.format == "JPEG" and original.mode == "RGB":
        path.write_bytes(content)
    else:
        write_jpeg(image, path)
    return [path.name] + write_quarters(image.convert("RGB"), path)


def main():
    if len(sys.argv) != 2:
        common.fail(f"usage: {sys.argv[0]} OUT_DIR")
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.jpg"):
        old.unlink()
    sources = [(file, source) for name, source in sorted(PHOTOS.items()) for file in collect(name, source, out)]
    (out / "SOURCES.tsv").write_text("".join(f"{file}\t{source.name}\t{package_of(source)}\n" for file, source in sources))
    if len(sources) < FEWEST:
        common.fail(f"only {len(sources)} photos in {out}, expected at least {FEWEST}; run tools/install_deps.sh demo")
    print(f"[assets] {out}: {len(sources)} photos")


def package_of(source):
    return "scikit-image" if SKIMAGE in source.parents else "opencv-doc"


if __name__ == "__main__":
    main()
