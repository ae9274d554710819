#!/usr/bin/python3
"""densetext: write UTF-8 text without line ends that zstd does not make smaller.

    densetext.py BYTES FILE

Lengths of characters are drawn as often as makes the most texts of that many bytes possible: 7.18 bits a byte, and the
table of a Huffman code takes the rest.
"""
import random
import sys

import zstandard

GROWTH = 145.0  # the root of x^4 = 128 x^3 + 1920 x^2 + 61440 x + 1048576
WEIGHTS = [128 / GROWTH, 1920 / GROWTH ** 2, 61440 / GROWTH ** 3, 1048576 / GROWTH ** 4]
FIRST, LAST = (0x01, 0x80, 0x800, 0x10000), (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)


def dense(size, rng):
    out = b""
    while len(out) < size:
        length = rng.choices((1, 2, 3, 4), WEIGHTS)[0]
        if length > size - len(out):
            length = 1
        c = rng.randint(FIRST[length - 1], LAST[length - 1])
        if c != 0x0A and not 0xD800 <= c < 0xE000:
            out += chr(c).encode()
    return out


def main():
    size, path = int(sys.argv[1]), sys.argv[2]
    for seed in range(100):
        text = dense(size, random.Random(seed))
        if all(len(zstandard.ZstdCompressor(level=level).compress(text)) >= size for level in (1, 3, 19)):
            with open(path, "wb") as f:
                f.write(text)
            return
    sys.exit("zstd makes all of them smaller")


main()
