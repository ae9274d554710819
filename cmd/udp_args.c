#include "udp_args.h"

#include <fcntl.h>
#include <string.h>

#define PROG "vault-udp"
#define PORT_DEFAULT 11000
#define TABLE_DEFAULT 256
#define CACHE_DEFAULT 10000
#define LEVEL_MAX 19

enum {
	OPT_TRUST = 256, OPT_KNOWN_HOSTS, OPT_FRAMING, OPT_TO, OPT_TAG, OPT_SEND_ONLY, OPT_RECV_ONLY, OPT_UNTIL_END,
	OPT_MAX_MESSAGES, OPT_LINGER, OPT_MTU, OPT_NO_PADDING, OPT_COMPRESS, OPT_PACE, OPT_RATE_LIMIT, OPT_LIFETIME, OPT_MAX_AGE,
	OPT_SKEW, OPT_REPLAY_CACHE, OPT_MAX_PEERS, OPT_WIRE, OPT_OPPORTUNISTIC, OPT_SOLICIT, OPT_CONTROL, OPT_EVENTS, OPT_READY_FD,
	OPT_ANNOUNCE, OPT_BROWSE, OPT_JSON, OPT_STATS, OPT_LOG_JSON, OPT_QUIET, OPT_SANDBOX,
};

const char udp_args_shorts[] = "l:i:r:a:46nw:vhV";
const int udp_args_repeatable[] = {'v', 'r', OPT_TO, 0};
const struct option udp_args_longs[] = {
    {"listen", required_argument, NULL, 'l'},
    {"identity", required_argument, NULL, 'i'},
    {"remote-key", required_argument, NULL, 'r'},
    {"authorized-keys", required_argument, NULL, 'a'},
    {"trust", required_argument, NULL, OPT_TRUST},
    {"known-hosts", required_argument, NULL, OPT_KNOWN_HOSTS},
    {"handshake-timeout", required_argument, NULL, 'w'},
    {"framing", required_argument, NULL, OPT_FRAMING},
    {"to", required_argument, NULL, OPT_TO},
    {"tag", no_argument, NULL, OPT_TAG},
    {"send-only", no_argument, NULL, OPT_SEND_ONLY},
    {"recv-only", no_argument, NULL, OPT_RECV_ONLY},
    {"until-end", no_argument, NULL, OPT_UNTIL_END},
    {"max-messages", required_argument, NULL, OPT_MAX_MESSAGES},
    {"linger", required_argument, NULL, OPT_LINGER},
    {"mtu", required_argument, NULL, OPT_MTU},
    {"no-padding", no_argument, NULL, OPT_NO_PADDING},
    {"compress", required_argument, NULL, OPT_COMPRESS},
    {"pace", required_argument, NULL, OPT_PACE},
    {"rate-limit", required_argument, NULL, OPT_RATE_LIMIT},
    {"lifetime", required_argument, NULL, OPT_LIFETIME},
    {"max-age", required_argument, NULL, OPT_MAX_AGE},
    {"skew", required_argument, NULL, OPT_SKEW},
    {"replay-cache", required_argument, NULL, OPT_REPLAY_CACHE},
    {"max-peers", required_argument, NULL, OPT_MAX_PEERS},
    {"wire", required_argument, NULL, OPT_WIRE},
    {"opportunistic", no_argument, NULL, OPT_OPPORTUNISTIC},
    {"solicit", no_argument, NULL, OPT_SOLICIT},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {"announce", optional_argument, NULL, OPT_ANNOUNCE},
    {"browse", optional_argument, NULL, OPT_BROWSE},
    {"json", no_argument, NULL, OPT_JSON},
    {"stats", optional_argument, NULL, OPT_STATS},
    {"log-json", no_argument, NULL, OPT_LOG_JSON},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"sandbox", required_argument, NULL, OPT_SANDBOX},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

void udp_args_init(struct udp_args *u)
{
	struct udp_options *o = &u->run;

	o->framing = FRAMING_LINES;
	o->socket.family = AF_UNSPEC;
	o->at.any_host = true;
	o->at.port = PORT_DEFAULT;
	o->at.has_port = true;
	o->judge = &u->judge;
	o->padding = true;
	o->table = TABLE_DEFAULT;
	o->replay_cache = CACHE_DEFAULT;
	o->handshake_ms = 30000;
	o->lifetime_ms = o->max_age_ms = o->skew_ms = 60000;
	o->ready_fd = o->events_fd = -1;
}

/* ---- taking ---- */

/* One of ${names}, in the order of an enum. */
static int take_name(const struct common_args *a, const char *const *names, size_t count, const char *all, int *out)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(a->value, names[i]) == 0) {
			*out = (int)i;
			return 0;
		}
	return common_usage(PROG, "%s: '%s' is none of %s", a->name, a->value, all);
}

static int take_enum(struct udp_args *u, int option, const struct common_args *a)
{
	static const char *const framings[] = {"raw", "lines", "nul", "u32"}, *const trusts[] = {"new", "strict", "any"},
				 *const modes[] = {"auto", "require", "off"}, *const wires[] = {"v2", "v1"};
	int n = 0, rc;

	switch (option) {
	case OPT_FRAMING:
		rc = take_name(a, framings, 4, "lines, nul, u32, raw", &n);
		u->run.framing = (enum framing)n;
		return rc;
	case OPT_TRUST:
		rc = take_name(a, trusts, 3, "new, strict, any", &n);
		u->judge.trust = (enum judge_trust)n;
		return rc;
	case OPT_WIRE:
		rc = take_name(a, wires, 2, "v2, v1", &n);
		u->run.v1 = n == 1;
		return rc;
	default:
		rc = take_name(a, modes, 3, "auto, require, off", &n);
		u->run.sandbox = (enum sandbox_mode)n;
		return rc;
	}
}

static int take_listen(struct udp_args *u, const struct common_args *a)
{
	struct error e = {0};
	struct address *at = &u->run.at;

	if (address_parse(at, a->value, NULL, true, &e) < 0)
		return common_usage(PROG, "%s: %s", a->name, e.text);
	if (at->is_unix)
		return common_bad(a, "there is no UDP on a path");
	if (!at->has_port)
		at->port = PORT_DEFAULT;
	return 0;
}

static int take_pin(struct udp_args *u, const struct common_args *a)
{
	struct key *k = &u->judge.pins[u->judge.pin_count];
	struct error e = {0};

	if (u->judge.pin_count == UDP_JUDGE_PINS)
		return common_bad(a, "given too often");
	if (keyfile_read_public(k, NULL, a->value, &e) < 0)
		return e.code == ERROR_USAGE ? common_usage(PROG, "%s: %s", a->name, e.text) : common_fail(PROG, &e);
	if (k->form != KEY_PUBLIC)
		return common_bad(a, "this is an X25519 key, which cannot sign: UDP needs an identity's key (vk1...)");
	u->judge.pin_count++;
	return 0;
}

static int take_to(struct udp_args *u, const struct common_args *a)
{
	if (u->run.to_count == UDP_LOOP_PEERS_MAX)
		return common_bad(a, "given too often");
	u->run.to[u->run.to_count++] = a->value;
	return 0;
}

static int take_age(struct udp_args *u, const struct common_args *a)
{
	if (common_opt_duration(a, &u->run.max_age_ms))
		return COMMON_USAGE;
	return u->run.max_age_ms > 0 ? 0 : common_bad(a, "nothing is as young as that");
}

static int take_number(const struct common_args *a, int64_t min, int64_t max, uint64_t *out)
{
	int64_t n = 0;

	if (common_opt_int(a, &n, min, max))
		return COMMON_USAGE;
	*out = (uint64_t)n;
	return 0;
}

static int take_count(struct udp_args *u, int option, const struct common_args *a)
{
	bool automatic = a->value && strcmp(a->value, "auto") == 0;
	uint64_t n = 0;
	int rc = 0;

	switch (option) {
	case OPT_MTU:
		rc = automatic ? 0 : take_number(a, 576, 65535, &n);
		u->run.mtu = (unsigned)n;
		return rc;
	case OPT_PACE:
		rc = automatic ? 0 : take_number(a, 1, 100000000, &n);
		u->run.pace = n;
		return rc;
	case OPT_COMPRESS:
		rc = take_number(a, 1, LEVEL_MAX, &n);
		u->run.level = (int)n;
		return rc;
	case OPT_REPLAY_CACHE:
		rc = take_number(a, 64, 10000000, &n);
		u->run.replay_cache = (size_t)n;
		return rc;
	case OPT_MAX_PEERS:
		rc = take_number(a, 1, 65536, &n);
		u->run.table = (size_t)n;
		return rc;
	case OPT_RATE_LIMIT:
		return take_number(a, 1, 100000000, &u->run.rate_limit);
	default:
		return common_opt_int(a, &u->run.max_messages, 1, INT64_MAX);
	}
}

static int take_fd(int *out, const struct common_args *a, const char *text)
{
	char why[COMMON_WHY_MAX];
	int64_t fd;

	if (common_int(&fd, text, 1, 65535, why) < 0)
		return common_bad(a, why);
	if (fcntl((int)fd, F_GETFD) < 0)
		return common_bad(a, "this descriptor is not open");
	*out = (int)fd;
	return 0;
}

static int take_stats(struct udp_args *u, const struct common_args *a)
{
	if (a->value && strcmp(a->value, "text") != 0 && strcmp(a->value, "json") != 0)
		return common_usage(PROG, "--stats: '%s' is neither text nor json", a->value);
	u->run.stats = a->value && strcmp(a->value, "json") == 0 ? REPORT_JSON : REPORT_TEXT;
	return 0;
}

static int take_flag(struct udp_args *u, int option)
{
	struct udp_options *o = &u->run;

	switch (option) {
	case '4':
		o->socket.family = AF_INET;
		break;
	case '6':
		o->socket.family = AF_INET6;
		break;
	case 'n':
		o->socket.numeric = true;
		break;
	case OPT_TAG:
		o->tag = true;
		break;
	case OPT_SEND_ONLY:
		o->send_only = true;
		break;
	case OPT_RECV_ONLY:
		o->recv_only = true;
		break;
	case OPT_UNTIL_END:
		o->until_end = true;
		break;
	case OPT_NO_PADDING:
		o->padding = false;
		break;
	case OPT_OPPORTUNISTIC:
		o->opportunistic = true;
		break;
	case OPT_SOLICIT:
		o->solicit = true;
		break;
	case OPT_JSON:
		u->json = true;
		break;
	case OPT_LOG_JSON:
		o->log_json = true;
		break;
	case 'v':
		u->verbosity++;
		break;
	default:
		o->quiet = true;
	}
	return 0;
}

int udp_args_take(struct udp_args *u, int option, const struct common_args *a)
{
	struct udp_options *o = &u->run;

	switch (option) {
	case 'l':
		return take_listen(u, a);
	case 'i':
		u->identity_file = a->value;
		return 0;
	case 'r':
		return take_pin(u, a);
	case 'a':
		u->authorized = a->value;
		return 0;
	case OPT_KNOWN_HOSTS:
		u->known_hosts = a->value;
		return 0;
	case 'w':
		return common_opt_duration(a, &o->handshake_ms);
	case OPT_LINGER:
		return common_opt_duration(a, &o->linger_ms);
	case OPT_LIFETIME:
		return common_opt_duration(a, &o->lifetime_ms);
	case OPT_MAX_AGE:
		return take_age(u, a);
	case OPT_SKEW:
		return common_opt_duration(a, &o->skew_ms);
	case OPT_TO:
		return take_to(u, a);
	case OPT_CONTROL:
		o->control = a->value;
		return 0;
	case OPT_EVENTS:
		u->events = a->value;
		return strncmp(a->value, "fd:", 3) == 0 ? take_fd(&o->events_fd, a, a->value + 3) : 0;
	case OPT_READY_FD:
		return take_fd(&o->ready_fd, a, a->value);
	case OPT_ANNOUNCE:
		o->announce = true;
		o->announce_interface = a->value;
		return 0;
	case OPT_BROWSE:
		u->browse = true;
		u->browse_interface = a->value;
		return 0;
	case OPT_STATS:
		return take_stats(u, a);
	case OPT_FRAMING:
	case OPT_TRUST:
	case OPT_WIRE:
	case OPT_SANDBOX:
		return take_enum(u, option, a);
	case OPT_MTU:
	case OPT_PACE:
	case OPT_COMPRESS:
	case OPT_REPLAY_CACHE:
	case OPT_MAX_PEERS:
	case OPT_RATE_LIMIT:
	case OPT_MAX_MESSAGES:
		return take_count(u, option, a);
	default:
		return take_flag(u, option);
	}
}

/* ---- checking ---- */

static int check_operands(struct udp_args *u, const struct common_args *a)
{
	struct udp_options *o = &u->run;

	if (a->nrest > 0)
		return common_usage(PROG, "unexpected argument '%s'", a->rest[0]);
	if (a->noperands > UDP_LOOP_PEERS_MAX)
		return common_usage(PROG, "more than %d peers", UDP_LOOP_PEERS_MAX);
	if (u->browse && a->noperands > 0)
		return common_usage(PROG, "--browse takes no peers");
	for (int i = 0; i < a->noperands; i++) {
		struct address *at = &o->peers[i];
		struct error e = {0};

		if (address_parse(at, a->operands[i], NULL, false, &e) < 0)
			return common_usage(PROG, "%s", e.text);
		if (at->is_unix || at->any_host)
			return common_usage(PROG, "'%s' is no peer: give HOST:PORT", a->operands[i]);
		if (!at->has_port)
			return common_usage(PROG, "'%s' has no port: give HOST:PORT", a->operands[i]);
		if (at->port == 0)
			return common_usage(PROG, "'%s': port 0 is nobody's", a->operands[i]);
	}
	o->peer_count = (size_t)a->noperands;
	if (o->table < o->peer_count)
		return common_usage(PROG, "--max-peers %zu is less than the number of peers given", o->table);
	return 0;
}

int udp_args_check(struct udp_args *u, const struct common_args *a)
{
	static const struct {
		int one, other;
		const char *one_name, *other_name;
	} pairs[] = {
	    {'4', '6', "-4", "-6"},
	    {OPT_SEND_ONLY, OPT_RECV_ONLY, "--send-only", "--recv-only"},
	    {'v', OPT_QUIET, "--verbose", "--quiet"},
	    {OPT_TRUST, 'r', "--trust", "--remote-key"},
	    {OPT_BROWSE, OPT_ANNOUNCE, "--browse", "--announce"},
	    {OPT_WIRE, 'r', "--wire v1", "--remote-key"},
	    {OPT_WIRE, OPT_SOLICIT, "--wire v1", "--solicit"},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		if (common_given(a, pairs[i].one) && common_given(a, pairs[i].other) && (pairs[i].one != OPT_WIRE || u->run.v1))
			return common_conflict(PROG, pairs[i].one_name, pairs[i].other_name);
	if (u->json && !u->browse)
		return common_usage(PROG, "--json needs --browse");
	if (u->run.max_messages > 0 && u->run.send_only)
		return common_conflict(PROG, "--max-messages", "--send-only");
	return check_operands(u, a);
}
