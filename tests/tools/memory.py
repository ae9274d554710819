#!/usr/bin/python3
"""Where in a process's memory given bytes are, and whether that memory is locked (never swapped).

    memory.py PID HEX...    a line 'N locked' or 'N open' for each place, N counting the arguments from 0

Status 3: the memory of that process cannot be read here, or is that of a sanitizer, too much to be read.
"""

import re
import sys


def mappings(pid):
    """(start, end, locked) of what can be read."""
    found = []
    with open("/proc/%s/smaps" % pid, encoding="ascii", errors="replace") as f:
        for line in f:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+\s*(.*)", line)
            if m and m[3] not in ("[vvar]", "[vsyscall]"):
                found.append([int(m[1], 16), int(m[2], 16), False])
            elif re.match(r"[0-9a-f]+-", line):
                found.append(None)
            elif line.startswith("VmFlags:") and found[-1]:
                found[-1][2] = " lo" in line
    return [m for m in found if m]


def main(argv):
    pid, wanted = argv[0], [bytes.fromhex(h) for h in argv[1:]]
    try:
        areas = mappings(pid)
        if max(end - start for start, end, _ in areas) > 1 << 34:
            return 3
        with open("/proc/%s/mem" % pid, "rb", buffering=0) as memory:
            for start, end, locked in areas:
                try:
                    memory.seek(start)
                    data = memory.read(end - start)
                except (OSError, ValueError):
                    continue
                for i, what in enumerate(wanted):
                    for _ in range(data.count(what)):
                        print(i, "locked" if locked else "open")
    except PermissionError:
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
