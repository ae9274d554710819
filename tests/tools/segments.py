#!/usr/bin/env python3
"""segments: print the sizes of the IP packets with TCP or UDP data to a port, as they cross an interface.

    segments.py INTERFACE PORT SECONDS READY_FILE

READY_FILE is made when it listens. It ends when for SECONDS nothing came after the first packet (or a minute).
"""
import socket
import struct
import sys
import time


def data_of(packet, port):
    """The packet's size if it carries data to the port, else None."""
    if packet[0] >> 4 == 4:
        head, protocol, whole = (packet[0] & 15) * 4, packet[9], struct.unpack("!H", packet[2:4])[0]
    else:
        head, protocol, whole = 40, packet[6], 40 + struct.unpack("!H", packet[4:6])[0]
    if protocol not in (6, 17) or struct.unpack("!H", packet[head + 2:head + 4])[0] != port:
        return None
    inner = (packet[head + 12] >> 4) * 4 if protocol == 6 else 8
    return whole if whole > head + inner else None


def main():
    interface, port, quiet, ready = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    s.bind((interface, 0))
    s.settimeout(0.05)
    open(ready, "w").close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            packet, where = s.recvfrom(70000)
        except socket.timeout:
            continue
        if where[2] == socket.PACKET_OUTGOING or where[1] not in (0x0800, 0x86DD):
            continue
        size = data_of(packet, port)
        if size:
            print(size, flush=True)
            end = time.monotonic() + quiet


main()
