"""What docs/ARCHITECTURE.md says is there, includes point upward in its table, links resolve, and nothing is committed
that does not belong here."""
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import unittest
import urllib.parse

import tree

LARGEST_BYTES = 1 << 20
INCLUDE = re.compile(r'^\s*#\s*include\s+"(\w+)/[^"]+"', re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
PROGRAMS = {"scissionlite-train", "scissionlite-generate"}


def without_fences(markdown):
    return re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S)


class Faults(unittest.TestCase):
    NUMBERS = range(1, 47)

    def test_each_has_a_test_of_its_number(self):
        text = tree.read("docs/faults.md")
        without = {int(number) for number in re.findall(r"(?:^|[ ,:])(\d+) \(", text[text.index("Without a test of its own"):])}
        tests = "\n".join(tree.read(path) for path in tree.files() if path.suffix in (".cc", ".py") and path.parts[0] in ("src", "tests"))
        named = {int(number) for names in re.findall(r"fault_(\d\d(?:_\d\d)*)", tests) for number in names.split("_")}
        self.assertEqual(sorted(set(self.NUMBERS) - named), sorted(without), "numbers without a test, and those that docs/faults.md says have none")


class CrossBuild(unittest.TestCase):
    ONLY_HERE = {"libdnnl-dev", "ocl-icd-opencl-dev"}  # which a device's build does without

    def test_has_the_libraries_that_a_build_wants(self):
        wanted = re.findall(r"\S+-dev", re.search(r"^apt_group build (.*?)^once", tree.read("tools/install_deps.sh"), re.M | re.S)[1])
        has = re.search(r"^packages=(\S+)", tree.read("tools/arm64_sysroot.sh"), re.M)[1].split(",")
        self.assertGreater(len(wanted), 10)
        self.assertEqual(set(wanted) - self.ONLY_HERE - set(has), set())


class Hooks(unittest.TestCase):
    def test_what_they_start_is_there(self):
        started = re.findall(r"^\s*entry: (.*)$", tree.read(".pre-commit-config.yaml"), re.M)
        self.assertGreater(len(started), 3)
        for words in started:
            for word in words.split():
                if "/" in word:
                    self.assertTrue((tree.ROOT / word).is_file(), words)


class Architecture(unittest.TestCase):
    def test_table_names_every_folder_below_src(self):
        below_src = {path.parts[1] for path in tree.files() if path.parts[0] == "src" and len(path.parts) > 2}
        self.assertEqual(sorted(name for name, _ in tree.folders()), sorted(below_src))

    def test_what_it_names_exists(self):
        code = "\n".join(tree.read(path) for path in tree.files() if path.parts[0] in ("src", "include"))
        words = set(re.findall(r"\w+", code))
        commands = re.findall(r"SCISSIONLITE_COMMAND\((\w+)", tree.read("src/cli/commands.inc"))
        for name in re.findall(r"`([^`\n]+)`", without_fences(tree.read("docs/ARCHITECTURE.md"))):
            with self.subTest(name):
                self.assertTrue(self.exists(name, code, words, commands), f"docs/ARCHITECTURE.md names `{name}`, which is nowhere in the tree")

    @staticmethod
    def exists(name, code, words, commands):
        if name in PROGRAMS or (tree.ROOT / name).exists():
            return True
        program, _, command = name.partition(" ")
        if program == "scissionlite":
            return not command or command.split()[0] in commands
        if "::" in name:  # folder::Name
            return all(word in words for word in name.split("::"))
        if re.fullmatch(r"[\w-]+", name):
            return name in words or (tree.ROOT / "src" / name).is_dir()
        return "/" not in name and re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", code) is not None  # a file that the program writes


class Includes(unittest.TestCase):
    def test_point_upward_in_the_table(self):
        order = [name for name, _ in tree.folders()]
        self.assertGreater(len(order), 10, "the table of folders was not understood")
        wrong = []
        for path in tree.files():
            if path.parts[0] != "src" or path.suffix not in (".h", ".cc", ".inc"):
                continue
            for other in INCLUDE.findall(tree.read(path)):
                if other in order and order.index(other) > order.index(path.parts[1]):
                    wrong.append(f"{path} includes {other}/, which stands below {path.parts[1]}/ in the table")
        self.assertEqual(wrong, [])

    def test_folders_inside_a_folder_use_one_another_one_way(self):
        for outer in ("server", "train"):
            used = {}
            for path in tree.files():
                if path.parts[:2] == ("src", outer) and path.suffix in (".h", ".cc") and not path.stem.endswith("_test"):
                    for name in re.findall(rf'^#include "{outer}/([^"]+)"', tree.read(path), re.M):
                        used.setdefault("/".join(path.parts[2:-1]), set()).add("/".join(name.split("/")[:-1]))
            used = {inner: others - {inner} for inner, others in used.items()}
            self.assertGreater(len(used), 5, outer)
            while free := [inner for inner, others in used.items() if not others & used.keys()]:
                for inner in free:
                    del used[inner]
            self.assertEqual(used, {}, f"of the folders in src/{outer} these include one another in a circle")


class Contents(unittest.TestCase):
    def test_no_path_of_a_machine(self):
        pattern = re.compile(r"(?<![\w.:$}-])/(?:home|root|work|Users)/\w")
        found = [
            f"{path}:{number}: {line.strip()[:100]}" for path in tree.files() if tree.is_text(path)
            for number, line in enumerate(tree.read(path).splitlines(), 1) if pattern.search(line)
        ]
        self.assertEqual(found, [], "say where a thing lies by an environment variable or a relative path")

    def test_no_large_file(self):
        large = {str(path): (tree.ROOT / path).stat().st_size for path in tree.files() if (tree.ROOT / path).stat().st_size > LARGEST_BYTES}
        self.assertEqual(large, {}, f"files above {LARGEST_BYTES} bytes; have them made by a script under tools/ instead")

    def test_no_file_of_the_data_folder(self):
        data = os.environ.get("SCISSIONLITE_TEST_DATA", "")
        if not data or not pathlib.Path(data).is_dir():
            self.skipTest("SCISSIONLITE_TEST_DATA does not name a folder")
        ours = {}
        for path in tree.files():
            ours.setdefault((tree.ROOT / path).stat().st_size, []).append(path)
        copies = []
        for theirs in pathlib.Path(data).rglob("*"):
            if not theirs.is_file() or theirs.stat().st_size == 0:
                continue
            for path in ours.get(theirs.stat().st_size, []):
                if sha256(tree.ROOT / path) == sha256(theirs):
                    copies.append(f"{path} is {theirs.relative_to(data)}")
        self.assertEqual(copies, [])


class KernelMatrix(unittest.TestCase):
    SCRIPT = tree.ROOT / "tools" / "kernel_matrix.py"

    def test_of_the_readme_is_current(self):
        checked = subprocess.run([sys.executable, self.SCRIPT, "--check"], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_names_every_operator_once(self):
        block = tree.read("README.md").partition("<!-- kernel matrix")[2].partition("| way to convolve")[0]
        listed = re.findall(r"`(\w+)`", block)
        self.assertEqual(len(listed), tree.read("src/ops/ops.inc").count("SCISSIONLITE_OP("))
        self.assertEqual(len(listed), len(set(listed)))


class Links(unittest.TestCase):
    def test_of_pages_resolve(self):
        broken = []
        for path in tree.files():
            if path.suffix != ".md":
                continue
            page = re.sub(r"`[^`\n]*`", "", without_fences(tree.read(path)))
            for link in LINK.findall(page):
                if re.match(r"[a-z]+:", link):
                    continue
                file, _, anchor = urllib.parse.unquote(link).partition("#")
                target = (tree.ROOT / path.parent / file) if file else tree.ROOT / path
                if not target.exists():
                    broken.append(f"{path}: {link}: no such file")
                elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                    broken.append(f"{path}: {link}: no such heading")
        self.assertEqual(broken, [])


def anchors(page):
    """Headings as GitHub names them."""
    headings = re.findall(r"^#+\s+(.*?)\s*$", without_fences(page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    unittest.main(verbosity=2)
