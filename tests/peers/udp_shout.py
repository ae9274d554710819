#!/usr/bin/python3
"""Announcements to the local network, on lo, for tests.

    udp_shout.py probe           status 0 if multicast works on lo
    udp_shout.py good [PORT]     one good announcement (to 127.0.0.1:PORT instead of the group)
    udp_shout.py second          another one, of somebody else
    udp_shout.py bad             many that are not
    udp_shout.py key [second]    the key of the good ones
    udp_shout.py hear INTERFACE  wait for an IPv6 announcement, say how many hops it might go
    udp_shout.py badkeys         the keys that the bad ones claim
"""

import json
import os
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import udp_wire as wire  # noqa: E402
from vault1_keys import to_text  # noqa: E402

GROUP, GROUP6, PORT = "239.255.86.85", "ff02::5655", 11011
CAPS = ["announce"]


def person(n):
    return wire.SignKeys(bytes([n]) * 32)


def text_of(n):
    return to_text("vk1", person(n).public)


def sender():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    return sock


def fields(n, ts=None, port=5555, caps=tuple(CAPS)):
    ts = int(time.time() * 1000) if ts is None else ts
    return wire.native_key_fields(wire.BoxKeys(bytes([n]) * 32).public, person(n), port, ts, b"12345678", b"", caps)


def datagram(control):
    return wire.pack_map(k=json.dumps(control).encode(), size=1200)


def bad():
    now = int(time.time() * 1000)
    yield os.urandom(1200)
    yield b""
    yield b"\x91" * 1200
    yield datagram({**fields(10), "sig2": wire.b64(bytes(64))})
    yield datagram({**fields(11), "port": 80})
    yield datagram({**fields(12), "caps": ["announce", "\x1b[31mred"]})
    yield datagram(fields(13, ts=now - 3600000))
    yield datagram(fields(14, ts=now + 3600000))
    yield datagram(fields(15, caps=["native"]))
    yield datagram({k: v for k, v in fields(16).items() if k not in ("sig2", "ts", "sid", "to", "caps")})
    yield wire.pack_map(k=b"[" * 1000, size=1200)
    for point in wire.LOW_ORDER:
        yield datagram(wire.native_key_fields(point, person(17), 5555, now, b"12345678", b"", CAPS))


def probe():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((GROUP, 0))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
        socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1"))
    sock.settimeout(1)
    sender().sendto(b"x", (GROUP, sock.getsockname()[1]))
    return sock.recv(10) == b"x"


def hear(interface):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((GROUP6, PORT, 0, socket.if_nametoindex(interface)))
    where = struct.pack("@I", socket.if_nametoindex(interface))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, GROUP6) + where)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    _, extra, _, _ = sock.recvmsg(2000, 100)
    print("hops %d" % struct.unpack("@i", extra[0][2]), flush=True)


def main():
    what, *rest = sys.argv[1:]
    if what == "probe":
        try:
            return 0 if probe() else 1
        except OSError:
            return 1
    elif what == "good":
        sender().sendto(datagram(fields(1)), ("127.0.0.1", int(rest[0])) if rest else (GROUP, PORT))
    elif what == "second":
        sender().sendto(datagram(fields(2)), (GROUP, PORT))
    elif what == "bad":
        sock = sender()
        for data in bad():
            sock.sendto(data, (GROUP, PORT))
    elif what == "key":
        print(text_of(2 if rest else 1))
    elif what == "hear":
        hear(rest[0])
    elif what == "badkeys":
        print("\n".join(text_of(n) for n in range(10, 18)))
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
