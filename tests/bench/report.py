"""Medians, ratios, tables."""
import statistics

import parts

MIB = 1 << 20
# tool: the bare loop that does the same cryptography
BARE = {'vault-aes': 'bare-aes', 'vault-chacha': 'bare-chacha'}

TLS = ('ncat-ssl', 'socat-ssl', 'socat-ssl-1m', 'stunnel')


def summary(values):
    if not values:
        return None
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values), 'n': len(values)}


def _by_round(runs, key):
    return {r['round']: r[key] for r in runs}


def ratio(runs, base, key):
    """The median of the ratios within each round: what disturbs a round disturbs both."""
    mine, theirs = _by_round(runs, key), _by_round(base, key)
    both = [mine[r] / theirs[r] for r in mine if theirs.get(r)]
    return statistics.median(both) if both else None


def _losses(entry, kind):
    known = [r['lost'] for r in entry[kind] if r['lost'] is not None]
    return {'runs': len(known), 'lost_in': sum(n > 0 for n in known), 'most': max(known, default=None)}


def _compare(entry, base):
    """Ratios to another tool, for whatever both have."""
    out = {}
    for kind in ('file', 'pipe'):
        for key in ('mib_s', 'cpu_s_gib'):
            out[f'{kind}_{key}'] = ratio(entry[kind], base[kind], key)
    # Several connections a round: their medians are compared.
    mine, theirs = ([r['process_ms'] for r in e['setup']] for e in (entry, base))
    out['process_ms'] = statistics.median(mine) / statistics.median(theirs) if mine and theirs else None
    return out


def _loses(e):
    return bool(e['failures']) or (e['verify'] and not e['verify']['whole']) or any(
        e['summary'][kind]['loss']['lost_in'] for kind in ('file', 'pipe'))


def _best_tls(results):
    """Of those that lose nothing the best in each figure, {figure: its name}."""
    whole = {name: e for name, e in results.items() if name in TLS and not _loses(e)}
    out = {}
    for kind, key, best in (('file', 'mib_s', max), ('file', 'cpu_s_gib', min), ('pipe', 'mib_s', max),
                            ('pipe', 'cpu_s_gib', min), ('setup', 'process_ms', min)):
        medians = {name: e['summary'][kind][key]['median'] for name, e in whole.items() if e['summary'][kind][key]}
        if medians:
            out[kind if kind == 'setup' else f'{kind}_{key}'] = best(medians, key=medians.get)
    return out


def _compare_tls(e, results, best):
    out = {}
    for figure, name in best.items():
        key = 'process_ms' if figure == 'setup' else figure
        out[key] = _compare(e, results[name])[key]
    return out


def summarise(results):
    """Add to each tool's runs what the tables show. Returns the best TLS tool for each figure."""
    for name, e in results.items():
        s = e['summary'] = {}
        for kind in ('file', 'pipe'):
            s[kind] = {key: summary([r[key] for r in e[kind]]) for key in ('mib_s', 'cpu_s_gib', 'client_cpu_s_gib')}
            s[kind]['loss'] = _losses(e, kind)
        s['setup'] = {key: summary([r[key] for r in e['setup']]) for key in ('echo_ms', 'process_ms', 'client_cpu_ms')}
        if 'nc' in results:
            s['vs_nc'] = _compare(e, results['nc'])
        if BARE.get(name) in results:
            s['vs_bare'] = _compare(e, results[BARE[name]])
    best = _best_tls(results)
    for e in results.values():
        e['summary']['vs_tls'] = _compare_tls(e, results, best)
    return best


# ---- text ----

def spread(runs, key, digits):
    values = [r[key] for r in runs]
    return f'{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})' if values else '-'


def median(runs, key, digits):
    return f'{statistics.median(r[key] for r in runs):.{digits}f}' if runs else '-'


def times(runs, base, key):
    return _times(ratio(runs, base, key))


def complaints(e, *counted):
    """What failed, and what was counted that should not be there: (key, text)."""
    out = list(e['failures'])
    for key, text in counted:
        worst = max((r[key] for r in e['runs']), default=0)
        if worst:
            out.append(f'{text}: {worst}')
    return '; '.join(dict.fromkeys(out)) or ('all whole' if e['runs'] else '-')


def _spread(s, digits):
    if not s:
        return '-'
    return f'{s["median"]:.{digits}f} ({s["min"]:.{digits}f}-{s["max"]:.{digits}f})'


def _times(x):
    return '-' if x is None else f'{x:.2f}'


def table(header, rows):
    widths = [max(len(str(line[i])) for line in [header, *rows]) for i in range(len(header))]
    out = []
    for line in [header, ['-' * w for w in widths], *rows]:
        cells = [str(c).ljust(w) if i == 0 or i == len(widths) - 1 else str(c).rjust(w)
                 for i, (c, w) in enumerate(zip(line, widths))]
        out.append('  '.join(cells).rstrip())
    return '\n'.join(out)


def _notes(e):
    notes = list(e['failures'])
    v = e['verify']
    if v and not v['ended']:
        notes.append('does not end')
    if v and v['lost'] > 0:
        notes.append(f'LOST {v["lost"]} bytes when verified (sender left with {v["client_status"]}, '
                     f'receiver with {v["server_status"]})')
    elif v and not v['whole']:
        notes.append('DAMAGED: what arrived differs')
    for kind in ('file', 'pipe'):
        loss = e['summary'][kind]['loss']
        if loss['lost_in']:
            notes.append(f'{kind}: LOST up to {loss["most"]} bytes in {loss["lost_in"]} of {loss["runs"]} runs')
    if v and v['whole'] and not notes:
        notes.append('whole')
    return '; '.join(dict.fromkeys(notes))


def throughput(results, titles, kind):
    rows = []
    for name, e in results.items():
        s = e['summary'][kind]
        nc, tls, bare = (e['summary'].get(k, {}) for k in ('vs_nc', 'vs_tls', 'vs_bare'))
        row = [titles[name]]
        for key, digits in (('mib_s', 0), ('cpu_s_gib', 2)):
            row += [_spread(s[key], digits), *(_times(x.get(f'{kind}_{key}')) for x in (nc, tls, bare))]
        rows.append([*row, ''])
    return table([kind, 'MiB/s', 'x nc', 'x TLS', 'x bare', 'CPU s/GiB', 'x nc', 'x TLS', 'x bare', ''], rows)


def completeness(results, titles):
    return '\n'.join(f'  {titles[name]}: {_notes(e)}' for name, e in results.items())


def connection(results, titles, one_way):
    rows = []
    for name, e in results.items():
        s = e['summary']['setup']
        rows.append([titles[name], _spread(s['echo_ms'], 1), _spread(s['process_ms'], 1),
                     *(_times(e['summary'].get(k, {}).get('process_ms')) for k in ('vs_nc', 'vs_tls')), _spread(s['client_cpu_ms'], 1),
                     'one way, no handshake' if name in one_way else ''])
    return table(['tool', 'byte back ms', 'whole process ms', 'x nc', 'x TLS', 'client CPU ms', ''], rows)


CASE_TITLES = {'forged_end': 'FIN put in mid-transfer', 'full_disk': 'standard output is /dev/full',
               'killed_sender': 'sender killed (KILL)'}


def _distinct(outcomes, key):
    """What was seen, the most frequent first; how often, if not always."""
    seen = [o[key] for o in outcomes if 'failed' not in o]
    kinds = sorted(set(seen), key=lambda k: -seen.count(k))
    return ', '.join(k if len(kinds) == 1 else f'{k} ({seen.count(k)}x)' for k in kinds) or '-'


def _sizes(outcomes):
    sizes = [o['arrived'] / MIB for o in outcomes if 'arrived' in o]
    if not sizes:
        return '-'
    low, high = f'{min(sizes):.2f}', f'{max(sizes):.2f}'
    return low if low == high else f'{low}-{high}'


def behaviours(results, titles):
    rows = []
    for name, e in results.items():
        for case, outcomes in (e.get('behaviour') or {}).items():
            failed = '; '.join(dict.fromkeys(o['failed'] for o in outcomes if 'failed' in o))
            rows.append([titles[name], CASE_TITLES[case], *(_distinct(outcomes, k) for k in ('sender', 'receiver')),
                         _sizes(outcomes), _distinct(outcomes, 'noticed'), failed])
    return table(['tool', 'what happens', 'sender', 'receiver', 'arrived MiB', 'status tells', ''], rows) if rows else ''


def _commands(e):
    if e['verify']:
        return e['verify'].get('commands', [])
    tried = (e.get('behaviour') or {}).get('full_disk', [])
    return next((o['commands'] for o in tried if 'commands' in o), [])


def text(data, titles, one_way):
    """The whole report; data is what --json prints."""
    results, out = data['tools'], []
    m = data['machine']
    out.append(f'{m["cpu"]} x {m["cpus"]}, Linux {m["kernel"]}; load {m["load_before"]} before, {m["load_after"]} after')
    out.append(f'command: {data["command"]}')
    if data['bulk']:
        out += [f'{data["mib"]} MiB of random bytes in {data["where"]}; all tools in turn, {data["rounds"]} rounds after '
                f'a warm-up; {data["setups"]} connections a round', '',
                'Throughput, median (min-max). file: client <file, server >/dev/null; pipe: cat file | client, server |',
                'cat >/dev/null. CPU: user + system of all processes of both sides, cats included. x nc, x bare: median',
                "of the rounds' ratios to nc, and to the bare loop with the same cipher; x TLS: to the tool with TLS that is best at",
                f'just that and loses nothing: {", ".join(f"{figure} {titles[name]}" for figure, name in data["best_tls"].items())}.', '',
                throughput(results, titles, 'file'), '', throughput(results, titles, 'pipe'), '',
                'What arrived: size and SHA-256 in a run of its own, then the counts of the timed runs:',
                completeness(results, titles)]
        out += ['', 'Connection: one client process: spawn, connect, handshake, a byte there and back, close, exit.', '',
                connection(results, titles, one_way)]
    out += parts.text(data)
    trouble = behaviours(results, titles)
    if trouble:
        out += ['', f'Trouble: exit statuses as measured, {data["times"]} times each. {data["part_mib"]} MiB are to be '
                'sent; the FIN comes after a quarter; killed with 4 MiB sent',
                'and more to come; hangs: still there after 15 s. status tells: whose status is not 0. The receiver of '
                'ssh is the command', 'that it runs; where helpers stand between, the two ends.', '', trouble]
    out += ['', f'Versions and command lines ($D: temporary directory, $P: ports); {data["openssl"]}:']
    for name, e in results.items():
        out.append(f'  {titles[name]}: {e["version"]}')
        out += [f'    {c}' for c in _commands(e)]
    for name, m in data['missing'].items():
        out.append(f'  {titles[name]}: not measured: {m["why"]}' + (f' (apt: {m["package"]})' if m['package'] else ''))
    return '\n'.join(out)
