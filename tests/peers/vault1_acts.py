"""The table of misbehaviours; vault1_misbehave.py fills it and explains it."""

ACTS = {}


class Act:
    def __init__(self, name, stage, role, expect, run):
        self.name, self.stage, self.role, self.expect, self.run = name, stage, role, expect, run


def act(name, stage, role, expect, *args):
    """Enter a function into the table; further arguments are handed to it."""
    def enter(function):
        run = (lambda *given: function(*given, *args)) if args else function
        ACTS[name] = Act(name, stage, role, expect, run)
        return function
    return enter


def known(name):
    return name in ACTS


def find(name, stage):
    """The function of ${name} if it belongs to ${stage}, else None."""
    found = ACTS.get(name)
    return found.run if found and found.stage == stage else None


def describe(out):
    for a in ACTS.values():
        out.write("%s\t%s\t%s\t%s\n" % (a.name, a.stage, a.role, a.expect))
