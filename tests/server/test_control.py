"""What the server tells about itself and its models, and loading and unloading while it serves: by tritonclient."""

import http.client
import os
import shutil
import signal
import threading
import time

import peers
from calls import ServerCase, arrays, grpc, infer_request, main, np, pb, triton

X = np.arange(8, dtype=np.float32).reshape(1, 2, 4)


def plain(batch=1, model="m"):
    return infer_request(model, [("x", "FP32", [batch, 2, 4])], raw=[np.repeat(X, batch, 0).tobytes()])


class Descriptions(ServerCase):
    models = ("m", "steady", "pair", "pixels")

    def test_health(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("m"))
        self.assertTrue(self.client.is_model_ready("m", "1"))
        for name, version in (("nope", ""), ("m", "2"), ("", "")):
            self.assertFalse(self.stub.ModelReady(pb.ModelReadyRequest(name=name, version=version)).ready)

    def test_grpc_health_service(self):
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check", request_serializer=bytes, response_deserializer=bytes)
        for service in (b"", b"\x0a\x04nope"):
            self.assertEqual(check(service), b"\x08\x01")

    def test_server_metadata(self):
        metadata = self.client.get_server_metadata()
        self.assertEqual(metadata.name, "scissionlite")
        self.assertIn("statistics", metadata.extensions)
        self.assertIn("classification", metadata.extensions)
        self.assertNotIn("system_shared_memory", metadata.extensions)

    def test_model_metadata(self):
        metadata = self.client.get_model_metadata("m")
        self.assertEqual((metadata.name, list(metadata.versions), metadata.platform), ("m", ["1"], "onnxruntime_onnx"))
        self.assertEqual([(t.name, t.datatype, list(t.shape)) for t in metadata.inputs], [("x", "FP32", [-1, -1, 4])])
        self.assertEqual([(t.name, t.datatype, list(t.shape)) for t in metadata.outputs], [("y", "FP32", [-1, -1, 4])])
        metadata = self.client.get_model_metadata("pair", "1")  # no config: all from the graph
        self.assertEqual([(t.name, list(t.shape)) for t in metadata.inputs], [("a", [2, 3]), ("b", [2, 3])])
        self.fails(lambda: self.client.get_model_metadata("nope"), "NOT_FOUND", "unknown model: 'nope'")
        self.fails(lambda: self.client.get_model_metadata("m", "7"), "NOT_FOUND", "version 7")

    def test_model_config(self):
        config = self.client.get_model_config("m").config
        self.assertEqual((config.name, config.max_batch_size, config.backend), ("m", 8, "onnxruntime"))
        self.assertEqual([(t.name, list(t.dims)) for t in config.input], [("x", [-1, 4])])
        self.assertEqual(config.input[0].data_type, 11)
        self.assertEqual(config.dynamic_batching.max_queue_delay_microseconds, 2000)
        self.assertEqual(self.client.get_model_config("pair").config.max_batch_size, 0)
        self.assertGreater(self.client.get_model_config("pixels").config.max_batch_size, 1)  # told from the graph
        self.fails(lambda: self.client.get_model_config("nope"), "NOT_FOUND", "nope")

    def test_index(self):
        entries = self.client.get_model_repository_index().models
        self.assertEqual({(e.name, e.version, e.state, e.reason) for e in entries}, {(name, "1", "READY", "") for name in self.models})

    def test_statistics_count_requests_inferences_and_failures(self):
        before = self.statistics("steady")
        for batch in (1, 3, 3, 8):
            self.stub.ModelInfer(plain(batch, "steady"))
        after = self.statistics("steady")
        self.assertEqual(after.inference_count - before.inference_count, 15)
        self.assertEqual(after.execution_count - before.execution_count, 4)
        self.assertEqual(after.inference_stats.success.count - before.inference_stats.success.count, 4)
        for part in ("queue", "compute_input", "compute_infer", "compute_output"):
            self.assertEqual(getattr(after.inference_stats, part).count - getattr(before.inference_stats, part).count, 4, part)
        self.assertLess(abs(after.last_inference / 1000 - time.time()), 60)
        stats = after.inference_stats
        parts = stats.queue.ns + stats.compute_input.ns + stats.compute_infer.ns + stats.compute_output.ns
        self.assertLessEqual(parts, stats.success.ns)
        self.assertGreater(stats.compute_infer.ns, 0)
        batches = {b.batch_size: b.compute_infer.count for b in after.batch_stats}
        self.assertEqual((batches[1], batches[3], batches[8]), (1, 2, 1))

    def test_statistics_of_all_and_of_unknown(self):
        everything = self.client.get_inference_statistics().model_stats
        self.assertEqual({s.name for s in everything}, set(self.models))
        self.assertEqual({s.version for s in everything}, {"1"})
        for name, version in (("nope", ""), ("m", "5")):
            self.fails(lambda name=name, version=version: self.client.get_inference_statistics(name, version), "INVALID_ARGUMENT",
                       f"requested model version is not available for model '{name}'")

    def test_loading_is_refused_without_explicit_control(self):
        self.fails(lambda: self.client.load_model("m"), "UNAVAILABLE", "--model-control-mode explicit")
        self.fails(lambda: self.client.unload_model("m"), "UNAVAILABLE", "--model-control-mode explicit")
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="m"))
        self.assertNotIn("retry-after-ms", dict(caught.exception.trailing_metadata()), "it will never be allowed")
        self.still_serves()


class Waits(ServerCase):
    def waits_for(self, condition):
        end = time.time() + 60
        while not condition():
            self.assertLess(time.time(), end, self.index())
            time.sleep(0.1)


class Control(Waits):
    models = ("m", "steady", "pair")
    words = ("--model-control-mode", "explicit", "--load-model", "m", "--load-model", "steady")

    def index(self):
        return {e.name: (e.version, e.state, e.reason) for e in self.client.get_model_repository_index().models}

    def over_http(self, target):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.event["http_port"], timeout=60)
        connection.request("GET", target)
        status = connection.getresponse().status
        connection.close()
        return status

    def test_one_that_failed_is_not_found_and_one_that_loads_is_to_be_asked_again(self):
        folder = self.repository / "later"
        (folder / "1").mkdir(parents=True)
        self.addCleanup(shutil.rmtree, folder)
        request = infer_request("later", [("x", "FP32", [1, 2, 4])], raw=[bytes(32)])
        (folder / "1" / "model.onnx").write_bytes(b"junk")
        self.fails(lambda: self.client.load_model("later"), "INTERNAL")
        self.fails(lambda: self.stub.ModelInfer(request), "NOT_FOUND", "'later' has no available versions")
        (folder / "1" / "model.onnx").unlink()
        os.mkfifo(folder / "1" / "model.onnx")  # as a file on a share that is slow
        thread = threading.Thread(target=lambda: self.fails(lambda: self.client.load_model("later"), "INTERNAL"))
        thread.start()
        self.waits_for(lambda: self.index()["later"][1] == "LOADING")
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.ModelInfer(request)
        self.assertEqual((caught.exception.code().name, caught.exception.details()),
                         ("UNAVAILABLE", "Request for unknown model: 'later' has no available versions; it is being loaded"))
        self.assertGreaterEqual(int(dict(caught.exception.trailing_metadata())["retry-after-ms"]), 1)
        while thread.is_alive():  # each look at the file is fed
            try:
                os.close(os.open(folder / "1" / "model.onnx", os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                pass
            time.sleep(0.01)
        thread.join()
        self.client.unload_model("later")

    def test_only_the_named_models_are_loaded(self):
        self.assertEqual(sorted(self.server.event["models"]), ["m", "steady"])

    def test_load_and_unload(self):
        request = infer_request("pair", [("a", "FP32", [2, 3]), ("b", "FP32", [2, 3])], raw=[bytes(24)] * 2)
        self.assertEqual(self.index()["pair"], ("", "", ""))
        self.assertFalse(self.client.is_model_ready("pair"))
        self.fails(lambda: self.stub.ModelInfer(request), "NOT_FOUND", "pair")
        self.client.load_model("pair")
        self.assertTrue(self.client.is_model_ready("pair"))
        self.assertEqual(self.index()["pair"], ("1", "READY", ""))
        self.stub.ModelInfer(request)
        self.client.unload_model("pair")
        self.assertFalse(self.client.is_model_ready("pair"))
        self.assertEqual(self.index()["pair"], ("1", "UNAVAILABLE", "unloaded"))
        self.assertNotIn("pair", [e.name for e in self.stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True)).models])
        for ask in (lambda: self.stub.ModelInfer(request), lambda: self.client.get_model_metadata("pair"),
                    lambda: self.client.get_model_config("pair")):
            self.fails(ask, "NOT_FOUND", "Request for unknown model: 'pair' has no available versions")
        self.assertEqual([self.over_http(f"/v2/models/pair{path}") for path in ("", "/config")], [404, 404])
        self.assertIn("unloaded 'pair'", self.server.log())
        self.assertTrue(self.client.is_server_ready(), "unloading on request is no fault")
        self.client.load_model("pair")
        self.stub.ModelInfer(request)
        self.client.unload_model("pair")

    def test_unknown_names(self):
        self.client.unload_model("nope")
        for name in ("nope", "../repository/m", "", "m/1", "."):
            self.fails(lambda name=name: self.client.load_model(name), "INTERNAL", "failed to load")
        self.assertNotIn("nope", self.index())
        self.still_serves()

    def test_reload_swaps_versions_and_keeps_the_old_when_the_new_is_broken(self):
        folder = self.repository / "m"
        shutil.copytree(folder / "1", folder / "2")
        self.client.load_model("m")
        self.assertEqual(list(self.client.get_model_metadata("m").versions), ["2"])  # the newest only, Triton's default
        self.fails(lambda: self.stub.ModelInfer(infer_request(model_version="1")), "NOT_FOUND", "version 1")
        (folder / "2" / "model.onnx").write_bytes(b"broken")
        self.fails(lambda: self.client.load_model("m"), "INTERNAL", "model.onnx")
        self.assertTrue(self.client.is_model_ready("m"))
        self.assertIn("model.onnx", self.index()["m"][2])
        self.still_serves()
        shutil.rmtree(folder / "2")
        self.client.load_model("m")
        self.assertEqual(list(self.client.get_model_metadata("m").versions), ["1"])
        self.assertEqual(self.index()["m"], ("1", "READY", ""))

    def test_requests_go_on_while_a_model_is_reloaded(self):
        failures, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                try:
                    np.testing.assert_array_equal(arrays(self.stub.ModelInfer(plain(model="steady")))["y"], 2 * X + 1)
                except (grpc.RpcError, AssertionError) as error:
                    failures.append(str(error))
                    return

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(8):
            os.utime(self.repository / "steady" / "1" / "model.onnx")  # else there is nothing to load
            self.client.load_model("steady")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_what_has_not_changed_is_not_loaded_anew(self):
        self.stub.ModelInfer(plain(model="steady"))
        before = self.statistics("steady").inference_count
        self.client.load_model("steady")
        self.assertEqual(self.statistics("steady").inference_count, before)
        self.assertIn("'steady' is loaded and has not changed", self.server.log())

    def test_the_index_tells_of_the_versions_that_were_asked_for(self):
        folder = self.repository / "versions"
        shutil.copytree(self.repository / "steady", folder)
        for version in ("3", "10"):
            shutil.copytree(folder / "1", folder / version)
        shutil.rmtree(folder / "1")
        config = folder / "config.pbtxt"
        config.write_text(config.read_text().replace("steady", "versions") + "version_policy: { all { } }")
        self.client.load_model("versions")
        self.assertIn("loaded 'versions' versions 3, 10", self.server.log())
        self.client.unload_model("versions")
        entries = [e for e in self.client.get_model_repository_index().models if e.name == "versions"]
        self.assertEqual([(e.version, e.state) for e in entries], [("3", "UNAVAILABLE"), ("10", "UNAVAILABLE")])
        (folder / "3" / "model.onnx").write_bytes(b"broken")
        self.fails(lambda: self.client.load_model("versions"), "INTERNAL", "model.onnx")
        self.assertRegex(self.server.log(), "error.*model.onnx")
        shutil.rmtree(folder)

    def test_load_with_overrides_is_refused(self):
        self.fails(lambda: self.client.load_model("m", config='{"max_batch_size": 2}'), "INVALID_ARGUMENT", "not supported")


class Configs(ServerCase):
    """What is loaded of a config.pbtxt; each is written over that of `m` and loaded."""
    models = ("m", )
    words = ("--model-control-mode", "explicit", "--load-model", "m")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = cls.repository / "m" / "config.pbtxt"
        cls.good = cls.path.read_text()

    def tearDown(self):
        self.path.write_text(self.good)
        self.client.load_model("m")

    def load(self, more):
        self.path.write_text(self.good + more)
        self.client.load_model("m")

    def test_fields_of_triton_that_are_not_used(self):
        for more in (
                'model_warmup [ { name: "a # [ {" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 2, 4 ] zero_data: true } } } ]',
                "model_warmup [{ name: \"a\" }, <name: 'b'>]", 'model_warmup [\n  # one of zeros [ {\n  { name: "a" }\n]', "model_warmup [ ] # none",
                "instance_group [ { rate_limiter { resources [ { name: \"r\" count: 4 } ] priority: 2 } } ]",
                "optimization { graph { level: 1 } } # a [ { comment", 'cc_model_filenames { key: "8.0" value: "m" }'):
            with self.subTest(more=more):
                self.load(more)
                self.still_serves()

    def test_labels_of_classes(self):
        request = plain()
        request.outputs.add(name="y").parameters["classification"].int64_param = 3
        labels = self.path.parent / "labels.txt"
        with_labels = self.good.replace('name: "y"', 'name: "y" label_filename: "%s"')
        self.assertNotEqual(with_labels, self.good)
        self.path.write_text(with_labels % "labels.txt")
        self.fails(lambda: self.client.load_model("m"), "INTERNAL", "labels.txt")
        labels.write_text("".join(f"class {i}\r\n" for i in range(7)))  # one less than there are
        self.client.load_model("m")
        raw, texts = self.stub.ModelInfer(request).raw_output_contents[0], []
        while raw:
            size = int.from_bytes(raw[:4], "little")
            texts, raw = texts + [raw[4:4 + size].decode()], raw[4 + size:]
        self.assertEqual(texts, ["15.000000:7", "13.000000:6:class 6", "11.000000:5:class 5"])
        self.path.write_text(with_labels % "../labels.txt")
        self.fails(lambda: self.client.load_model("m"), "INTERNAL", "must be a plain file name")

    def test_what_is_served_differently_is_refused_by_name(self):
        for more, text in (("ensemble_scheduling { step [ { model_name: \"a\" model_version: -1 input_map { key: \"a\" value: \"b\" } } ] }",
                            "ensembles are not served"),
                           ("sequence_batching { max_sequence_idle_microseconds: 5000000 control_input [ { name: \"START\" } ] }",
                            "sequence_batching is not served"), ("version_policy: { specific: { } }", "names no version"),
                           ("version_policy: { specific: { versions: [ 7 ] } }", "version 7")):
            with self.subTest(more=more):
                self.fails(lambda more=more: self.load(more), "INTERNAL", text)
                self.still_serves()

    def test_errors_name_the_place(self):
        line = self.good.count("\n") + 1
        self.fails(lambda: self.load("model_warmup [ { name: \"a\" } ] oops oops"), "INTERNAL", f"config.pbtxt:{line}:")


class Polling(Waits):
    models = ("m", "pair", "steady")
    words = ("--model-control-mode", "poll", "--repository-poll-secs", "1", "--exit-on-error", "false")

    def index(self):
        return {e.name: e.state for e in self.client.get_model_repository_index().models}

    def test_a_removed_folder_is_forgotten(self):
        shutil.rmtree(self.repository / "pair")
        self.waits_for(lambda: "pair" not in self.index())
        self.fails(lambda: self.client.get_model_metadata("pair"), "NOT_FOUND")
        self.assertTrue(self.client.is_server_ready())
        broken = self.repository / "broken" / "1"
        broken.mkdir(parents=True)
        (broken / "model.onnx").write_bytes(b"broken")
        self.waits_for(lambda: self.index().get("broken") == "UNAVAILABLE")
        self.assertFalse(self.client.is_server_ready())
        shutil.rmtree(self.repository / "broken")
        self.waits_for(self.client.is_server_ready)
        self.still_serves()

    def test_a_repository_that_goes_away_takes_nothing_with_it(self):
        away = self.repository.with_name("away")
        self.repository.rename(away)
        self.repository.symlink_to(self.repository.name)  # "too many levels": as a share that went stale, it cannot even be asked for
        try:
            self.server.process.send_signal(signal.SIGHUP)
            self.waits_for(lambda: "the model repository cannot be listed" in self.server.log())
            time.sleep(3)  # several looks
            self.assertEqual(self.server.log().count("the model repository cannot be listed"), 1)
            self.still_serves()
            self.assertTrue(self.client.is_server_ready())
        finally:
            self.repository.unlink()
            away.rename(self.repository)
        self.still_serves()

    def test_a_folder_with_a_name_that_cannot_be_asked_for_is_told_of(self):
        shutil.copytree(self.repository / "steady", self.repository / "stea dy")
        self.waits_for(lambda: "model 'stea dy' cannot be served" in self.server.log())
        shutil.rmtree(self.repository / "stea dy")


class BrokenModels(ServerCase):
    """A repository with one good and one broken model."""
    models = ("m", "pair")
    words = ("--exit-on-error", "false")

    @classmethod
    def setUpClass(cls):
        make = peers.make_repository

        def make_broken(folder):
            make(folder)
            (folder / "pair" / "1" / "model.onnx").write_bytes(b"\x08\x07 broken")

        peers.make_repository = make_broken
        try:
            super().setUpClass()
        finally:
            peers.make_repository = make

    def test_the_good_one_is_served_and_the_server_is_not_ready(self):
        self.still_serves()
        self.assertTrue(self.client.is_server_live())
        self.assertFalse(self.client.is_server_ready())
        self.assertFalse(self.client.is_model_ready("pair"))
        entry = {e.name: e for e in self.client.get_model_repository_index().models}["pair"]
        self.assertEqual(entry.state, "UNAVAILABLE")
        self.assertIn("pair", entry.reason)

    def test_by_default_the_server_does_not_start(self):
        server = peers.Serve(self.program, self.repository)
        with self.assertRaisesRegex(RuntimeError, "code [1-9]: [^!]*model 'pair' cannot be served"):
            server.__enter__()

    def test_not_strict(self):
        with peers.Serve(self.program, self.repository, "--exit-on-error", "false", "--strict-readiness", "false") as server:
            with triton.InferenceServerClient(server.address) as client:
                self.assertTrue(client.is_server_ready())


if __name__ == "__main__":
    main("__main__")
