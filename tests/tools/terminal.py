#!/usr/bin/env python3
"""A person at a terminal: terminal.py 'EXPECTED=>TYPED' ... -- COMMAND...

Runs COMMAND on a pseudo-terminal of its own, waits for each EXPECTED text in turn and types TYPED and a line end
(or, for ^C and ^Z, that key). Prints all that the terminal showed, then, as the last line, 'status=N echo=on|off':
how the command ended, and whether the terminal shows what is typed at its end. After ^Z the command is continued."""
import fcntl
import os
import pty
import select
import signal
import sys
import termios
import time

LIMIT = 30 * float(os.environ.get("VT_SLOW", "1"))


def echo(fd):
    return "on" if termios.tcgetattr(fd)[3] & termios.ECHO else "off"


def lead(slave, told, command):
    """The leader of the terminal's session, as a shell is: runs the command in the foreground, and continues it."""
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(slave, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        for n in range(3):
            os.dup2(slave, n)
        os.execvp(command[0], command)
    while True:
        _, how = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(how):
            break
        os.write(told, b"[stopped echo=%s]" % echo(slave).encode())
        os.kill(pid, signal.SIGCONT)
    os.write(told, b"status=%d echo=%s" % (os.waitstatus_to_exitcode(how), echo(slave).encode()))
    os._exit(0)


def main():
    at = sys.argv.index("--")
    steps = [a.split("=>", 1) for a in sys.argv[1:at]]
    master, slave = pty.openpty()
    tell, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        lead(slave, told, sys.argv[at + 1:])
    os.close(told)
    shown, seen, notes, end = b"", 0, b"", time.monotonic() + LIMIT
    while b"status=" not in notes and time.monotonic() < end:
        for fd in select.select([master, tell], [], [], 0.02)[0]:
            if fd == master:
                shown += os.read(master, 4096)
            else:
                notes += os.read(tell, 4096)
        if steps and steps[0][0].encode() in shown[seen:]:
            expected, typed = steps.pop(0)
            seen = shown.index(expected.encode(), seen) + len(expected)
            os.write(master, {"^C": b"\x03", "^Z": b"\x1a"}.get(typed, typed.encode() + b"\n"))
    while select.select([master], [], [], 0)[0]:
        shown += os.read(master, 4096)
    if b"status=" not in notes:
        os.close(master)  # hangs up
    os.close(slave)
    os.waitpid(pid, 0)
    sys.stdout.write(shown.decode("utf-8", "replace").replace("\r\n", "\n") + "\n")
    print("\n".join(notes.decode().replace("]", "]\n").split("\n")))
    return 1 if steps else 0


sys.exit(main())
