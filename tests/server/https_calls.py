"""HttpCase by TLS: both ends show certificates of one authority."""

import http.client
import ssl
import tempfile

import certificates
from calls import LARGEST, grpc, pb_grpc, triton
from http_calls import HttpCase, triton_http


def context_of(plant, name=None, **settings):
    """A client's: who it is, and whom it trusts."""
    context = ssl.create_default_context(cafile=plant.ca)
    if name:
        context.load_cert_chain(plant.folder / f"{name}.pem", plant.folder / f"{name}.key")
    for setting, value in settings.items():
        setattr(context, setting, value)
    return context


class Secured(HttpCase):
    """The calls of HttpCase, with certificates."""
    @classmethod
    def setUpClass(cls):
        cls.secrets = tempfile.TemporaryDirectory(prefix="https-test-")
        cls.plant = certificates.Authority(cls.secrets.name)
        for name in ("edge", "dev1"):
            cls.plant.issue(name)
        cls.context = context_of(cls.plant, "dev1")
        cls.words = (*cls.words, *cls.plant.options("edge"))
        super().setUpClass()
        ca, certificate, key = (str(cls.plant.folder / name) for name in ("ca.pem", "dev1.pem", "dev1.key"))
        for plain in (cls.client, cls.channel, cls.web):
            plain.close()
        cls.client = triton.InferenceServerClient(cls.address, ssl=True, root_certificates=ca, private_key=key, certificate_chain=certificate)
        cls.channel = grpc.secure_channel(cls.address, cls.plant.credentials("dev1"), LARGEST)
        cls.stub = pb_grpc.GRPCInferenceServiceStub(cls.channel)
        cls.web = triton_http.InferenceServerClient(cls.http_address, concurrency=4, ssl=True,
                                                    ssl_options={"ca_certs": ca, "certfile": certificate, "keyfile": key})

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.secrets.cleanup()

    def connection(self, target, port):
        if target == "/metrics":
            return super().connection(target, port)
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=self.context)

    def raw(self, data=b"", seconds=60, port=None):
        connection = self.context.wrap_socket(super().raw(seconds=seconds, port=port), server_hostname="127.0.0.1")
        connection.sendall(data)
        return connection

    def all_of(self, connection):
        try:
            return super().all_of(connection)
        except ssl.SSLError:
            connection.close()
            return b""
