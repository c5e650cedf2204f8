"""The Debian packages as files: what they hold, depend on, do when they come and go, and how large they are.
  test_packages.py BUILD OUT     BUILD: a build tree with OpenVINO, of which the edge's package is made; the device's has one of its own

Exit 77 (skipped) where debhelper or ccache is missing: without a cache the device's program takes long."""
import functools
import grp
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEVICE_LIMIT_MB = 25
OPENVINO = "usr/lib/scissionlite-edge/lib/scissionlite/openvino"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"$ {' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


@functools.cache
def owners_of(library):
    """Debian's packages that hold a library, and what those provide."""
    owners = {line.split(":")[0] for line in run("dpkg", "-S", f"*/{library}").splitlines()}
    return owners | set(re.findall(r"[\w.+-]+", run("dpkg-query", "-W", "-f", "${Provides} ", *owners)))


class Package:
    def __init__(self, path, work):
        self.path = path
        self.files, self.scripts = work / path.name / "files", work / path.name / "control"
        self.files.mkdir(parents=True)
        run("dpkg-deb", "-x", path, self.files)
        run("dpkg-deb", "-e", path, self.scripts)
        self.owners = {line.split()[1] for line in run("dpkg-deb", "-c", path).splitlines()}

    def field(self, name):
        return run("dpkg-deb", "-f", self.path, name).strip()

    def depends(self):
        return {re.split(r"[ (|]", part.strip())[0] for part in self.field("Depends").split(",")}

    def paths(self):
        return {str(path.relative_to(self.files)) for path in self.files.rglob("*") if not path.is_dir()}

    def elves(self):
        return [path for path in self.files.rglob("*") if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"]


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        build, out = map(pathlib.Path, sys.argv[1:3])
        shutil.rmtree(out, ignore_errors=True)
        run(ROOT / "tools/packages.sh", out,
            env={**os.environ, "SCISSIONLITE_BUILD_EDGE": str(build.resolve()), "SCISSIONLITE_COMPRESSION": "-Zzstd -z1"})
        work = tempfile.TemporaryDirectory(prefix="packages-test-")
        cls.addClassCleanup(work.cleanup)
        cls.packages = {half: Package(next(out.glob(f"scissionlite-{half}_*.deb")), pathlib.Path(work.name)) for half in ("device", "edge")}

    def each(self):
        return self.packages.items()

    def test_version_is_the_program_s(self):
        for half, package in self.each():
            program = package.files / f"usr/lib/scissionlite-{half}/bin/scissionlite"
            self.assertEqual(run(program, "--version").split()[-1], package.field("Version"))

    def test_device_is_small_and_has_no_openvino(self):
        device = self.packages["device"]
        self.assertLessEqual(int(device.field("Installed-Size")) * 1024 / 1e6, DEVICE_LIMIT_MB)
        self.assertEqual([path for path in device.paths() if "openvino" in path], [])
        self.assertFalse({"libdnnl2", "ocl-icd-libopencl1"} & device.depends(), "oneDNN and OpenCL would take 40 MB of a device")
        program = device.files / "usr/lib/scissionlite-device/bin/scissionlite"
        refused = subprocess.run([program, "verify", ROOT / "none.onnx", "--engine", "openvino"], capture_output=True, text=True)
        self.assertNotEqual(refused.returncode, 0)

    def test_commands_explain_themselves(self):
        for half, package in self.each():
            program = package.files / f"usr/lib/scissionlite-{half}/bin/scissionlite"
            for command in ("run", "probe", "profile", "bench", "verify", "tune", "serve"):
                self.assertIn("Example:", run(program, command, "--help"))

    def test_depends_cover_what_the_programs_link(self):
        for _, package in self.each():
            depends = package.depends()
            for name in ("adduser", "libc6", "libstdc++6", "libgrpc++1.51", "libprotobuf32", "libssl3", "libgomp1"):
                self.assertIn(name, depends)
            own = {path.name for path in package.elves()}
            needed = {library for path in package.elves() for library in re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", path))}
            for library in needed - own:
                names = owners_of(library)
                self.assertTrue(names & depends, f"{library} of {names} is needed and not in Depends")

    def test_programs_are_stripped_and_name_no_folder_of_the_build(self):
        for _, package in self.each():
            for path in package.elves():
                self.assertNotIn(".symtab", run("readelf", "-SW", path) if OPENVINO not in str(path) else "", path.name)
                for folder in re.findall(r"R(?:UN)?PATH\).*\[(.*)\]", run("readelf", "-d", path)):
                    self.assertTrue(all(part.startswith("$ORIGIN") for part in folder.split(":")), f"{path.name}: {folder}")

    def test_files_are_where_debian_wants_them(self):
        for half, package in self.each():
            self.assertEqual(package.owners, {"root/root"})
            name = f"scissionlite-{half}"
            for path in package.paths():
                self.assertRegex(path,
                                 rf"^(etc/scissionlite/{half}\.conf|lib/systemd/system/{name}\.service|usr/lib/{name}/.*|usr/share/doc/{name}/.*)$")
            for path in package.files.rglob("*"):
                mode = path.stat().st_mode & 0o7777
                self.assertIn(mode, (0o755, 0o644), path)
                if path.is_file():
                    self.assertEqual(mode == 0o755, path.parent.name == "bin", path)
            sums = dict(reversed(line.split("  ")) for line in (package.scripts / "md5sums").read_text().splitlines())
            self.assertEqual(set(sums), package.paths() - {f"etc/scissionlite/{half}.conf"})

    def test_settings_are_kept_on_upgrade(self):
        for half, package in self.each():
            self.assertEqual((package.scripts / "conffiles").read_text().split(), [f"/etc/scissionlite/{half}.conf"])

    def test_licences(self):
        for half, package in self.each():
            doc = package.files / f"usr/share/doc/scissionlite-{half}"
            self.assertIn("Apache-2.0", (doc / "copyright").read_text())
            for library in ("libcli11-dev", "nlohmann-json3-dev", "libeigen3-dev"):
                self.assertIn("icense", (doc / f"compiled_in/{library}.copyright").read_text())
        openvino = self.packages["edge"].files / "usr/share/doc/scissionlite-edge/openvino"
        self.assertIn("Apache License", (openvino / "LICENSE").read_text())
        for name in ("runtime", "onednn", "onetbb"):
            (path, ) = openvino.glob(f"{name}?third-party-programs.txt")
            self.assertGreater(path.stat().st_size, 1000)

    def test_edge_holds_what_openvino_needs(self):
        edge = self.packages["edge"]
        held = {path.name.split(".so")[0] for path in (edge.files / OPENVINO).iterdir()}
        self.assertLessEqual(
            {"libopenvino", "libopenvino_intel_cpu_plugin", "libopenvino_onnx_frontend", "libopenvino_ir_frontend", "libtbb", "libhwloc"}, held)
        self.assertNotIn("libopenvino_intel_gpu_plugin", held)
        program = edge.files / "usr/lib/scissionlite-edge/bin/scissionlite"
        self.assertNotIn("openvino", run("readelf", "-d", program), "OpenVINO is loaded, never linked")

    def test_scripts_are_shell_that_parses_and_undo_each_other(self):
        for half, package in self.each():
            for name in ("postinst", "prerm", "postrm"):
                run("sh", "-n", package.scripts / name)
            text = {name: (package.scripts / name).read_text() for name in ("postinst", "prerm", "postrm")}
            user = f"scissionlite-{half}"
            self.assertRegex(text["postinst"], rf"adduser .*--system.* {user}")
            self.assertRegex(text["postrm"], rf"deluser .*{user}")
            self.assertIn(f"rm -rf /var/lib/{user}", text["postrm"])
            self.assertIn(f"update-alternatives --install /usr/bin/scissionlite scissionlite /usr/lib/{user}/bin/scissionlite", text["postinst"])
            self.assertIn(f"update-alternatives --remove scissionlite /usr/lib/{user}/bin/scissionlite", text["prerm"])


class Scripts(unittest.TestCase):
    """The maintainer scripts as committed, in a folder instead of this machine's /var/lib, with this user instead of theirs."""
    FOLDERS = {"device": ("images", 0o775), "edge": ("models", 0o755)}

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="scripts-test-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.state = self.root / "lib"
        (self.root / "bin").mkdir()
        self.state.mkdir()
        for name in ("adduser", "deluser", "getent"):
            (self.root / "bin" / name).write_text(f'#!/bin/sh\necho {name} "$@" >>"{self.root}/users"\n')
            (self.root / "bin" / name).chmod(0o755)

    def call(self, half, name, *words):
        text = (ROOT / f"packaging/debian/scissionlite-{half}.{name}").read_text().replace("/var/lib", str(self.state))
        mine = {"-o": pwd.getpwuid(os.getuid()).pw_name, "-g": grp.getgrgid(os.getgid()).gr_name}
        text, theirs = re.subn(rf"(-[og]) scissionlite-{half}\b", lambda found: f"{found[1]} {mine[found[1]]}", text)
        run("sh", "-c", text, name, *words, env={**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}"})
        return theirs

    def test_folders_are_there_for_what_the_docs_copy(self):
        for half, (inner, mode) in self.FOLDERS.items():
            self.assertEqual(self.call(half, "postinst", "configure", ""), 2, "user and group")
            state = self.state / f"scissionlite-{half}"
            for folder in (state, state / inner):
                self.assertEqual(folder.stat().st_mode & 0o7777, mode)
        (self.root / "models/net/1").mkdir(parents=True)
        (self.root / "device").mkdir()
        copies = re.findall(r"(?m)^cp -r .* /var/lib/scissionlite-.*$", (ROOT / "docs/deployment.md").read_text())
        self.assertEqual(len(copies), 2)
        for command in copies:
            run("sh", "-c", command.replace("/var/lib", str(self.state)), cwd=self.root)
        self.assertTrue((self.state / "scissionlite-edge/models/net/1").is_dir() and (self.state / "scissionlite-device/package").is_dir())

    def test_they_are_as_the_unit_makes_them(self):
        for half, (inner, mode) in self.FOLDERS.items():
            unit = (ROOT / f"packaging/debian/scissionlite-{half}.service").read_text()
            name = f"scissionlite-{half}"
            self.assertIn(f"StateDirectory={name} {name}/{inner}\n", unit)
            self.assertEqual(int((re.search(r"StateDirectoryMode=(\d+)", unit) or ["", "755"])[1], 8), mode)

    def test_what_is_there_stays_until_it_is_purged(self):
        for half, (inner, _) in self.FOLDERS.items():
            inside = self.state / f"scissionlite-{half}" / inner
            inside.mkdir(parents=True)
            inside.chmod(0o700)
            (inside / "mine").write_text("mine")
            self.call(half, "postinst", "configure", "0.1.0")
            self.assertEqual(inside.stat().st_mode & 0o7777, 0o700)
            self.call(half, "postrm", "remove")
            self.assertEqual((inside / "mine").read_text(), "mine")
            self.call(half, "postrm", "purge")
            self.assertFalse(inside.parent.exists())
            self.assertIn(f"deluser --quiet --system scissionlite-{half}", (self.root / "users").read_text())


class Units(unittest.TestCase):
    """The units as committed; with systemd-analyze, as systemd reads them."""
    FOLDER = ROOT / "packaging/debian"

    def each(self):
        return [(half, (self.FOLDER / f"scissionlite-{half}.service").read_text()) for half in ("device", "edge")]

    def test_they_notify_are_watched_and_restarted(self):
        for _, unit in self.each():
            for line in ("Type=notify", "WatchdogSec=60", "Restart=on-failure", "NoNewPrivileges=yes", "ProtectSystem=strict",
                         "CapabilityBoundingSet="):
                self.assertIn(line, unit.splitlines())

    def test_settings_name_all_that_the_command_uses(self):
        for half, unit in self.each():
            used = set(re.findall(r"\$\{?(\w+)\}?", re.search(r"^ExecStart=(.*)$", unit, re.M)[1]))
            given = set(re.findall(r"^(\w+)=", (self.FOLDER / f"{half}.conf").read_text(), re.M))
            self.assertEqual(used, given)

    def test_systemd_finds_no_fault_and_little_exposure(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        with tempfile.TemporaryDirectory() as folder:
            for half, unit in self.each():
                path = pathlib.Path(folder) / f"scissionlite-{half}.service"
                path.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit))
                checked = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
                self.assertEqual((checked.returncode, checked.stderr), (0, ""))
                security = run("systemd-analyze", "security", "--offline=true", "--no-pager", path)
                self.assertLess(float(re.search(r"exposure level for \S+: ([0-9.]+)", security)[1]), 2.5)


def main():
    for needed in ("dh", "ccache", "dpkg-shlibdeps"):
        if not shutil.which(needed):
            print(f"[SKIP] no {needed}; run tools/install_deps.sh test")
            sys.exit(77)
    if not (pathlib.Path(sys.argv[1]) / "scissionlite_openvino.so").exists():
        print("[SKIP] built without OpenVINO, so there is no edge package")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)


if __name__ == "__main__":
    main()
