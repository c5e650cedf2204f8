"""gRPC calls whose callers never read the answer, by HTTP/2 frames: a window of nothing is one that no client library offers."""
import socket
import struct
import threading

DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
ACK = END_STREAM = 1
END_HEADERS, INITIAL_WINDOW_SIZE = 4, 4
WINDOW = 65535  # of a new connection, and of each of its streams
FRAME = 16384


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value  # as it is, in no table


class UnreadCalls:
    """A connection with calls of up to 64 KB each, whose answers may have no byte of body."""
    def __init__(self, address, method):
        host, port = address.rsplit(":", 1)
        fields = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", method.encode()), (b":authority", b"edge"),
                  (b"content-type", b"application/grpc"), (b"te", b"trailers"))
        self.headers = b"".join(field(*one) for one in fields)
        self.window, self.stream, self.answers = WINDOW, 1, 0
        self.changed, self.sending = threading.Condition(), threading.Lock()
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 0)))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def send(self, data):
        with self.sending:
            self.socket.sendall(data)

    def read(self):
        source = self.socket.makefile("rb")
        while len(head := source.read(9)) == 9:
            payload = source.read(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
            with self.changed:
                if kind == WINDOW_UPDATE and stream == 0:
                    self.window += int.from_bytes(payload, "big")
                self.answers += kind == HEADERS
                self.changed.notify_all()

    def call(self, message):
        """Sends one; its answer's fields may come, nothing else."""
        data = b"\0" + struct.pack(">I", len(message)) + message
        assert len(data) <= WINDOW
        self.send(frame(HEADERS, END_HEADERS, self.stream, self.headers))
        for at in range(0, len(data), FRAME):
            part = data[at:at + FRAME]
            with self.changed:
                assert self.changed.wait_for(lambda part=part: self.window >= len(part), 60), "the server takes no more"
                self.window -= len(part)
            self.send(frame(DATA, END_STREAM if at + FRAME >= len(data) else 0, self.stream, part))
        self.stream += 2

    def wait_for_answers(self, count, seconds=60):
        with self.changed:
            return self.changed.wait_for(lambda: self.answers >= count, seconds)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.reader.join(60)
        self.socket.close()
