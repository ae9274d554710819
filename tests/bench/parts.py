"""The parts of the bench that ask something else than how fast one transfer is. Each has contenders, which run in
turn in every round, and lines for the report."""
import both
import compress
import latency
import start
from proc import Failure, end_all

MODULES = {m.Part.name: m for m in (both, latency, compress, start)}
OURS = ('vault', 'plain', 'packed', 'text')  # how the names of contenders begin that must not fail


class Parts:
    """Those that are wanted and have somebody to measure, and what they found: {part: {contender: entry}}."""

    def __init__(self, place, rivals, options, say):
        self.say, self.parts = say, []
        for name, module in MODULES.items():
            if name in options.parts:
                self.parts.append(module.Part(place, rivals, options))
        self.found = {p.name: {c: {'title': title, 'runs': [], 'failures': []} for c, title in p.contenders.items()}
                      for p in self.parts}

    def round(self, number):
        """Round 0 is the warm-up; its figures are not kept, its failures are."""
        for p in self.parts:
            self.say(f'{f"round {number}" if number else "warm-up"}: {p.name}')
            for c, e in self.found[p.name].items():
                try:
                    figures = p.run(c, number)
                except Failure as x:
                    e['failures'].append(str(x))
                    self.say(f'{p.name}, {e["title"]}: FAILED: {x}')
                    continue
                finally:
                    end_all()
                if number:
                    e['runs'].append({'round': number, **figures})

    def end(self):
        for p in self.parts:
            p.end()


def text(data):
    """What the report says of all of them; data is that of --json."""
    out = []
    for name, entries in data['parts'].items():
        if entries:
            counts = [data[k] for k in ('pings', 'starts') if name == {'pings': 'latency', 'starts': 'start'}[k]]
            out += ['', *MODULES[name].lines(entries, *counts)]
    return out


def failed(data):
    """What of ours failed."""
    return [f'{name}, {e["title"]}' for name, entries in data['parts'].items() for c, e in entries.items()
            if c.startswith(OURS) and e['failures']]
