/* udp, what comes in. */
#include "udp.h"

#include <math.h>
#include <string.h>

#include "bigendian.h"

#define STRANGER_RATE 100 /* datagrams a second from one unknown host */
#define MOVE_RETRY_MS 1000
#define TRIES 8		  /* peers on the same host whose keys are tried */

/* ---- who may make us work ---- */

/* IPv6: a customer has a /64. */
static void host_of(uint8_t host[16], const struct udp_address *a)
{
	static const uint8_t v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	memcpy(host, a->ip, 16);
	if (memcmp(host, v4, sizeof v4) != 0)
		memset(host + 8, 0, 8);
}

/* The bucket of an unknown host: its own while there is one to be had. */
static struct rate *stranger(struct udp *u, const struct udp_address *a)
{
	struct udp_stranger *oldest = &u->strangers[0], *s;
	uint8_t host[16];

	host_of(host, a);
	for (size_t i = 0; i < UDP_STRANGERS; i++) {
		s = &u->strangers[i];
		if (s->used_at > 0 && memcmp(s->ip, host, 16) == 0) {
			s->used_at = u->now;
			return &s->rate;
		}
		if (s->used_at < oldest->used_at)
			oldest = s;
	}
	/* One that was used within a second is not given away: then there is only the bucket of all. */
	if (oldest->used_at > 0 && u->now - oldest->used_at < 1000)
		return NULL;
	memcpy(oldest->ip, host, 16);
	oldest->used_at = u->now > 0 ? u->now : 1;
	rate_init(&oldest->rate, STRANGER_RATE, STRANGER_RATE, u->now);
	return &oldest->rate;
}

static bool take_one(struct rate *r, int64_t now)
{
	if (r->per_second == 0)
		return true;
	if (rate_available(r, now) == 0)
		return false;
	rate_take(r, 1);
	return true;
}

static bool allowed(struct udp *u, struct peer *p, const struct udp_address *from)
{
	struct rate *own;

	if (p)
		return take_one(&p->rate, u->now);
	own = stranger(u, from);
	return (!own || take_one(own, u->now)) && take_one(&u->everyone, u->now);
}

/* ---- keys that may open it ---- */

struct opening {
	struct datagram d;
	int mine, theirs;
};

static bool try_pair(struct udp *u, struct peer *p, int mine, int theirs, uint8_t *bytes, size_t n, struct opening *o)
{
	const uint8_t *shared = peer_shared(p, &u->own, mine, theirs);

	if (!shared || datagram_open(&o->d, bytes, n, shared) < 0)
		return false;
	o->mine = mine;
	o->theirs = theirs;
	return true;
}

/* What opened last is the best guess. */
static bool try_peer(struct udp *u, struct peer *p, uint8_t *bytes, size_t n, struct opening *o)
{
	int mine = p->last_mine, theirs = p->last_theirs;

	if (p->state < PEER_KEYED || p->kind == PEER_V1)
		return false;
	if (p->kind == PEER_UPSTREAM)
		return try_pair(u, p, OWN_LASTING, theirs, bytes, n, o) ||
		    try_pair(u, p, OWN_LASTING, 1 - theirs, bytes, n, o);
	return try_pair(u, p, mine, theirs, bytes, n, o) || try_pair(u, p, mine, 1 - theirs, bytes, n, o) ||
	    try_pair(u, p, 1 - mine, theirs, bytes, n, o) || try_pair(u, p, 1 - mine, 1 - theirs, bytes, n, o);
}

/* The peer at this address, one whose nonces begin like that, one on this host: bounded tries. */
static struct peer *try_all(struct udp *u, struct peer *known, const struct udp_address *from, uint8_t *bytes, size_t n,
    struct opening *o)
{
	struct peer *hint;
	int tries = 0;

	if (n < DATAGRAM_HEAD)
		return NULL;
	if (known && try_peer(u, known, bytes, n, o))
		return known;
	hint = peers_by_prefix(&u->peers, bytes);
	if (hint && hint != known && try_peer(u, hint, bytes, n, o))
		return hint;
	for (size_t i = 0; i < u->peers.used && tries < TRIES; i++) {
		struct peer *p = &u->peers.slots[i];

		if (p->state < PEER_KEYED || p == known || p == hint || !address_same_host(&p->at, from))
			continue;
		tries++;
		if (try_peer(u, p, bytes, n, o))
			return p;
	}
	return NULL;
}

/* ---- what was in the box ---- */

static bool fresh(const struct udp *u, double unix_time)
{
	double age = (double)u->wall / 1000 - unix_time;

	/* Written so that what is not a number is not fresh. */
	return isfinite(unix_time) && age <= (double)u->config.max_age_ms / 1000 && age >= -(double)u->config.skew_ms / 1000;
}

static bool native_direction(const struct udp *u, const struct peer *p, const struct envelope *e)
{
	uint8_t theirs = memcmp(p->sign, u->config.sign_secret + 32, 32) < 0 ? 0 : 1;

	return e->has_d && e->d == theirs;
}

/* It is authentic: what that says about keys and about where the peer is. */
static void heard(struct udp *u, struct peer *p, const struct udp_message *m, const struct opening *o, const uint8_t *nonce,
    bool newest)
{
	p->heard_at = u->now;
	p->doubt_at = 0;
	p->last_mine = o->mine;
	p->last_theirs = o->theirs;
	if (o->mine == OWN_NEWEST)
		p->mine = OWN_NEWEST;
	memcpy(p->their_prefix, nonce, 16);
	p->has_their_prefix = true;
	if (p->state == PEER_KEYED)
		udp_peer_up(u, p);
	if (!newest)
		return;
	p->from = m->from;
	/* Upstream sends from a port where it does not listen. Anybody could send a copy on from elsewhere:
	 * the peer has moved when it answers from there. */
	if (p->kind == PEER_NATIVE && !address_same(&p->at, &m->from) &&
	    (!address_same(&p->candidate, &m->from) || u->now >= p->candidate_at + MOVE_RETRY_MS)) {
		struct udp_address at = p->at;

		p->candidate = p->at = m->from;
		p->candidate_at = u->now;
		udp_ping(u, p);
		p->candidate_ping = p->ping_number;
		p->at = at;
	}
}

/* The payload: a message, or a reason to drop it. */
static enum udp_outcome deliver(struct udp *u, struct udp_message *m, struct peer *p, const struct envelope *e)
{
	const char *why;

	if (unsquash_message(&u->unsquash, e->p, e->plen, u->plain, sizeof u->plain, &m->text, &m->len, &why) < 0)
		return udp_drop(u, m, p, UDP_DROP_TEXT);
	m->peer = p;
	if (p) {
		p->n.messages_received++;
		p->n.bytes_received += m->len;
		if (p->handed_at <= u->written)
			p->surely = p->delivered;
		p->delivered++;
		p->handed_at = ++u->handed;
		if (!u->config.writes)
			u->written = u->handed;
		p->received_bytes += m->len;
		p->last_data_at = u->now;
	}
	return UDP_MESSAGE;
}

static enum udp_outcome take_native(struct udp *u, struct udp_message *m, struct peer *p, const struct opening *o,
    const uint8_t *nonce, const struct envelope *e, size_t whole)
{
	bool control = e->clen > 0 || e->klen > 0;
	struct replay_window *w = control ? &p->controls : &p->messages;
	enum replay_verdict seen;

	/* Either a message or something of the protocol's own: they are numbered apart. */
	if (!e->has_s || !e->has_d || control == (e->plen > 0) || (e->clen > 0 && e->klen > 0))
		return udp_drop(u, m, p, UDP_DROP_MAP);
	if (!native_direction(u, p, e))
		return udp_drop(u, m, p, UDP_DROP_REFLECTED);
	seen = replay_check(w, e->s);
	if (seen == REPLAY_SEEN)
		p->n.repeated++;
	if (seen == REPLAY_SEEN || seen == REPLAY_OLD)
		return udp_drop(u, m, p, UDP_DROP_REPLAY);
	heard(u, p, m, o, nonce, seen == REPLAY_NEW);
	replay_note(w, e->s);
	if (!control) {
		p->n.late += seen == REPLAY_LATE;
		return deliver(u, m, p, e);
	}
	if (e->klen > 0)
		return udp_take_key(u, m, p, e->k, e->klen, whole, true);
	return udp_take_control(u, m, p, e->c, e->clen, whole);
}

/* The slot's part of the table, from the first time on that it is needed: most slots never are used. */
static struct replay_nonces *nonces_of(struct udp *u, struct peer *p)
{
	struct replay_nonces *r = &p->nonces;

	if (!r->entries && u->nonces_each > 0) {
		r->entries = u->nonces + (size_t)(p - u->peers.slots) * u->nonces_each;
		r->count = u->nonces_each;
		u->config.rng.fill(u->config.rng.ctx, (uint8_t *)&r->salt, sizeof r->salt);
	}
	return r;
}

static enum udp_outcome take_upstream(struct udp *u, struct udp_message *m, struct peer *p, const struct opening *o,
    const uint8_t *nonce, const struct envelope *e, size_t whole)
{
	int64_t until = u->now + u->config.max_age_ms + u->config.skew_ms + 1;
	enum udp_outcome outcome = UDP_QUIET;

	switch (replay_nonce(nonces_of(u, p), o->d.inner, u->now > 0 ? u->now : 1, until)) {
	case REPLAY_SEEN:
		p->n.repeated++;
		return udp_drop(u, m, p, UDP_DROP_REPLAY);
	case REPLAY_OLD:
		return udp_drop(u, m, p, UDP_DROP_CACHE);
	default:
		break;
	}
	heard(u, p, m, o, nonce, true);
	if (e->clen > 0)
		outcome = udp_take_key(u, m, p, e->c, e->clen, whole, false);
	return e->plen > 0 ? deliver(u, m, p, e) : outcome;
}

static enum udp_outcome take_box(struct udp *u, struct udp_message *m, struct peer *p, const struct opening *o,
    const uint8_t *bytes, size_t n)
{
	struct envelope e;

	if (memcmp(bytes, p->prefix, 16) == 0)
		return udp_drop(u, m, p, UDP_DROP_REFLECTED);
	if (!fresh(u, o->d.unix_time))
		return udp_drop(u, m, p, UDP_DROP_TIME);
	if (envelope_read(&e, o->d.map, o->d.len) < 0)
		return udp_drop(u, m, p, UDP_DROP_MAP);
	m->peer = p;
	if (p->kind == PEER_NATIVE)
		return take_native(u, m, p, o, bytes, &e, n);
	return take_upstream(u, m, p, o, bytes, &e, n);
}

/* ---- in clear ---- */

static enum udp_outcome take_clear(struct udp *u, struct udp_message *m, struct peer *p, const struct envelope *e, size_t n)
{
	enum udp_outcome outcome = UDP_QUIET;

	if (e->klen > 0)
		return udp_take_key(u, m, NULL, e->k, e->klen, n, true);
	if (e->clen > 0)
		outcome = udp_take_key(u, m, NULL, e->c, e->clen, n, false);
	if (e->plen == 0)
		return outcome;
	/* Whoever has shown a key has no need to talk in clear. */
	if (!u->config.opportunistic || (p && p->kind == PEER_NATIVE))
		return udp_drop(u, m, p, UDP_DROP_CLEAR);
	m->clear = true;
	if (p)
		p->n.clear_received++;
	return deliver(u, m, p, e);
}

enum udp_outcome udp_receive(struct udp *u, const struct udp_address *from, uint8_t *bytes, size_t n, struct udp_message *m)
{
	struct peer *known = peers_by_address(&u->peers, from), *p;
	struct opening o;
	struct envelope e;

	*m = (struct udp_message){.from = *from};
	if (n == 0 || n > DATAGRAM_MAX)
		return udp_drop(u, m, known, UDP_DROP_SIZE);
	if (!allowed(u, known, from))
		return udp_drop(u, m, known, UDP_DROP_RATE);
	if (u->config.v1)
		return udp_v1_receive(u, bytes, n, m);
	p = try_all(u, known, from, bytes, n, &o);
	if (p)
		return take_box(u, m, p, &o, bytes, n);
	if (envelope_read(&e, bytes, n) == 0)
		return take_clear(u, m, known, &e, n);
	if (n >= DATAGRAM_HEAD)
		udp_recall(u, from);
	udp_knock(u, from, n);
	return udp_drop(u, m, known, UDP_DROP_JUNK);
}
