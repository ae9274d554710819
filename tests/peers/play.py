#!/usr/bin/python3
"""Many sessions between vault1_peer.py and the tools, a few at a time: play.py < JOBS > RESULTS.

A job is a JSON line: {"id": ..., "role": "i" or "r" (the peer's), "tool": [options of our tool],
"peer": [options of the peer], "input": FILE for our tool, "limit": SECONDS}. A result is the job with "status",
"out" (FILE that holds our tool's output), "err" (its stderr), "peer_status", "report" (the peer's, or null), "ms".
Status 124: our tool had to be killed. Environment: VT_BIN, VT_WRAP, VT_SLOW; sockets and files go to the current
directory.
"""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import vault1_peer  # noqa: E402

SLOW = int(os.environ.get("VT_SLOW", "1"))
WRAP = shlex.split(os.environ.get("VT_WRAP", ""))
BIN = os.environ["VT_BIN"]
AT_ONCE = 6


class Tool:
    """One of our tools under way."""

    def __init__(self, job, n, name, first, last):
        self.out = "out.%d" % n
        self.err = "err.%d" % n
        self.limit = job.get("limit", 15) * SLOW
        with open(self.out, "wb") as out, open(self.err, "wb") as err, open(job.get("input", "/dev/null"), "rb") as given:
            self.began = time.monotonic()
            self.run = subprocess.Popen(WRAP + [os.path.join(BIN, name)] + first + job["tool"] + last, stdin=given,
                                        stdout=out, stderr=err, pass_fds=[int(f) for f in first[1::2]])

    def end(self):
        try:
            status = self.run.wait(max(0.1, self.began + self.limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.run.kill()
            self.run.wait()
            status = 124
        with open(self.err, "rb") as f:
            err = f.read().decode("utf-8", "backslashreplace")
        return {"status": status if status >= 0 else 128 - status, "out": self.out, "err": err,
                "ms": int(1000 * (time.monotonic() - self.began))}


def peer_run(words):
    args = vault1_peer.parse(words)
    keys = vault1_peer.Keys(vault1_peer.Identity(args.identity),
                            vault1_peer.read_psk(args.psk_file) if args.psk_file else None,
                            vault1_peer.x_public(args.remote_key) if args.remote_key else None)
    return vault1_peer.connect(args, keys) if args.command == "connect" else vault1_peer.listen(args, keys)


def wait_line(fd):
    text = b""
    while not text.endswith(b"\n"):
        piece = os.read(fd, 4096)
        if not piece:
            raise RuntimeError("our listener did not come up")
        text += piece


def as_initiator(job, n, at, common, pool):
    r, w = os.pipe()
    os.set_inheritable(w, True)
    tool = Tool(job, n, "vault-listen", ["--ready-fd", str(w)], [at])
    os.close(w)
    try:
        wait_line(r)
    finally:
        os.close(r)
    return tool, pool.submit(peer_run, ["connect", at] + common)


def as_responder(job, n, at, common, pool):
    r, w = os.pipe()
    peer = pool.submit(peer_run, ["listen", "--unix", at, "--ready-fd", str(w)] + common)
    wait_line(r)
    os.close(r)
    return Tool(job, n, "vault-connect", [], [at]), peer


def play(n, job, pool):
    at = os.path.join(os.getcwd(), "peer.%d" % n)
    report = "report.%d" % n
    common = ["--quiet", "--json", report, "--timeout", str(job.get("limit", 15) * SLOW)] + job["peer"]
    tool, peer = (as_initiator if job["role"] == "i" else as_responder)(job, n, at, common, pool)
    result = dict(job, report=None, **tool.end())
    result["peer_status"] = peer.result()
    if os.path.exists(report):
        with open(report, encoding="utf-8") as f:
            result["report"] = json.load(f)
    return result


def main():
    jobs = [json.loads(line) for line in sys.stdin]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool, concurrent.futures.ThreadPoolExecutor() as peers:
        for done in [pool.submit(play, n, job, peers) for n, job in enumerate(jobs)]:
            print(json.dumps(done.result()), flush=True)


if __name__ == "__main__":
    main()
