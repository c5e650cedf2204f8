"""Load for a soak, and what it leaves behind in the server: soak_load.py GRPC_PORT HTTP_PORT METRICS_PORT REQUESTS
RECONNECTS sends requests over gRPC (calls and streams) and HTTP while callers come, ask and go, most of them without
manners; prints what was done as JSON. `Watched` reads a process's memory and descriptors."""

import asyncio
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import time

import peers

MB = 1e6
HOST = "127.0.0.1"
ADDRESSES = 250  # that callers over HTTP come from: to the server each is somebody else
CALLS, STREAMS, WEB = 8, 2, 4  # at once
SHARE_OF = {"calls": 0.6, "streams": 0.2, "web": 0.2}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # and empty settings
HALF_HEADERS = b"\0\1\0\1\4\0\0\0\1" + b"\x82\x86"  # of 256 bytes the first two


class Watched:
    """What a process holds, once it is at rest."""
    def __init__(self, pid):
        self.pid = pid

    def look(self):
        fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines())
        descriptors = [os.readlink(link) if link.is_symlink() else "" for link in list(pathlib.Path(f"/proc/{self.pid}/fd").iterdir())]
        return {
            "anonymous_mb": int(fields["RssAnon"].split()[0]) * 1024 / MB, "threads": int(fields["Threads"]), "descriptors": len(descriptors),
            "sockets": sum(link.startswith("socket:") for link in descriptors)
        }

    def at_rest(self, sockets=None, seconds=30):
        """When no more than so many sockets are open; after `seconds` whatever there is."""
        end = time.time() + seconds
        while sockets is not None and self.look()["sockets"] > sockets and time.time() < end:
            time.sleep(0.2)
        time.sleep(6)  # a server gives back what a burst left free after two looks, of two seconds each, at which nobody asked
        return self.look()


def apply(ports, requests, reconnects):
    """Runs this file as a process of its own; what was done."""
    done = subprocess.run([sys.executable, __file__, *map(str, (*ports, requests, reconnects))], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def make_models(folder):
    """One tiny model, and rules under which each caller is counted by its address."""
    peers.make_repository(folder / "models")
    for model in (folder / "models").iterdir():
        if model.name != "steady":
            shutil.rmtree(model)
    rule = {"identities": ["*"], "models": ["*"], "requests_per_second": 1e6, "burst": 1e6, "in_flight": 1000}
    (folder / "access.json").write_text(json.dumps({"schema": "scissionlite.access/1", "rules": [rule]}))


def serve(program, folder):
    return peers.Serve(program, folder / "models", "--engine", "native", "--threads", 1, "--access", folder / "access.json")


def soak(server, requests, reconnects, parts, told=lambda part, look: None):
    """`server` is a peers.Serve with HTTP and metrics. Looks at it before, and after each part; what was done in all."""
    ports = (server.port, server.event["http_port"], server.event["metrics_port"])
    watched, looks, done = Watched(server.process.pid), [], {}
    looks.append(watched.at_rest())
    for part in range(parts):
        for key, count in apply(ports, requests // parts, reconnects // parts).items():
            done[key] = done.get(key, 0) + count
        looks.append(watched.at_rest(sockets=looks[0]["sockets"]))
        told(part + 1, looks[-1])
    return looks, done


class Load:
    def __init__(self, grpc_port, http_port, metrics_port, requests, reconnects):
        import numpy as np
        from calls import infer_request
        self.grpc_port, self.http_port, self.metrics_port, self.reconnects_left = grpc_port, http_port, metrics_port, reconnects
        x = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
        self.request = infer_request("steady", [("x", "FP32", x.shape)], raw=[x.tobytes()])
        self.message, self.answer = self.request.SerializeToString(), (2 * x + 1).tobytes()
        head = json.dumps({
            "inputs": [{"name": "x", "shape": [1, 2, 4], "datatype": "FP32", "parameters": {"binary_data_size": 32}}],
            "parameters": {"binary_data_output": True}
        }).encode()
        self.web_request = (
            f"POST /v2/models/steady/infer HTTP/1.1\r\nHost: s\r\nInference-Header-Content-Length: {len(head)}\r\nContent-Length: {len(head) + 32}\r\n\r\n"
        ).encode() + head + x.tobytes()
        self.left = {kind: round(requests * share) for kind, share in SHARE_OF.items()}
        self.left["calls"] += requests - sum(self.left.values())
        self.done = {"requests": 0, "reconnects": 0}

    def take(self, kind):
        self.left[kind] -= 1
        return self.left[kind] >= 0

    def check(self, answer):
        if self.answer not in answer:
            raise AssertionError(f"a wrong answer: {answer!r}")
        self.done["requests"] += 1

    async def calls(self, channel):
        ask = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        while self.take("calls"):
            self.check(await ask(self.message))

    async def streams(self, channel):
        stream = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")()
        while self.take("streams"):
            await stream.write(self.message)
            self.check(await stream.read())
        await stream.done_writing()

    async def web(self):
        reader, writer = await asyncio.open_connection(HOST, self.http_port)
        while self.take("web"):
            writer.write(self.web_request)
            self.check(await self.body(reader))
        writer.close()

    @staticmethod
    async def body(reader):
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(f"refused: {head!r}")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await reader.readexactly(length)

    async def connect(self, port, number):
        return await asyncio.open_connection(HOST, port, local_addr=(f"127.0.1.{1 + number % ADDRESSES}", 0))

    @staticmethod
    def reset(writer):
        """As a machine that lost its power: no farewell."""
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    def channel(self):
        import grpc
        return grpc.aio.insecure_channel(f"{HOST}:{self.grpc_port}", options=[("grpc.use_local_subchannel_pool", 1)])

    async def come_ask_and_go(self, number):
        async with self.channel() as channel:
            self.check(await channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(self.message))

    async def go_before_the_answer(self, number):
        channel = self.channel()
        await channel.channel_ready()
        waiting = [
            asyncio.ensure_future(channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(self.message).wait_for_connection())
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        await channel.close(None)
        await asyncio.gather(*waiting, return_exceptions=True)

    async def ask_over_http_and_go(self, number):
        reader, writer = await self.connect(self.http_port, number)
        writer.write(self.web_request)
        self.check(await self.body(reader))
        writer.close()

    async def scrape(self, number):
        reader, writer = await self.connect(self.metrics_port, number)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: s\r\n\r\n")
        if b"nv_inference_count" not in await self.body(reader):
            raise AssertionError("metrics without nv_inference_count")
        writer.close()

    async def leave_half(self, port, data, number, resets):
        _, writer = await self.connect(port, number)
        writer.write(data)
        await writer.drain()
        if number % 3 == 0:
            await asyncio.sleep(0.002)
        self.reset(writer) if resets else writer.close()

    async def come_and_go(self):
        half = self.web_request[:len(self.web_request) - 7]
        kinds = [
            self.come_ask_and_go, self.ask_over_http_and_go, self.scrape, self.go_before_the_answer,
            lambda n: self.leave_half(self.http_port, self.web_request, n, True),
            lambda n: self.leave_half(self.http_port, self.web_request[:40], n, False), lambda n: self.leave_half(self.http_port, half, n, True),
            lambda n: self.leave_half(self.grpc_port, PREFACE + HALF_HEADERS, n, True),
            lambda n: self.leave_half(self.grpc_port, PREFACE[:9], n, False),
            lambda n: self.leave_half(self.metrics_port, b"GET /metrics HTTP/1.1\r\nHost: s\r\n\r\n", n, True)
        ]
        while self.reconnects_left > 0:
            self.reconnects_left -= 1
            number = self.reconnects_left
            await asyncio.wait_for(kinds[number % len(kinds)](number // len(kinds)), 60)
            self.done["reconnects"] += 1

    async def run(self):
        async with self.channel() as channel:
            await asyncio.gather(*(self.calls(channel) for _ in range(CALLS)), *(self.streams(channel) for _ in range(STREAMS)),
                                 *(self.web() for _ in range(WEB)), self.come_and_go(), self.come_and_go())
        return self.done


if __name__ == "__main__":
    peers.enter_venv()
    print(json.dumps(asyncio.run(Load(*map(int, sys.argv[1:6])).run())))
