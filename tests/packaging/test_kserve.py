"""What `prepare --kserve` writes, parsed as YAML and against the fields that KServe's and Kubernetes' documentation gives.
  test_kserve.py SCISSIONLITE PYTHON_WITH_ONNX"""
import contextlib
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml
except ImportError:
    print("[SKIP] no yaml; apt-get install python3-yaml")
    sys.exit(77)

PROGRAM, PYTHON = sys.argv.pop(1), sys.argv.pop(1)
# https://kserve.github.io/website (ServingRuntime spec attributes; InferenceService v1beta1) and Kubernetes' Container.
RUNTIME_FIELDS = {
    "multiModel", "disabled", "containers", "supportedModelFormats", "protocolVersions", "nodeSelector", "affinity", "tolerations", "annotations",
    "labels"
}
FORMAT_FIELDS = {"name", "version", "autoSelect", "priority"}
CONTAINER_FIELDS = {
    "name", "image", "command", "args", "ports", "env", "resources", "livenessProbe", "readinessProbe", "startupProbe", "securityContext",
    "imagePullPolicy", "workingDir"
}
MODEL_FIELDS = {"modelFormat", "protocolVersion", "runtime", "storageUri", "storage", "runtimeVersion"}
PROBE_FIELDS = {"grpc", "initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold"}
QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class Kserve(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kserve-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        subprocess.run([PYTHON, pathlib.Path(__file__).with_name("small_model.py"), cls.folder], check=True)
        cls.said = cls.prepare("--candidate", "split/3/uint8", "--repository", cls.folder / "models", "--kserve", cls.folder / "kserve.yaml",
                               "--kserve-image", "registry.example/edge:1", "--kserve-storage", "s3://models/factory", "--kserve-threads", "2",
                               "--name", "Small_Tail.1").stdout
        cls.text = (cls.folder / "kserve.yaml").read_text()
        cls.runtime, cls.service = yaml.safe_load_all(cls.text)

    @classmethod
    def prepare(cls, *words, code=0):
        done = subprocess.run(
            [PROGRAM, "prepare", str(cls.folder / "small.onnx"), "--images",
             str(cls.folder / "picture0.png"), *map(str, words)], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done

    @staticmethod
    @contextlib.contextmanager
    def serve(*words):
        with subprocess.Popen([PROGRAM, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                yield process
            finally:
                process.terminate()

    @classmethod
    def container(cls, words, repository, others={}):
        """The container's command on this machine, with the folder where the cluster would mount it."""
        words = [{"/mnt/models": str(cls.folder / repository), **others}.get(word, word) for word in words]
        words[words.index("--grpc-port") + 1] = words[words.index("--metrics-port") + 1] = "0"
        return cls.serve(*words, "--engine", "native")

    def test_kinds_and_names(self):
        self.assertEqual((self.runtime["apiVersion"], self.runtime["kind"]), ("serving.kserve.io/v1alpha1", "ServingRuntime"))
        self.assertEqual((self.service["apiVersion"], self.service["kind"]), ("serving.kserve.io/v1beta1", "InferenceService"))
        for document in (self.runtime, self.service):
            self.assertRegex(document["metadata"]["name"], r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
            for key, value in document["metadata"]["annotations"].items():
                self.assertTrue(QUALIFIED.fullmatch(key) and isinstance(value, str), key)
            self.assertLessEqual(len(document["metadata"]["name"].removesuffix("-runtime")), 40)
        self.assertEqual(self.service["metadata"]["name"], "small-tail-1-" + hashlib.sha256(b"Small_Tail.1").hexdigest()[:8])
        self.assertIn(self.service["metadata"]["name"], self.said)

    def test_names_that_begin_alike_stay_apart(self):
        names = []
        for camera in "ab":
            path = self.folder / f"camera_{camera}.yaml"
            self.prepare("--candidate", "split/3/uint8", "--repository", self.folder / "cameras", "--kserve", path, "--name",
                         f"inspection_line_3_station_12_camera_left_top_{camera}")
            names += [document["metadata"]["name"] for document in yaml.safe_load_all(path.read_text())]
        self.assertEqual(len(set(names)), 4, names)

    def test_an_edge_that_forwards(self):
        """Of three machines: the container's command with a cloud on this machine, and no copy of its tail."""
        chain = ("--candidate", "split/1/uint8|split/3/uint8", "--repository", self.folder / "middle", "--cloud-repository", self.folder / "cloud",
                 "--no-cloud-copy", "--kserve", self.folder / "chain.yaml")
        for words, said in (((), "--kserve-forward-to HOST:PORT"), (("--kserve-forward-to", "cloud-1"), "'cloud-1'")):
            self.assertIn(said, self.prepare(*chain, *words, code=2).stderr)
        two = ("--candidate", "split/3/uint8", "--repository", self.folder / "r", "--kserve-forward-to", "cloud-1:8001")
        self.assertIn("--kserve", self.prepare(*two, code=2).stderr)
        self.assertIn("no cloud to forward to", self.prepare(*two, "--kserve", self.folder / "k.yaml", code=2).stderr)
        self.assertEqual([name for name in ("middle", "cloud", "r", "k.yaml", "chain.yaml") if (self.folder / name).exists()], [])
        self.prepare(*chain, "--kserve-forward-to", "cloud-1:8001")
        runtime, service = yaml.safe_load_all((self.folder / "chain.yaml").read_text())
        self.assertEqual(service["metadata"]["annotations"]["scissionlite/candidate"], "split/1/uint8|split/3/uint8")
        words = runtime["spec"]["containers"][0]["args"]
        with self.serve("serve", "--model-repository", self.folder / "cloud", "--grpc-port", "0", "--engine", "native") as cloud:
            port = re.match("ready grpc://127.0.0.1:([0-9]+)", cloud.stdout.readline())[1]
            with self.container(words, "middle", {"cloud-1:8001": f"127.0.0.1:{port}"}) as edge:
                self.assertRegex(edge.stdout.readline(), "^ready .* models=small_middle$")

    def test_only_fields_that_are_documented(self):
        spec = self.runtime["spec"]
        self.assertLessEqual(set(spec), RUNTIME_FIELDS)
        (only_format, ), (container, ) = spec["supportedModelFormats"], spec["containers"]
        self.assertLessEqual(set(only_format), FORMAT_FIELDS)
        self.assertLessEqual(set(container), CONTAINER_FIELDS)
        self.assertEqual(container["name"], "kserve-container", "KServe looks for this name")
        self.assertEqual(set(self.service["spec"]), {"predictor"})
        self.assertEqual(set(self.service["spec"]["predictor"]), {"model"})
        self.assertLessEqual(set(self.service["spec"]["predictor"]["model"]), MODEL_FIELDS)

    def test_the_service_asks_for_the_runtime(self):
        model, spec = self.service["spec"]["predictor"]["model"], self.runtime["spec"]
        self.assertEqual(model["runtime"], self.runtime["metadata"]["name"])
        self.assertIn(model["modelFormat"]["name"], [each["name"] for each in spec["supportedModelFormats"]])
        self.assertEqual(model["modelFormat"]["version"], spec["supportedModelFormats"][0]["version"])
        self.assertIn(model["protocolVersion"], spec["protocolVersions"])
        self.assertEqual(model["storageUri"], "s3://models/factory")

    def test_the_model_s_hash(self):
        tail = hashlib.sha256((self.folder / "models/Small_Tail.1/1/model.onnx").read_bytes()).hexdigest()
        whole = hashlib.sha256((self.folder / "small.onnx").read_bytes()).hexdigest()
        for document in (self.runtime, self.service):
            annotations = document["metadata"]["annotations"]
            self.assertEqual(
                (annotations["scissionlite/tail-sha256"], annotations["scissionlite/model-sha256"], annotations["scissionlite/candidate"]),
                (tail, whole, "split/3/uint8"))

    def test_ports_probes_and_resources(self):
        (container, ) = self.runtime["spec"]["containers"]
        (port, ) = container["ports"]
        self.assertEqual(port["name"], "h2c", "what Knative speaks gRPC to")
        words = container["args"]
        self.assertTrue(all(isinstance(word, str) for word in [*container["command"], *words]))
        self.assertEqual(words[words.index("--grpc-port") + 1], str(port["containerPort"]))
        self.assertIn("--no-http", words, "Knative knows one port")
        annotations = self.runtime["spec"]["annotations"]
        self.assertEqual((annotations["prometheus.kserve.io/port"], annotations["prometheus.kserve.io/path"]),
                         (words[words.index("--metrics-port") + 1], "/metrics"))
        self.assertNotEqual(words[words.index("--metrics-port") + 1], str(port["containerPort"]))
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertLessEqual(set(container[probe]), PROBE_FIELDS)
            self.assertEqual(container[probe]["grpc"]["port"], port["containerPort"])
        for kind in ("requests", "limits"):
            self.assertEqual(container["resources"][kind]["cpu"], "2")
            self.assertRegex(container["resources"][kind]["memory"], r"^[0-9]+Mi$")
        self.assertEqual(container["image"], "registry.example/edge:1")

    def test_the_docs_say_where_its_probes_are_refused(self):
        docs = (pathlib.Path(__file__).parents[2] / "docs/deployment.md").read_text()
        self.assertIn("startupProbe", self.text)
        for said in ("startupProbe", "knative/serving#15309", "serving.kserve.io/deploymentMode: RawDeployment"):
            self.assertIn(said, docs)

    def test_the_program_takes_the_arguments(self):
        with self.container(self.runtime["spec"]["containers"][0]["args"], "models") as process:
            self.assertRegex(process.stdout.readline(), "^ready grpc://0.0.0.0:.* http://0.0.0.0:.*/metrics models=Small_Tail.1$")

    def test_refusals(self):
        self.assertIn(
            "pvc://CLAIM/PATH",
            self.prepare("--candidate", "split/3/uint8", "--repository", self.folder / "r", "--kserve", self.folder / "k.yaml", "--kserve-storage",
                         "models", code=2).stderr)
        self.assertIn("give a --repository",
                      self.prepare("--candidate", "split/3/uint8", "--package", self.folder / "p", "--kserve", self.folder / "k.yaml", code=2).stderr)
        self.assertIn("--kserve",
                      self.prepare("--candidate", "split/3/uint8", "--repository", self.folder / "r", "--kserve-image", "x", code=2).stderr)
        self.assertEqual(list(self.folder.glob("[rkp]")) + list(self.folder.glob("k.yaml")), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
