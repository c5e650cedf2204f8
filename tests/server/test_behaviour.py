"""What the server answers to each kind of request, good and bad: the behaviour of Triton 2.51 that clients know, and
stricter where that one crashes or guesses. Driven by unmodified tritonclient and its raw stubs; numpy is the oracle."""

import struct

from calls import CASTS, TYPES, VALUES, ServerCase, arrays, grpc, infer_request, main, np, pb, triton

X = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
GOOD = [("x", "FP32", [1, 2, 4])]
TYPED = {
    "BOOL": "bool_contents", "UINT8": "uint_contents", "INT8": "int_contents", "UINT16": "uint_contents", "INT16": "int_contents",
    "INT32": "int_contents", "UINT32": "uint_contents", "INT64": "int64_contents", "FP64": "fp64_contents"
}


class Answers(ServerCase):
    def infer(self, request):
        return self.stub.ModelInfer(request)

    def test_tritonclient_on_random_shapes(self):
        rng = np.random.default_rng(7)
        for _ in range(20):
            x = rng.standard_normal((rng.integers(1, 9), rng.integers(1, 7), 4)).astype(np.float32)
            tensor = triton.InferInput("x", x.shape, "FP32")
            tensor.set_data_from_numpy(x)
            result = self.client.infer("m", [tensor], request_id="r1")
            np.testing.assert_allclose(result.as_numpy("y"), 2 * x + 1, rtol=1e-6)
            self.assertEqual(result.get_response().id, "r1")
            self.assertEqual((result.get_response().model_name, result.get_response().model_version), ("m", "1"))

    def test_version_given(self):
        response = self.infer(infer_request(inputs=GOOD, raw=[X.tobytes()], model_version="1"))
        np.testing.assert_array_equal(arrays(response)["y"], 2 * X + 1)

    def test_typed_contents(self):
        response = self.infer(infer_request(inputs=[("x", "FP32", [1, 2, 4], {"fp32_contents": X.ravel()})]))
        np.testing.assert_array_equal(arrays(response)["y"], 2 * X + 1)

    def test_every_type_raw(self):
        inputs = [(name, kind, [3]) for name, kind in CASTS.items()]
        raw = [np.array(VALUES[kind], TYPES[kind]).tobytes() for kind in CASTS.values()]
        out = arrays(self.infer(infer_request("casts", inputs, raw=raw)))
        for name, kind in CASTS.items():
            np.testing.assert_array_equal(out[name + "_f32"], np.array(VALUES[kind], TYPES[kind]).astype(np.float32), err_msg=kind)

    def test_every_type_by_tritonclient(self):
        tensors = []
        for name, kind in CASTS.items():
            tensors.append(triton.InferInput(name, [3], kind))
            tensors[-1].set_data_from_numpy(np.array(VALUES[kind], TYPES[kind]))
        result = self.client.infer("casts", tensors)
        for name, kind in CASTS.items():
            np.testing.assert_array_equal(result.as_numpy(name + "_f32"), np.array(VALUES[kind], TYPES[kind]).astype(np.float32))

    def typed_casts(self, changed=None):
        """FP16 has no typed form, so a request with typed contents only cannot exist for `casts`: each input but f16."""
        values = dict(VALUES, **(changed or {}))
        return [(name, kind, [3], {TYPED[kind]: values[kind]}) for name, kind in CASTS.items() if kind != "FP16"]

    def test_fp16_has_no_typed_form(self):
        inputs = self.typed_casts() + [("f16", "FP16", [3], {"fp32_contents": [1, 2, 3]})]
        self.fails(lambda: self.infer(infer_request("casts", inputs)), "INVALID_ARGUMENT", "f16", "raw_input_contents")

    def test_typed_values_that_do_not_fit(self):
        for kind, values in (
            ("INT8", [0, 128, 0]),
            ("INT8", [0, 0, -129]),
            ("UINT8", [256, 0, 0]),
            ("INT16", [40000, 0, 0]),
            ("UINT16", [65536, 0, 0]),
        ):
            inputs = self.typed_casts({kind: values}) + [("f16", "FP16", [3], {"fp32_contents": [0, 0, 0]})]
            inputs.insert(0, inputs.pop([i[1] for i in inputs].index(kind)))  # before f16 refuses
            self.fails(lambda inputs=inputs: self.infer(infer_request("casts", inputs)), "INVALID_ARGUMENT", "cannot hold")

    def test_two_inputs_in_either_order_and_chosen_outputs(self):
        a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.full((2, 3), 3, np.float32)
        swapped = infer_request("pair", [("b", "FP32", [2, 3]), ("a", "FP32", [2, 3])], raw=[b.tobytes(), a.tobytes()])
        out = arrays(self.infer(swapped))
        np.testing.assert_array_equal(out["sum"], a + b)
        np.testing.assert_array_equal(out["product"], a * b)
        swapped.outputs.add(name="product")
        response = self.infer(swapped)
        self.assertEqual([output.name for output in response.outputs], ["product"])
        np.testing.assert_array_equal(arrays(response)["product"], a * b)

    def test_zero_sized(self):
        for shape in ([0, 2, 4], [2, 0, 4], [0, 0, 4]):
            response = self.infer(infer_request(inputs=[("x", "FP32", shape)], raw=[b""]))
            self.assertEqual(arrays(response)["y"].shape, tuple(shape), f"of {shape}")
        self.still_serves()

    def test_special_floats(self):
        x = np.array([[[np.nan, np.inf, -np.inf, -0.0]]], np.float32)
        out = arrays(self.infer(infer_request(inputs=[("x", "FP32", x.shape)], raw=[x.tobytes()])))["y"]
        np.testing.assert_array_equal(out, 2 * x + 1)

    def test_large_message(self):
        x = np.random.default_rng(3).standard_normal((4, 1024, 1024)).astype(np.float32)
        tensor = triton.InferInput("x", x.shape, "FP32")
        tensor.set_data_from_numpy(x)
        self.assertEqual(self.client.infer("wide", [tensor]).as_numpy("y"), x.max())

    def test_parameters_of_perf_analyzer(self):
        request = infer_request(inputs=GOOD, raw=[X.tobytes()])
        request.parameters["triton_enable_empty_final_response"].bool_param = True
        request.parameters["priority"].int64_param = 3
        np.testing.assert_array_equal(arrays(self.infer(request))["y"], 2 * X + 1)

    def test_model_sha256_of_the_response_is_accepted_and_another_refused(self):
        request = infer_request(inputs=GOOD, raw=[X.tobytes()])
        sha256 = self.infer(request).parameters["model_sha256"].string_param
        self.assertEqual(len(sha256), 64)
        request.parameters["model_sha256"].string_param = sha256
        self.infer(request)
        request.parameters["model_sha256"].string_param = "0" * 64
        self.fails(lambda: self.infer(request), "FAILED_PRECONDITION", "0" * 64, sha256)

    def test_stream(self):
        requests = [infer_request(inputs=GOOD, raw=[(X + i).tobytes()], id=str(i)) for i in range(5)]
        requests.insert(2, infer_request("nope", GOOD, raw=[X.tobytes()], id="bad"))
        answers = list(self.stub.ModelStreamInfer(iter(requests)))
        self.assertEqual([a.infer_response.id for a in answers], ["0", "1", "bad", "2", "3", "4"])
        self.assertIn("unknown model: 'nope'", answers[2].error_message)
        for i in (0, 1, 3, 4, 5):
            self.assertEqual(answers[i].error_message, "")
            n = int(answers[i].infer_response.id)
            np.testing.assert_array_equal(arrays(answers[i].infer_response)["y"], 2 * (X + n) + 1)

    def test_requests_of_one_stream_share_batches(self):
        before = self.statistics("m")
        requests = [infer_request(inputs=GOOD, raw=[(X + i).tobytes()], id=str(i)) for i in range(200)]
        answers = list(self.stub.ModelStreamInfer(iter(requests)))
        self.assertEqual([a.infer_response.id for a in answers], [str(i) for i in range(200)])
        for i, answer in enumerate(answers):
            np.testing.assert_array_equal(arrays(answer.infer_response)["y"], 2 * (X + i) + 1)
        after = self.statistics("m")
        self.assertEqual(after.inference_count - before.inference_count, 200)
        self.assertLess(after.execution_count - before.execution_count, 200)

    def test_stream_quotes_long_names_as_valid_utf8(self):
        answers = list(self.stub.ModelStreamInfer(iter([infer_request("x" + "é" * 100, GOOD, raw=[X.tobytes()])])))
        self.assertIn("unknown model", answers[0].error_message)


class OpenSizes(ServerCase):
    """Of inputs whose sizes only the weights fix, on the default engine."""
    models = ("m", "product", "long")

    def test_inner_sizes_that_do_not_fit_are_refused(self):
        for rows, columns in ((1, 1), (4, 1), (1, 65), (3, 0), (2, 4096)):
            x = np.ones((rows, columns), np.float32)
            self.fails(lambda x=x: self.stub.ModelInfer(infer_request("product", [("x", "FP32", x.shape)], raw=[x.tobytes()])), "INVALID_ARGUMENT")
        for rows in (1, 2, 4, 2, 1):
            x = np.ones((rows, 64), np.float32)
            np.testing.assert_array_equal(
                arrays(self.stub.ModelInfer(infer_request("product", [("x", "FP32", x.shape)], raw=[x.tobytes()])))["y"], np.full((rows, 16), 64))
        self.still_serves()

    def test_integers_are_as_they_were_or_are_refused(self):
        for values in ([1, -2, 3], [2**31 - 1, -2**31, 0]):
            x = np.array([values], np.int64)
            np.testing.assert_array_equal(arrays(self.stub.ModelInfer(infer_request("long", [("x", "INT64", x.shape)], raw=[x.tobytes()])))["y"], x)
        for values in ([2**31, 0, 0], [0, -2**31 - 1, 0], [0, 0, 2**62]):
            x = np.array([values], np.int64)
            with self.subTest(values=values):
                try:
                    y = arrays(self.stub.ModelInfer(infer_request("long", [("x", "INT64", x.shape)], raw=[x.tobytes()])))["y"]
                except grpc.RpcError as error:
                    self.assertEqual(error.code().name, "INVALID_ARGUMENT")
                    self.assertIn("32 bits", error.details())
                else:  # an engine of 64 bits
                    np.testing.assert_array_equal(y, x)


class EncodedImages(ServerCase):
    models = ("m", "pixels")

    def request(self, codec, images, count=None, raw=None):
        joined = b"".join(struct.pack("<I", len(image)) + image for image in images) if raw is None else raw
        request = infer_request("pixels", [("x", "BYTES", [len(images) if count is None else count])], raw=[joined])
        request.inputs[0].parameters["codec"].string_param = codec
        return request

    def test_raw_pixels(self):
        pixels = np.random.default_rng(1).integers(0, 256, (2, 6, 5, 3), dtype=np.uint8)
        expected = ((pixels / 255 - np.array([0.5, 0.4, 0.3])) / np.array([0.2, 0.3, 0.4])).transpose(0, 3, 1, 2)
        out = arrays(self.stub.ModelInfer(self.request("raw", [image.tobytes() for image in pixels])))["y"]
        np.testing.assert_allclose(out, expected, atol=1e-5)
        typed = infer_request("pixels", [("x", "BYTES", [2], {"bytes_contents": [image.tobytes() for image in pixels]})])
        typed.inputs[0].parameters["codec"].string_param = "raw"
        np.testing.assert_array_equal(arrays(self.stub.ModelInfer(typed))["y"], out)

    def test_fault_18_bytes_that_lie(self):
        image = bytes(90)
        for request, text in (
            (self.request("raw", [], 1,
                          b"\x03\0\0\0a"), "incomplete string data for inference input 'x', expecting string of length 3 but only 1 bytes available"),
            (self.request("raw", [], 1, b"\xff\xff\xff\xff" + image), "expecting string of length 4294967295 but only 90 bytes"),
            (self.request("raw", [], 1, b"\x03\0"), "incomplete string data"),
            (self.request("raw", [image], 2), "expected 2 string elements for inference input 'x', got 1"),
            (self.request("raw", [image], 0), "string elements"),
            (self.request("raw", [], 0, b""), "no image"),
            (self.request("raw", [image[1:]]), "89"),
            (self.request("jpeg", [b"\xff\xd8\xff\xe0 no"]), "image 0 of the request"),
            (self.request("file", [b"no image"]), "image 0 of the request"),
            (self.request("gif", [image]), "codec 'gif'"),
        ):
            self.fails(lambda request=request: self.stub.ModelInfer(request), "INVALID_ARGUMENT", text)
        self.still_serves()

    def test_no_images_for_a_model_without_input_json(self):
        request = infer_request(inputs=[("x", "BYTES", [1])], raw=[b"\x01\0\0\0a"])
        request.inputs[0].parameters["codec"].string_param = "jpeg"
        self.fails(lambda: self.stub.ModelInfer(request), "INVALID_ARGUMENT", "input.json")


class Refusals(ServerCase):
    def refused(self, request, *texts, code="INVALID_ARGUMENT"):
        return self.fails(lambda: self.stub.ModelInfer(request), code, *texts)

    def tearDown(self):
        self.still_serves()

    def test_contents_and_raw(self):
        self.refused(infer_request(inputs=[("x", "FP32", [1, 2, 4], {"fp32_contents": X.ravel()})], raw=[X.tobytes()]),
                     "contents field must not be specified when using raw_input_contents for 'x' for model 'm'")

    def test_no_data(self):
        self.refused(infer_request(inputs=GOOD), "unable to find data for input tensor 'x' for model 'm' in request.")

    def test_raw_of_wrong_size(self):
        for size in (0, 12, 31, 33, 64):
            self.refused(infer_request(inputs=GOOD, raw=[bytes(size)], id="7"),
                         f"[request id: 7] input byte size mismatch for input 'x' for model 'm'. Expected 32, got {size}")

    def test_typed_of_wrong_count(self):
        for count in (0, 7, 9):
            self.refused(infer_request(inputs=[("x", "FP32", [1, 2, 4], {"fp32_contents": [1.0] * count})]), "Expected 32, got")

    def test_typed_in_the_wrong_field(self):
        self.refused(infer_request(inputs=[("x", "FP32", [1, 2, 4], {"fp64_contents": [1.0] * 8})]), "Expected 32, got 0")

    def test_more_raws_than_inputs(self):
        self.refused(infer_request(inputs=GOOD, raw=[X.tobytes(), b"abc"]), "raw_input_contents", "2")

    def test_unknown_model_or_version(self):
        for name in ("nope", "", "../m", "m\n", "x" * 5000):
            self.refused(infer_request(name, GOOD, raw=[X.tobytes()]), "Request for unknown model", "is not found", code="NOT_FOUND")
        self.refused(infer_request("nope", GOOD), "Request for unknown model: 'nope' is not found", code="NOT_FOUND")
        self.refused(infer_request(inputs=GOOD, model_version="9"), "'m' version 9 is not found", code="NOT_FOUND")
        self.refused(infer_request(inputs=GOOD, model_version="abc"), "failed to get model version from specified version string 'abc'")
        for version in ("-1", "99999999999999999999", "1x", " 1"):
            self.refused(infer_request(inputs=GOOD, raw=[X.tobytes()], model_version=version), "version")

    def test_unknown_input_or_output(self):
        self.refused(infer_request(inputs=[("q", "FP32", [1, 2, 4])], raw=[X.tobytes()]), "'q'", "for model 'm'")
        self.refused(infer_request(inputs=GOOD, raw=[X.tobytes()], outputs=["zz"]), "unexpected inference output 'zz'")

    def test_missing_inputs(self):
        self.refused(infer_request(), "expected 1 inputs but got 0 inputs for model 'm'. Got input(s) [], but missing required input(s) ['x']")
        self.refused(infer_request("pair", [("a", "FP32", [2, 3])], raw=[bytes(24)]), "expected 2 inputs but got 1 inputs", "['a']", "['b']")

    def test_datatype(self):
        for datatype in ("INT32", "FP64", "BYTES"):
            self.refused(infer_request(inputs=[("x", datatype, [1, 2, 4])], raw=[X.tobytes()]),
                         f"inference input 'x' data-type is '{datatype}', but model 'm' expects 'FP32'")
        for datatype in ("", "fp32", "FLOAT", "é" * 60):
            self.refused(infer_request(inputs=[("x", datatype, [1, 2, 4])], raw=[X.tobytes()]), "but model 'm' expects 'FP32'")

    def test_shape(self):
        for shape in ([1, 1, 5], [1, 4], [4], [1, 1, 1, 4]):
            self.refused(infer_request(inputs=[("x", "FP32", shape)], raw=[bytes(int(np.prod(shape)) * 4)]),
                         "unexpected shape for input 'x' for model 'm'. Expected [-1,-1,4], got [" + ",".join(map(str, shape)) + "]")
        self.refused(infer_request(inputs=[("x", "FP32", [])], raw=[bytes(4)]), "'x'", "shape")
        self.refused(infer_request("pair", [("a", "FP32", [3, 2]), ("b", "FP32", [2, 3])], raw=[bytes(24)] * 2), "Expected [2,3], got [3,2]")
        self.refused(infer_request(inputs=[("x", "FP32", [1] * 100000)], raw=[bytes(4)]), "unexpected shape")

    def test_negative_size(self):
        for shape in ([-1, 2, 4], [1, -1, 4], [1, -2**63, 4]):
            self.refused(infer_request(inputs=[("x", "FP32", shape)], raw=[X.tobytes()]), "All input dimensions should be specified")

    def test_batch_too_large(self):
        self.refused(infer_request(inputs=[("x", "FP32", [9, 1, 4])], raw=[bytes(144)]), "batch-size must be <= 8 for 'm'")

    def test_duplicates(self):
        self.refused(infer_request(inputs=GOOD * 2, raw=[X.tobytes()] * 2), "input 'x' already exists in request")
        self.refused(infer_request(inputs=GOOD, raw=[X.tobytes()], outputs=["y", "y"]), "output 'y' already exists in request")

    def test_sizes_that_overflow(self):
        for shape in ([1, 1 << 62, 4], [1, 1 << 60, 4], [1, 1 << 61, 4], [8, (1 << 63) - 1, 4], [1, 1 << 58, 4]):
            for raw in (b"", X.tobytes()):
                self.refused(infer_request(inputs=[("x", "FP32", shape)], raw=[raw]), "'x'")
            self.refused(infer_request(inputs=[("x", "FP32", shape, {"fp32_contents": []})]), "'x'")

    def test_reserved_parameter(self):
        request = infer_request(inputs=GOOD, raw=[X.tobytes()])
        request.parameters["triton_foo"].int64_param = 1
        self.refused(request, "parameter keys starting with 'triton_' are reserved")

    def test_too_large_message(self):
        # The default limit is 256 MiB; the client above lifts its own.
        self.refused(infer_request("wide", [("x", "FP32", [4, 1024, 1024])], raw=[bytes(257 << 20)]), code="RESOURCE_EXHAUSTED")

    def test_unknown_rpc_and_garbage(self):
        def plain(method):
            return self.channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)

        self.fails(lambda: plain("/inference.GRPCInferenceService/Nothing")(b""), "UNIMPLEMENTED")
        self.fails(lambda: plain("/other.Service/ModelInfer")(b""), "UNIMPLEMENTED")
        garbage = b"\xff\xff\xff garbage"
        self.fails(lambda: plain("/inference.GRPCInferenceService/ModelInfer")(garbage), "INTERNAL")
        with self.assertRaises(grpc.RpcError):  # gRPC's own code for it, which depends on its version
            plain("/inference.GRPCInferenceService/ModelMetadata")(garbage)

    def test_bytes_off_the_wire_never_end_the_server(self):
        """Mutations of a good request, as bytes: each is answered, with a result or a status that blames the request."""
        good = infer_request(inputs=GOOD, raw=[X.tobytes()], outputs=["y"], id="1").SerializeToString()
        call = self.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", request_serializer=bytes,
                                        response_deserializer=pb.ModelInferResponse.FromString)
        rng = np.random.default_rng(11)
        codes = set()
        for _ in range(400):
            data = bytearray(good)
            for _ in range(rng.integers(1, 5)):
                data[rng.integers(len(data))] = rng.integers(256)
            try:
                call(bytes(data[:rng.integers(1, len(data) + 1)] if rng.random() < 0.3 else data))
                codes.add("OK")
            except grpc.RpcError as error:
                codes.add(error.code().name)
        self.assertLessEqual(codes, {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "INTERNAL"})
        self.assertGreater(len(codes), 2)


if __name__ == "__main__":
    main("__main__")
