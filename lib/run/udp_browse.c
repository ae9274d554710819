/* See udp_lan.h: the list of who announces himself. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "udp_interfaces.h"
#include "udp_lan.h"

#define TABLE 1024

struct found {
	bool used;
	struct udp_address at;
	struct keymsg key;
	int64_t heard_at;
};

struct browse {
	const struct udp_browse *o;
	struct ev_loop *loop;
	struct found table[TABLE];
	ev_io v4, v6;
	ev_timer sweep;
	struct signals signals;
	struct error error;
	int signal;
};

/* ---- telling ---- */

static void tell_text(const char *sign, const struct found *f, const char *key, const char *print)
{
	char at[ADDRESS_TEXTMAX];

	printf("%s %s %s %s %s\n", sign, udp_address_text(at, &f->at), key, print, f->key.caps);
}

static json_t *caps_json(const char *caps)
{
	json_t *list = json_array();

	while (*caps) {
		size_t n = strcspn(caps, ",");

		json_array_append_new(list, json_stringn(caps, n));
		caps += n + (caps[n] == ',');
	}
	return list;
}

static void tell_json(const char *event, const struct found *f, const char *key, const char *print)
{
	char at[ADDRESS_TEXTMAX], stamp[LOG_STAMP_MAX], *colon, *line;
	json_t *o;

	udp_address_text(at, &f->at);
	colon = strrchr(at, ':');
	if (colon)
		*colon = '\0';
	o = json_pack("{s:i, s:s, s:s, s:s, s:i, s:s, s:s, s:o}", "v", 1, "time", log_stamp(stamp), "event", event, "address", at,
	    "port", f->at.port, "key", key, "fingerprint", print, "capabilities", caps_json(f->key.caps));
	line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (line)
		printf("%s\n", line);
	free(line);
}

static void tell(struct browse *b, const struct found *f, bool there)
{
	struct key k = {.form = KEY_PUBLIC};
	char key[KEYTEXT_MAX], print[FINGERPRINT_MAX];

	memcpy(k.bytes, f->key.sign, KEY_BYTES);
	keytext_format(key, &k);
	if (key_fingerprint(print, &k) != KEYTEXT_OK)
		snprintf(print, sizeof print, "?");
	if (b->o->json)
		tell_json(there ? "found" : "lost", f, key, print);
	else
		tell_text(there ? "+" : "-", f, key, print);
	if (fflush(stdout) == 0)
		return;
	error_set(&b->error, ERROR_IO, BLAME_LOCAL, "standard output: %s", strerror(errno));
	ev_break(b->loop, EVBREAK_ALL);
}

/* ---- taking ---- */

static void note(struct browse *b, const struct udp_address *at, const struct keymsg *k)
{
	struct found *place = NULL;

	for (size_t i = 0; i < TABLE; i++) {
		struct found *f = &b->table[i];

		if (!f->used) {
			place = place ? place : f;
			continue;
		}
		if (!address_same(&f->at, at) || memcmp(f->key.sign, k->sign, 32) != 0)
			continue;
		/* Played back, or told on several ways. */
		if (k->ts <= f->key.ts)
			return;
		f->key = *k;
		f->heard_at = clock_ms();
		return;
	}
	if (!place)
		return;
	*place = (struct found){.used = true, .at = *at, .key = *k, .heard_at = clock_ms()};
	tell(b, place, true);
}

static void take(struct browse *b, const struct udp_address *from, const uint8_t *bytes, size_t n)
{
	struct udp_address at = *from;
	struct envelope e;
	struct keymsg k;
	struct timespec now;
	int64_t age;

	if (envelope_read(&e, bytes, n) < 0 || e.klen == 0 || keymsg_read(&k, (const char *)e.k, e.klen) != KEYMSG_OK)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	age = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)(k.ts & INT64_MAX);
	if (!k.native || !keymsg_can(&k, "announce") || age > b->o->silence_ms || age < -b->o->silence_ms)
		return;
	if (keymsg_verify(&k, (const char *)e.k, e.klen) != KEYMSG_OK)
		return;
	at.port = k.port;
	note(b, &at, &k);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct browse *b = w->data;
	struct sockaddr_storage sa = {0};
	struct udp_address from;
	uint8_t bytes[2048];
	struct iovec iov = {bytes, sizeof bytes};
	struct msghdr m = {.msg_name = &sa, .msg_namelen = sizeof sa, .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t got = recvmsg(w->fd, &m, MSG_DONTWAIT);

	(void)loop;
	(void)events;
	if (got > 0 && udp_address_from(&from, (struct sockaddr *)&sa))
		take(b, &from, bytes, (size_t)got);
}

static void on_sweep(struct ev_loop *loop, ev_timer *w, int events)
{
	struct browse *b = w->data;
	int64_t now = clock_ms();

	(void)loop;
	(void)events;
	for (size_t i = 0; i < TABLE; i++) {
		struct found *f = &b->table[i];

		if (!f->used || now < f->heard_at + b->o->silence_ms)
			continue;
		f->used = false;
		tell(b, f, false);
	}
}

static void on_signal(int number, void *owner)
{
	struct browse *b = owner;

	b->signal = number;
	ev_break(b->loop, EVBREAK_ALL);
}

/* ---- set-up ---- */

static int join(int family, const struct udp_interfaces *where)
{
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(UDP_LAN_PORT)};
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(UDP_LAN_PORT)};
	int one = 1, joined = 0, fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (bind(fd, family == AF_INET ? (struct sockaddr *)&any4 : (struct sockaddr *)&any6,
		family == AF_INET ? sizeof any4 : sizeof any6) < 0) {
		close(fd);
		return -1;
	}
	for (size_t i = 0; i < where->count; i++) {
		struct ip_mreqn r4 = {.imr_ifindex = (int)where->index[i]};
		struct ipv6_mreq r6 = {.ipv6mr_interface = where->index[i]};

		inet_pton(AF_INET, UDP_LAN_V4, &r4.imr_multiaddr);
		inet_pton(AF_INET6, UDP_LAN_V6, &r6.ipv6mr_multiaddr);
		joined += family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r4, sizeof r4) == 0 :
					      setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &r6, sizeof r6) == 0;
	}
	if (joined > 0)
		return fd;
	close(fd);
	return -1;
}

static int open_all(struct browse *b, struct error *e)
{
	const struct sandbox_needs nothing = {0};
	struct udp_interfaces where;
	int v4, v6;

	if (udp_interfaces_list(&where, b->o->interface, e) < 0)
		return -1;
	v4 = join(AF_INET, &where);
	v6 = join(AF_INET6, &where);
	if (v4 < 0 && v6 < 0)
		return error_set(e, ERROR_NETWORK, BLAME_LOCAL, "cannot listen to announcements: %s", strerror(errno));
	ev_io_init(&b->v4, on_readable, v4, EV_READ);
	ev_io_init(&b->v6, on_readable, v6, EV_READ);
	ev_timer_init(&b->sweep, on_sweep, 1., 1.);
	b->v4.data = b->v6.data = b->sweep.data = b;
	if (v4 >= 0)
		ev_io_start(b->loop, &b->v4);
	if (v6 >= 0)
		ev_io_start(b->loop, &b->v6);
	ev_timer_start(b->loop, &b->sweep);
	signals_start(&b->signals, b->loop, on_signal, b);
	json_object_seed(0); /* reads the system's random numbers, once */
	return sandbox_enter(&nothing, b->o->sandbox, e);
}

int udp_lan_browse(const struct udp_browse *o)
{
	struct browse *b = calloc(1, sizeof *b);
	int status;

	if (!b)
		return error_status(ERROR_IO);
	b->o = o;
	b->loop = ev_default_loop(EVFLAG_NOENV);
	if (open_all(b, &b->error) == 0) {
		ev_run(b->loop, 0);
		signals_stop(&b->signals);
	}
	if (b->error.code != ERROR_OK)
		log_error("%s", b->error.text);
	status = error_status(b->error.code);
	if (status == 0 && b->signal != SIGTERM)
		status = 128 + b->signal;
	free(b);
	return status;
}
