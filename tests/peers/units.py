#!/usr/bin/python3
"""Messages in streams of bytes, written down apart from lib/proto: a line, up to a zero byte, behind a length of 4 bytes.

    units.py make FRAMING SIZE...   messages of these sizes, always the same, as units
    units.py show FRAMING           a line "SIZE DIGEST" for each unit of standard input
"""

import hashlib
import struct
import sys

ENDS = {"lines": b"\n", "nul": b"\0"}


def unit(framing, message):
    if framing == "u32":
        return struct.pack(">I", len(message)) + message
    if ENDS[framing] in message:
        raise ValueError("the message holds what would end it")
    return message + ENDS[framing]


def take(framing, data):
    """(message, the rest), or None if its end is not there."""
    if framing in ENDS:
        message, end, rest = data.partition(ENDS[framing])
        return (message, rest) if end else None
    if len(data) < 4:
        return None
    end = 4 + struct.unpack(">I", data[:4])[0]
    return (data[4:end], data[end:]) if len(data) >= end else None


def split(framing, data):
    """All messages. What has no end is an error: nobody here is to write such a thing."""
    found = []
    while data:
        one = take(framing, data)
        if one is None:
            raise SystemExit("units.py: %d bytes without an end" % len(data))
        found.append(one[0])
        data = one[1]
    return found


def message(size, number):
    """Every byte but the delimiters; another one for each number."""
    block = bytes(b for b in range(256) if b not in (0, 10))
    start = number * 41 % len(block)
    return ((block[start:] + block[:start]) * (size // len(block) + 1))[:size]


def main(argv):
    framing = argv[1]
    if argv[0] == "make":
        for number, size in enumerate(argv[2:]):
            sys.stdout.buffer.write(unit(framing, message(int(size), number)))
        return 0
    for one in split(framing, sys.stdin.buffer.read()):
        print(len(one), hashlib.sha256(one).hexdigest()[:16])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
