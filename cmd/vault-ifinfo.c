/* vault-ifinfo: which address should the peer use, and how big may a packet be? */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

#include "ifinfo.h"
#include "run/log.h"

#define PROG IFINFO_PROG
#define NETNS_DIR "/run/netns/"
#define PATH_ROOM 512

static const char help[] =
    "Usage: vault-ifinfo [OPTION...] [INTERFACE|ADDRESS...]\n"
    "Show the network interfaces, their addresses and MTUs; or answer one question about them.\n"
    "\n"
    "      --json            one JSON object a line\n"
    "      --mtu             the smallest MTU of the interfaces that are up, without loopback\n"
    "  -4, --ipv4            the IPv4 addresses, the best one first; with --route and --path: only IPv4\n"
    "  -6, --ipv6            the IPv6 addresses, likewise\n"
    "  -a, --all             with -4 and -6: also loopback, link-local and unusable addresses\n"
    "      --payload[=tcp|udp]\n"
    "                        how much of a packet is left for data, header by header, for each wire\n"
    "      --route HOST      interface, source address, next hop and MTU toward HOST\n"
    "      --path HOST[:PORT]\n"
    "                        the MTU of the path to HOST, by probing, and where the limit comes from;\n"
    "                        with a PORT also by what a vault-udp peer there answers\n"
    "  -i, --identity FILE   own secret key for that (default: ~/.config/vault-tools/identity, if it\n"
    "                        exists; otherwise a throw-away one)\n"
    "  -r, --remote-key KEY  the peer must have this key (vk1... or @FILE)\n"
    "      --trust MODE      unknown keys: new (remember, the default), strict (refuse), any\n"
    "      --known-hosts FILE\n"
    "                        remembered keys (default: ~/.config/vault-tools/known_hosts)\n"
    "      --require-mtu N   status 1 if that MTU (of interfaces, route or path) is below N\n"
    "      --watch           a JSON line for every change of a link, address or route\n"
    "      --netns NAME      in that network namespace (needs privileges)\n"
    "      --timeout T       for --route and --path in all (default 10s, 0 = none)\n"
    "  -h, --help            print this help\n"
    "  -V, --version         print version and features\n";

/* ---- options ---- */

enum { OPT_JSON = 256, OPT_MTU, OPT_PAYLOAD, OPT_ROUTE, OPT_PATH, OPT_REQUIRE, OPT_WATCH, OPT_NETNS, OPT_TIMEOUT,
	OPT_TRUST, OPT_KNOWN_HOSTS };

static const struct option longs[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"mtu", no_argument, NULL, OPT_MTU},
    {"ipv4", no_argument, NULL, '4'},
    {"ipv6", no_argument, NULL, '6'},
    {"all", no_argument, NULL, 'a'},
    {"payload", optional_argument, NULL, OPT_PAYLOAD},
    {"route", required_argument, NULL, OPT_ROUTE},
    {"path", required_argument, NULL, OPT_PATH},
    {"require-mtu", required_argument, NULL, OPT_REQUIRE},
    {"watch", no_argument, NULL, OPT_WATCH},
    {"netns", required_argument, NULL, OPT_NETNS},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"identity", required_argument, NULL, 'i'},
    {"remote-key", required_argument, NULL, 'r'},
    {"trust", required_argument, NULL, OPT_TRUST},
    {"known-hosts", required_argument, NULL, OPT_KNOWN_HOSTS},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int take_payload(struct ifinfo_opts *o, const struct common_args *a)
{
	o->payload = true;
	if (!a->value)
		return 0;
	if (strcmp(a->value, "tcp") != 0 && strcmp(a->value, "udp") != 0)
		return common_usage(PROG, "--payload: '%s' is neither tcp nor udp", a->value);
	o->transport = a->value[0] == 't' ? TRANSPORT_TCP : TRANSPORT_UDP;
	return 0;
}

static int options_take(struct ifinfo_opts *o, int option, const struct common_args *a)
{
	int64_t number = 0;
	int rc = 0;

	switch (option) {
	case OPT_PAYLOAD:
		return take_payload(o, a);
	case OPT_ROUTE:
		o->route = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case OPT_PATH:
		o->path = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case OPT_NETNS:
		o->netns = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case 'i':
		o->peer->identity_file = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case 'r':
		return ifinfo_peer_pin(o->peer, a);
	case OPT_TRUST:
		return ifinfo_peer_trust(o->peer, a);
	case OPT_KNOWN_HOSTS:
		o->peer->known_hosts = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case OPT_REQUIRE:
		rc = common_opt_int(a, &number, 1, 1 << 24);
		o->require_mtu = (uint32_t)number;
		return rc;
	case OPT_TIMEOUT:
		return common_opt_duration(a, &o->timeout_ms);
	default: /* the others have no value: options_flags() */
		return 0;
	}
}

static void options_flags(struct ifinfo_opts *o, struct common_args *a)
{
	o->json = common_given(a, OPT_JSON);
	o->mtu = common_given(a, OPT_MTU);
	o->four = common_given(a, '4');
	o->six = common_given(a, '6');
	o->all = common_given(a, 'a');
	o->watch = common_given(a, OPT_WATCH);
	o->peer->demanded = common_given(a, 'i') || common_given(a, 'r') || common_given(a, OPT_TRUST) ||
	    common_given(a, OPT_KNOWN_HOSTS);
	/* Nothing here could follow "--": it only ends the options. */
	for (int i = 0; i < a->nrest; i++)
		a->operands[a->noperands++] = a->rest[i];
	o->selected = a->operands;
	o->selected_count = a->noperands;
}

static int options_check(const struct ifinfo_opts *o, const struct common_args *a)
{
	const char *mtu = o->mtu ? "--mtu" : NULL, *route = o->route ? "--route" : NULL;
	const char *path = o->path ? "--path" : NULL, *watch = o->watch ? "--watch" : NULL;
	const char *payload = o->payload ? "--payload" : NULL, *require = o->require_mtu ? "--require-mtu" : NULL;
	const char *family = o->four ? "--ipv4" : o->six ? "--ipv6" : NULL, *all = o->all ? "--all" : NULL;
	const char *pick = o->selected_count ? "an interface" : NULL;
	const char *list = route || path ? NULL : family; /* then it only says which family */
	const char *const pairs[][2] = {
	    {mtu, route}, {mtu, path}, {mtu, watch}, {mtu, payload}, {mtu, list}, {route, path}, {route, watch},
	    {path, watch}, {payload, watch}, {require, watch}, {require, list}, {watch, list}, {all, watch},
	    {all, route}, {all, path}, {pick, route}, {pick, path}, {pick, watch},
	};

	static const struct {
		int option;
		const char *name;
	} ofpeer[] = {{'i', "--identity"}, {'r', "--remote-key"}, {OPT_TRUST, "--trust"}, {OPT_KNOWN_HOSTS, "--known-hosts"}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (common_conflict(PROG, pairs[i][0], pairs[i][1]))
			return COMMON_USAGE;
	if (all && !family)
		return common_usage(PROG, "--all needs --ipv4 or --ipv6");
	for (size_t i = 0; i < sizeof(ofpeer) / sizeof(ofpeer[0]); i++)
		if (common_given(a, ofpeer[i].option) && !path)
			return common_usage(PROG, "%s needs --path HOST:PORT", ofpeer[i].name);
	if (common_given(a, OPT_TRUST) && common_given(a, 'r'))
		return common_conflict(PROG, "--trust", "--remote-key");
	if (common_given(a, OPT_TIMEOUT) && !route && !path)
		return common_usage(PROG, "--timeout needs --route or --path");
	return 0;
}

/* ---- set-up ---- */

/* As ip(8): a name under /run/netns; a path is one, too. */
static int enter_netns(const char *name, struct error *e)
{
#ifdef __linux__
	char path[PATH_ROOM];
	int fd, rc;

	if (snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : NETNS_DIR, name) >= (int)sizeof(path))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "--netns: the name is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "cannot open the network namespace '%s': %s", name, strerror(errno));
	rc = setns(fd, CLONE_NEWNET);
	if (rc)
		error_set(e, ERROR_IO, BLAME_LOCAL, "cannot enter the network namespace '%s': %s", name, strerror(errno));
	close(fd);
	return rc;
#else
	return error_set(e, ERROR_IO, BLAME_LOCAL, "cannot enter '%s': this system has no network namespaces", name);
#endif
}

static bool chosen_by(const struct iface *i, const char *word)
{
	uint8_t bytes[16];
	int family = inet_pton(AF_INET, word, bytes) == 1 ? AF_INET : inet_pton(AF_INET6, word, bytes) == 1 ? AF_INET6 : 0;

	if (strcmp(i->name, word) == 0)
		return true;
	for (size_t n = 0; family && n < i->address_count; n++)
		if (i->addresses[n].family == family && memcmp(i->addresses[n].bytes, bytes, family == AF_INET ? 4 : 16) == 0)
			return true;
	return false;
}

/* Each word must match something. */
static int choose(struct ifinfo *f, const struct ifinfo_opts *o, struct error *e)
{
	f->chosen = calloc(f->all.count + 1, sizeof(*f->chosen));
	if (!f->chosen)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	for (int w = 0; w < o->selected_count; w++) {
		bool found = false;

		for (size_t n = 0; n < f->all.count; n++)
			if (chosen_by(&f->all.list[n], o->selected[w]))
				f->chosen[n] = found = true;
		if (!found)
			return error_set(e, ERROR_IO, BLAME_LOCAL, "no interface has the name or address '%s'", o->selected[w]);
	}
	for (size_t n = 0; n < f->all.count; n++) {
		if (o->selected_count == 0)
			f->chosen[n] = true;
		f->chosen_count += f->chosen[n];
	}
	return 0;
}

/* Which of the things that a source may not know matter for the answer. */
static unsigned matters(const struct ifinfo_opts *o)
{
	if (o->route || o->path)
		return 0;
	if (o->mtu || o->require_mtu || o->payload)
		return IFACES_NO_HIDDEN;
	if (o->four || o->six)
		return IFACES_NO_HIDDEN | (o->six ? IFACES_NO_IPV6 | IFACES_NO_FLAGS6 : 0);
	return ~0U;
}

/* What could not be learnt is said, since otherwise it would look as if it were not there. */
static void say_missing(const struct ifinfo_opts *o, const struct ifaces *s)
{
	unsigned missing = s->missing & matters(o);

	if (missing && s->denied && s->denied != ENOSYS)
		common_warn(PROG, "warning: netlink is not available (%s), using %s", strerror(s->denied),
		    s->source == IFACES_PROC ? "ioctls and /proc" : "getifaddrs");
	for (unsigned bit = 1; bit && bit <= missing; bit <<= 1)
		if (missing & bit)
			common_warn(PROG, "warning: not known: %s", ifaces_missing_text((enum ifaces_missing)bit));
}

/* ---- main ---- */

static int show(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e)
{
	uint32_t mtu;

	if (o->route)
		return ifinfo_route(o, f, e);
	if (o->path)
		return ifinfo_path(o, f, e);
	if (o->payload) {
		mtu = ifinfo_mtu(o, f);
		if (mtu == 0)
			common_warn(PROG, "warning: no interface is up besides loopback, %d is assumed", IFACES_DEFAULT_MTU);
		if (ifinfo_list_payload(o, mtu ? mtu : IFACES_DEFAULT_MTU,
			o->four == o->six ? AF_UNSPEC : o->four ? AF_INET : AF_INET6, e))
			return -1;
		return ifinfo_require(o, mtu, "of the smallest interface", e);
	}
	if (o->four || o->six)
		return ifinfo_list_addresses(o, f, e);
	if (o->mtu || o->require_mtu)
		return ifinfo_list_mtu(o, f, e);
	if (f->chosen_count == 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "there is no network interface");
	if (o->json)
		return ifinfo_json_all(f, e);
	ifinfo_table(f);
	return 0;
}

static int run(const struct ifinfo_opts *o, struct error *e)
{
	struct ifinfo f = {.chosen = NULL};
	int rc = -1;

	if (ifaces_read(&f.all, IFACES_ANY, e) == 0) {
		say_missing(o, &f.all);
		if (choose(&f, o, e) == 0)
			rc = show(o, &f, e);
	}
	free(f.chosen);
	ifaces_free(&f.all);
	return rc;
}

/* The exit status: after an error that of its code. It is told on stderr and, with --json, on stdout as the last object. */
static int conclude(const struct ifinfo_opts *o, const struct error *e, int status)
{
	if (e->code == ERROR_OK)
		return status;
	if (o->json || o->watch)
		ifinfo_json_error(e, error_status(e->code));
	return common_try(PROG, common_fail(PROG, e));
}

int main(int argc, char **argv)
{
	struct common_args args = {.prog = PROG, .shorts = "46ai:r:hV", .longs = longs, .argc = argc, .argv = argv};
	struct ifinfo_peer peer = {.identity_file = NULL};
	struct ifinfo_opts opts = {.timeout_ms = IFINFO_TIMEOUT_MS, .peer = &peer};
	struct error e = {.code = ERROR_OK};
	int option, status = 0;

	if (common_init(PROG))
		return 1;
	/* Options */
	while ((option = common_next(&args)) > 0) {
		if (option == 'h')
			return common_help(PROG, (const char *const[]){help, NULL});
		if (option == 'V')
			return common_version(PROG, WITH_LIBMNL ? "libmnl" : NULL);
		status = options_take(&opts, option, &args);
		if (status)
			return status;
	}
	if (option < 0)
		return COMMON_USAGE;
	options_flags(&opts, &args);
	if (options_check(&opts, &args))
		return COMMON_USAGE;

	/* Run */
	log_setup(PROG, 0, false);
	if (!opts.netns || enter_netns(opts.netns, &e) == 0)
		status = opts.watch ? ifinfo_watch(&e) : run(&opts, &e);
	ifinfo_peer_free(&peer);
	status = conclude(&opts, &e, status);
	return common_exit(common_close_stdout(PROG, status));
}
