#!/usr/bin/env python3
"""sessions: run many short sessions side by side and say how each one ended.

sessions.py [-j PARALLEL] [-t SECONDS] < JOBS > RESULTS

A job is one JSON object a line; all members are optional:
  id                      comes back in the result
  at                      "127.0.0.1", "::1" or "unix"; by default an address of the job's own among 127.0.0.0/8 (where the
                          system has them), so that nobody who comes late to a port that was freed comes to another job
  listen, connect         more arguments of vault-listen and vault-connect; {dir} is an empty directory of that side,
                          {file} a place in it for -o
  listen_in, connect_in   standard input: a file's path, "pipe:PATH" (through a pipe), or "null" (default)
  relay                   arguments of relay, which then stands between the two
  kill                    {"side": "listen" or "connect", "of": the same, "after": N}: kill -9 one side once the standard
                          output of one has N bytes
The result, one JSON object a line: id, job, seconds, relay (its report) and for listen and connect
  status                  the exit status; 128+n for signal n; "hung" if it had to be killed at the deadline
  lines                   what it said on standard error
  got, match              bytes on standard output, and how they compare to the other side's input:
                          "equal", "prefix" (really shorter) or "other"
  file                    the same of {file}: null if it does not exist, else "equal", "prefix" or "other"
  left                    what else is in {dir}
VT_BIN, VT_BUILD, VT_WRAP and VT_SLOW are those of the Makefile.
"""
import argparse
import concurrent.futures
import itertools
import json
import os
import random
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BIN = os.environ["VT_BIN"]
BUILD = os.environ["VT_BUILD"]
WRAP = os.environ.get("VT_WRAP", "").split()
SLOW = int(os.environ.get("VT_SLOW", "1"))
BLOCK = 1 << 20


def compare(path, expected):
    """How the bytes of one file relate to those that were sent."""
    if os.path.getsize(path) > os.path.getsize(expected):
        return "other"
    with open(path, "rb") as a, open(expected, "rb") as b:
        while True:
            got = a.read(BLOCK)
            want = b.read(BLOCK)
            if got != want[: len(got)]:
                return "other"
            if len(got) < BLOCK:
                return "equal" if len(got) == len(want) else "prefix"


def read_line(fd, until):
    """One line from a pipe; "" if it ends or the time is over before."""
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([fd], [], [], max(0, until - time.monotonic()))[0]:
            return ""
        piece = os.read(fd, 4096)
        if not piece:
            return ""
        line += piece
    return line.decode()


class Side:
    """vault-listen or vault-connect in one session."""

    def __init__(self, top, name, job):
        self.name = name
        self.dir = os.path.join(top, name)
        self.file = os.path.join(self.dir, "file")
        self.out = os.path.join(top, name + ".out")
        self.err = os.path.join(top, name + ".err")
        self.feeder = None
        self.process = None
        self.args = [a.replace("{dir}", self.dir).replace("{file}", self.file) for a in job.get(name, [])]
        self.input = job.get(name + "_in", "null")
        os.mkdir(self.dir)

    def source(self):
        """The file whose bytes this side sends."""
        return "/dev/null" if self.input == "null" else self.input.removeprefix("pipe:")

    def start(self, more, pass_fds=()):
        if self.input.startswith("pipe:"):
            self.feeder = subprocess.Popen(["cat", self.source()], stdout=subprocess.PIPE)
            stdin = self.feeder.stdout
        else:
            stdin = open(self.source(), "rb")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                WRAP + [os.path.join(BIN, "vault-" + self.name)] + self.args + more,
                stdin=stdin, stdout=out, stderr=err, pass_fds=pass_fds)
        stdin.close()

    def end(self, until):
        """The exit status, waited for until the deadline."""
        if not self.process:
            return "not started"
        try:
            status = self.process.wait(max(0.01, until - time.monotonic()))
            status = 128 - status if status < 0 else status
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "hung"
        if self.feeder:
            self.feeder.kill()
            self.feeder.wait()
        return status

    def result(self, status, expected):
        if status == "not started":
            return {"status": status}
        with open(self.err, encoding="utf-8", errors="replace") as err:
            lines = err.read().splitlines()
        return {
            "status": status,
            "lines": lines,
            "got": os.path.getsize(self.out),
            "match": compare(self.out, expected),
            "file": compare(self.file, expected) if os.path.exists(self.file) else None,
            "left": [n for n in os.listdir(self.dir) if n != "file"],
        }


def own_addresses():
    """One for each job, 127.0.0.1 where that is all there is."""
    begin = random.SystemRandom().randrange(1 << 16, (1 << 24) - (1 << 16))
    for n in itertools.count(begin):
        address = "127.%d.%d.%d" % (n >> 16 & 255, n >> 8 & 255, n & 255)
        try:
            with socket.socket() as s:
                s.bind((address, 0))
        except OSError:
            address = "127.0.0.1"
        yield address


def start_listener(side, top, at, until):
    """Start it; where it really listens as a connect address, or None."""
    where = [os.path.join(top, "socket")] if at == "unix" else [at, "0"]
    ready, theirs = os.pipe()
    side.start(["--ready-fd", str(theirs)] + where, (theirs,))
    os.close(theirs)
    line = read_line(ready, until)
    os.close(ready)
    if not line:
        return None
    said = json.loads(line)
    return [said["path"]] if at == "unix" else [said["address"], str(said["port"])]


def start_relay(job, at, to, report, until):
    """Start it; the process and where it listens."""
    at = at if at.startswith("127.") else "127.0.0.1"
    target = to[0] if len(to) == 1 else ("[%s]:%s" if ":" in to[0] else "%s:%s") % tuple(to)
    process = subprocess.Popen(
        [os.path.join(BUILD, "tests", "relay"), "--to", target, "--report", report, "--port-only", "--listen", at] + job["relay"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    line = read_line(process.stdout.fileno(), until)
    process.stdout.close()
    return process, [at, line.strip()]


def kill_one(kill, sides, until):
    """Wait until enough was received, then kill -9; whether it came to that."""
    victim = sides[kill["side"]]
    while time.monotonic() < until and victim.process.poll() is None:
        if os.path.getsize(sides[kill["of"]].out) >= kill["after"]:
            victim.process.kill()
            return True
        time.sleep(0.0005)
    return False


def end_relay(relay):
    """Nobody is left to relay for: have it report now, also in the middle of a silence."""
    while relay.poll() is None:
        relay.terminate()
        try:
            relay.wait(0.1)
        except subprocess.TimeoutExpired:
            pass


def run_in(top, job, at, until):
    listen, connect = Side(top, "listen", job), Side(top, "connect", job)
    relay, killed = None, None
    to = start_listener(listen, top, at, until)
    if to and "relay" in job:
        relay, to = start_relay(job, at, to, os.path.join(top, "report"), until)
    if to:
        connect.start(to)
    if to and "kill" in job:
        killed = kill_one(job["kill"], {"listen": listen, "connect": connect}, until)
    connect_status, listen_status = connect.end(until), listen.end(until)
    result = {
        "listen": listen.result(listen_status, connect.source()),
        "connect": connect.result(connect_status, listen.source()),
    }
    if killed is not None:
        result["killed"] = killed
    if relay:
        end_relay(relay)
        with open(os.path.join(top, "report"), encoding="ascii") as report:
            result["relay"] = json.load(report)
    return result


def run(job, own, seconds):
    start = time.monotonic()
    top = tempfile.mkdtemp(prefix="s", dir=".")
    try:
        result = run_in(os.path.abspath(top), job, job.get("at", own), start + seconds)
    finally:
        shutil.rmtree(top)
    return {"id": job.get("id"), "job": job, "seconds": round(time.monotonic() - start, 3), **result}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-j", type=int, default=4, dest="parallel")
    parser.add_argument("-t", type=float, default=20, dest="seconds")
    args = parser.parse_args()
    jobs = [json.loads(line) for line in sys.stdin if line.strip()]
    with concurrent.futures.ThreadPoolExecutor(args.parallel) as pool:
        for result in pool.map(lambda job, own: run(job, own, args.seconds * SLOW), jobs, own_addresses()):
            print(json.dumps(result))


if __name__ == "__main__":
    main()
