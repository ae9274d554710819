/* udp, what vault-tools peers say to each other beside messages: pings, sizes, ends. */
#include "udp.h"

#include <stdio.h>
#include <string.h>

#include "jsonwalk.h"

#define KEEPALIVE_MS 25000 /* also what a NAT box remembers */
#define PING_RETRY_MS 300  /* until both sides have proved their keys */
#define WINDOW_RETRY_MS 100
#define PROBE_MS 300
#define PROBE_TRIES 3
#define PROBE_STEP 16	   /* bytes: finer is not worth a probe */
#define PROBE_AGAIN_MS 600000 /* perhaps the path takes more by now */

void udp_send_control(struct udp *u, struct peer *p, const char *json, size_t size)
{
	struct envelope e = {.c = (const uint8_t *)json, .clen = strlen(json), .has_s = true, .has_d = true};
	size_t len;

	e.s = p->next_control++;
	e.d = memcmp(u->config.sign_secret + 32, p->sign, 32) < 0 ? 0 : 1;
	len = udp_box(u, p, &e, size, u->out);
	if (len > 0)
		u->config.hooks.send(u->config.hooks.owner, &p->at, u->out, len);
}

/* What one of them says. */
struct control {
	enum { C_NONE, C_PING, C_PONG, C_PROBE, C_PROBED, C_END, C_ENDED, C_HELD, C_BYE } what;
	uint64_t number, size, back, most, messages, bytes;
	bool has_messages, has_bytes, bad;
};

/* ---- pings ---- */

void udp_ping(struct udp *u, struct peer *p)
{
	uint64_t n = ++p->ping_number;
	char json[64];

	p->pings[n % PEER_PINGS].number = n;
	p->pings[n % PEER_PINGS].sent = p->next_message;
	p->pings[n % PEER_PINGS].at_us = u->now_us;
	p->pinged = p->next_message;
	p->ping_at = u->now + (p->state == PEER_UP ? KEEPALIVE_MS : PING_RETRY_MS);
	udp_wake(u, p->ping_at);
	snprintf(json, sizeof json, "{\"ping\":%llu}", (unsigned long long)n);
	udp_send_control(u, p, json, p->size);
}

static void pong(struct udp *u, struct peer *p, const struct udp_message *m, const struct control *c)
{
	uint64_t n = c->number;
	int64_t rtt;

	if (p->pings[n % PEER_PINGS].number != n || p->pings[n % PEER_PINGS].at_us == 0)
		return;
	rtt = u->now_us - p->pings[n % PEER_PINGS].at_us;
	if (rtt < 1)
		rtt = 1;
	p->rtt_us = p->rtt_us == 0 ? rtt : (p->rtt_us * 7 + rtt) / 8;
	if (p->pings[n % PEER_PINGS].sent > p->confirmed)
		p->confirmed = p->pings[n % PEER_PINGS].sent;
	if (c->has_messages)
		udp_flow(p, p->pings[n % PEER_PINGS].sent, c->messages);
	p->pings[n % PEER_PINGS].at_us = 0;
	if (n == p->candidate_ping && address_same(&p->candidate, &m->from)) {
		p->candidate_ping = 0;
		p->at = m->from;
		p->limit = u->config.hooks.limit(u->config.hooks.owner, &p->at);
		udp_probe_start(u, p);
		u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_MOVED, p);
	}
}

/* ---- sizes: padded probes, as RFC 8899 has it ---- */

static void probe(struct udp *u, struct peer *p)
{
	char json[96];

	snprintf(json, sizeof json, "{\"probe\":%llu,\"size\":%zu}", (unsigned long long)++p->ping_number, p->probing);
	p->probe_at = u->now + PROBE_MS;
	udp_wake(u, p->probe_at);
	udp_send_control(u, p, json, p->probing);
}

static void probe_settle(struct udp *u, struct peer *p)
{
	bool changed = p->size != p->probe_low || !p->sized;

	p->size = p->probe_low;
	p->probing = 0;
	p->sized = true;
	p->probe_at = p->size < p->limit ? u->now + PROBE_AGAIN_MS : 0;
	udp_wake(u, p->probe_at);
	if (changed)
		u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_SIZED, p);
}

/* Halve what lies between a size that works and one that does not. */
static void probe_next(struct udp *u, struct peer *p)
{
	if (p->probe_high - p->probe_low <= PROBE_STEP) {
		probe_settle(u, p);
		return;
	}
	p->probing = (p->probe_low + p->probe_high) / 2;
	p->probe_tries = 0;
	probe(u, p);
}

void udp_probe_start(struct udp *u, struct peer *p)
{
	size_t most = p->limit < UDP_DATAGRAM_MAX ? p->limit : UDP_DATAGRAM_MAX;

	p->probe_low = most < UDP_SIZE_LEAST ? most : UDP_SIZE_LEAST;
	p->size = p->size < p->probe_low || p->size > most ? p->probe_low : p->size;
	p->limit = most;
	if (most <= UDP_SIZE_LEAST || !u->config.probe) {
		p->probe_low = most;
		probe_settle(u, p);
		return;
	}
	/* First what the route promises: mostly that is it. */
	p->probe_high = most + 1;
	p->probing = most;
	p->probe_tries = 0;
	probe(u, p);
}

static void probed(struct udp *u, struct peer *p, size_t size)
{
	if (p->probing == 0 || size != p->probing)
		return;
	p->probe_low = size;
	if (!p->sized)
		p->size = size;
	probe_next(u, p);
}

static void probe_tick(struct udp *u, struct peer *p)
{
	size_t route;

	if (p->probing > 0 && ++p->probe_tries < PROBE_TRIES) {
		probe(u, p);
		return;
	}
	/* The system may know more by now: a router on the way has told it. */
	route = u->config.hooks.limit(u->config.hooks.owner, &p->at);
	if (p->probing == 0) {
		p->limit = route;
		udp_probe_start(u, p);
		return;
	}
	/* Even what gets through everywhere does not get through here. */
	if (route < p->probe_low) {
		udp_too_large(u, p, route);
		return;
	}
	p->probe_high = p->probing;
	if (route <= p->probe_low || route >= p->probe_high) {
		probe_next(u, p);
		return;
	}
	p->probe_high = route + 1;
	p->probing = route;
	p->probe_tries = 0;
	probe(u, p);
}

void udp_too_large(struct udp *u, struct peer *p, size_t limit)
{
	if (limit == 0 || limit >= p->limit)
		return;
	p->limit = limit;
	if (p->kind == PEER_NATIVE && p->state == PEER_UP) {
		p->size = limit < UDP_SIZE_LEAST ? limit : UDP_SIZE_LEAST;
		p->sized = false;
		udp_probe_start(u, p);
	} else
		p->size = limit;
}

/* ---- reading ---- */

static bool get_number(const struct jsonwalk *v, uint64_t *out)
{
	*out = (uint64_t)v->integer;
	return v->kind == JSONWALK_INTEGER && v->integer >= 0;
}

static bool get_total(void *ctx, const char *name, size_t len, const struct jsonwalk *v)
{
	struct control *c = ctx;

	if (jsonwalk_named(name, len, "messages"))
		return c->has_messages = get_number(v, &c->messages);
	if (jsonwalk_named(name, len, "bytes"))
		return c->has_bytes = get_number(v, &c->bytes);
	return true;
}

static bool get_member(void *ctx, const char *name, size_t len, const struct jsonwalk *v)
{
	static const char *const names[] = {[C_PING] = "ping", [C_PONG] = "pong", [C_PROBE] = "probe", [C_PROBED] = "probed",
	    [C_END] = "end", [C_ENDED] = "ended", [C_HELD] = "held", [C_BYE] = "bye"};
	struct control *c = ctx;

	if (jsonwalk_named(name, len, "size"))
		return get_number(v, &c->size);
	if (jsonwalk_named(name, len, "back"))
		return get_number(v, &c->back);
	if (jsonwalk_named(name, len, "most"))
		return get_number(v, &c->most);
	if (jsonwalk_named(name, len, "messages"))
		return c->has_messages = get_number(v, &c->messages);
	for (unsigned i = C_PING; i <= C_BYE; i++) {
		if (!jsonwalk_named(name, len, names[i]))
			continue;
		if (c->what != C_NONE)
			return false;
		c->what = i;
		if (i <= C_PROBED)
			return get_number(v, &c->number);
		if (i == C_BYE)
			return v->kind == JSONWALK_STRING;
		c->has_messages = c->has_bytes = false;
		return jsonwalk_object(v->text, v->len, get_total, c) && c->has_messages && c->has_bytes;
	}
	return true; /* what later versions may add */
}

static void take_bye(struct udp *u, struct peer *p, const struct control *c)
{
	/* What it took is all that it ever will. */
	if (c->has_messages && !p->end_confirmed) {
		p->end_confirmed = true;
		p->confirmed_messages = c->messages;
		u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_CONFIRMED, p);
	}
	u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_BYE, p);
	if (!p->wanted) {
		udp_forget(u, p);
		return;
	}
	p->state = PEER_AWAIT;
	p->knock_at = u->now + KEEPALIVE_MS;
	p->knock_ms = 0;
	p->refresh_at = p->ping_at = p->probe_at = p->end_at = 0;
	udp_wake(u, p->knock_at);
}

enum udp_outcome udp_take_control(struct udp *u, struct udp_message *m, struct peer *p, const uint8_t *json, size_t n,
    size_t whole)
{
	struct control c = {0};
	char text[96];

	m->peer = p;
	if (!jsonwalk_object((const char *)json, n, get_member, &c))
		return udp_drop(u, m, p, UDP_DROP_CONTROL);
	switch (c.what) {
	case C_PING: {
		struct udp_address at = p->at;

		/* The answer goes where the question came from: so a peer that moved learns that we reach it. */
		p->at = m->from;
		snprintf(text, sizeof text, "{\"pong\":%llu,\"messages\":%llu}", (unsigned long long)c.number,
		    (unsigned long long)p->messages.received);
		udp_send_control(u, p, text, p->size);
		p->at = at;
		break;
	}
	case C_PONG:
		pong(u, p, m, &c);
		break;
	case C_PROBE:
		udp_answer_probe(u, p, c.number, whole, c.back);
		break;
	case C_PROBED:
		probed(u, p, c.size);
		udp_take_probed(u, p, c.number, c.size, whole, c.most);
		break;
	case C_END:
		udp_ends_take(u, p, c.messages);
		break;
	case C_ENDED:
		if (!p->end_sent || p->end_confirmed)
			break;
		p->end_confirmed = true;
		p->end_at = 0;
		p->confirmed_messages = c.messages;
		u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_CONFIRMED, p);
		break;
	case C_HELD:
		p->end_tries = 1;
		break;
	case C_BYE:
		take_bye(u, p, &c);
		break;
	default:
		break;
	}
	return UDP_QUIET;
}

/* ---- clocks ---- */

bool udp_due(struct udp *u, int64_t at)
{
	if (at > u->now)
		udp_wake(u, at);
	return at > 0 && at <= u->now;
}

/* The window is full and no answer comes: questions or answers are lost. */
static void window_tick(struct udp *u, struct peer *p)
{
	int64_t wait = WINDOW_RETRY_MS + p->rtt_us / 250;
	uint64_t n = p->ping_number;

	if (u->config.pace > 0 || p->next_message == p->confirmed || p->pings[n % PEER_PINGS].at_us == 0)
		return;
	if (u->now_us - p->pings[n % PEER_PINGS].at_us < wait * 1000) {
		udp_wake(u, p->pings[n % PEER_PINGS].at_us / 1000 + wait + 1);
		return;
	}
	p->confirmed = p->next_message;
	udp_ping(u, p);
}

void udp_control_tick(struct udp *u, struct peer *p)
{
	if (p->kind != PEER_NATIVE || p->state < PEER_KEYED)
		return;
	/* One that nobody asked for, and that proved nothing yet, is not talked to again and again. */
	if ((p->state == PEER_UP || p->wanted) && udp_due(u, p->ping_at))
		udp_ping(u, p);
	if (p->state != PEER_UP)
		return;
	if (udp_due(u, p->probe_at))
		probe_tick(u, p);
	udp_ends_tick(u, p);
	window_tick(u, p);
}
