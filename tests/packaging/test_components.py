"""What `cmake --install` puts where by component: OpenVINO's libraries have their licences, no program names a folder of the build.
  test_components.py BUILD     parts that the build tree lacks are skipped"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop(1))


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"$ {' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


class Components(unittest.TestCase):
    def install(self, *components):
        folder = tempfile.TemporaryDirectory(prefix="components-test-")
        self.addCleanup(folder.cleanup)
        for component in components:
            run("cmake", "--install", BUILD, "--component", component, "--prefix", folder.name)
        return pathlib.Path(folder.name)

    def test_openvino_has_its_licences(self):
        if not (BUILD / "scissionlite_openvino.so").exists():
            self.skipTest("built without OpenVINO")
        prefix = self.install("openvino_libraries", "openvino_licences")
        held = {path.name.split(".so")[0] for path in (prefix / "lib/scissionlite/openvino").iterdir()}
        self.assertLessEqual({"libopenvino", "libtbb", "libhwloc"}, held)
        (folder, ) = prefix.glob("share/doc/*/openvino")
        self.assertIn("Apache License", (folder / "LICENSE").read_text())
        for name in ("runtime", "onednn", "onetbb"):
            (path, ) = folder.glob(f"{name}?third-party-programs.txt")
            self.assertGreater(path.stat().st_size, 1000)
        script = (BUILD / "cmake_install.cmake").read_text()  # both come with everything, or neither does
        conditions = [re.findall(r"^if\((.*)\)$", script[:script.index(name)], re.M)[-1] for name in ("libhwloc", "onetbb_third-party")]
        self.assertEqual(conditions[0].replace("libraries", "licences"), conditions[1])

    def test_generate_finds_halide_where_it_was(self):
        if not (BUILD / "scissionlite-generate").exists():
            self.skipTest("scissionlite-generate is not built")
        prefix = self.install("generate")
        program = prefix / "bin/scissionlite-generate"
        (path, ) = re.findall(r"R(?:UN)?PATH\).*\[(.*)\]", run("readelf", "-d", program))
        self.assertTrue(all(part.startswith("$ORIGIN/") for part in path.split(":")), path)
        self.assertIn(f"{prefix}/lib/scissionlite/halide/libHalide", run("ldd", program).replace("/bin/..", ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
