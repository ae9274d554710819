"""The zstd stream of vault/1 records: several frames, and pieces that are longer than a record."""
import zstandard

WINDOW_LOG = 20


class Squash:
    """frame: pieces to a frame, with another level each; 0 is one frame for all. cut: longest body."""

    def __init__(self, frame=0, cut=65518):
        self.frame, self.cut = frame, cut
        self.level, self.pieces, self.stream = 1, 0, None

    def bodies(self, plain):
        if self.stream is None:
            parameters = zstandard.ZstdCompressionParameters.from_level(self.level, window_log=WINDOW_LOG)
            self.stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        out = self.stream.compress(plain)
        self.pieces += 1
        if self.frame and self.pieces % self.frame == 0:
            out += self.stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)
            self.stream, self.level = None, self.level % 19 + 1
        else:
            out += self.stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        return [out[at:at + self.cut] for at in range(0, len(out), self.cut)]


class Unsquash:
    def __init__(self):
        self.stream, self.frames = None, 0

    def decompress(self, data):
        plain = b""
        while data:
            if self.stream is None:
                self.stream = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG).decompressobj()
                self.frames += 1
            plain += self.stream.decompress(data)
            data = b""
            if self.stream.eof:
                data, self.stream = self.stream.unused_data, None
        return plain
