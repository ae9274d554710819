/*
 * udp, the key exchange between vault-tools (udp_keys_upstream.c has the other one).
 *
 * Each side sends its key message (map key k, which upstream passes over) to who it wants to talk to; the answer is
 * addressed to the asker's identity; a ping in a box, and its answer, prove that both have the keys. Only then data
 * flows.
 */
#include "udp.h"

#include <string.h>

#define KNOCK_FIRST_MS 250
#define KNOCK_MOST_MS 5000
#define RETRY_MS 1000	       /* until the peer has our new key */
#define UPSTREAM_CLEAR_MS 3000	  /* until a box of its opens */
#define UPSTREAM_REFRESH_MS 15000 /* it forgets after 60 s */
#define REPLIES_RATE 2 /* answers to key messages a second, to one peer */
#define REPLIES_BURST 5

/* ---- answering ---- */

/* An answer in clear: not more than a few, and not larger than what was asked. */
static void reply(struct udp *u, struct peer *p, const struct udp_address *to, size_t whole)
{
	struct udp_address at = p->at;

	if (p->reply.burst == 0)
		rate_init(&p->reply, REPLIES_RATE, REPLIES_BURST, u->now);
	if (whole < UDP_KEY_SIZE || rate_available(&p->reply, u->now) == 0)
		return;
	rate_take(&p->reply, 1);
	p->at = *to;
	udp_send_key(u, p, true);
	p->at = at;
}

/* ---- a peer that can be talked to ---- */

void udp_peer_up(struct udp *u, struct peer *p)
{
	p->state = PEER_UP;
	p->up_at = u->now;
	p->up_once = true;
	p->knock_at = 0;
	p->knock_ms = 0;
	p->tell_until = p->solicit_at = p->doubt_at = 0;
	p->recalled = false;
	if (p->kind == PEER_NATIVE && !p->measures)
		udp_probe_start(u, p);
	else
		p->sized = true;
	if (p->kind != PEER_NATIVE)
		p->refresh_at = u->now + udp_paced(u, UPSTREAM_REFRESH_MS);
	u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_UP, p);
}

/* ---- taking ---- */

static enum udp_drop fault_drop(enum keymsg_fault f)
{
	switch (f) {
	case KEYMSG_E_SIGNATURE:
		return UDP_DROP_KEY_SIGNATURE;
	case KEYMSG_E_TEXT:
		return UDP_DROP_KEY_TEXT;
	case KEYMSG_E_KEY:
		return UDP_DROP_KEY_WEAK;
	default:
		return UDP_DROP_KEY_FORM;
	}
}

struct peer *udp_place_for(struct udp *u, const struct udp_address *at)
{
	struct peer *p;

	for (size_t i = 0; i < u->peers.used; i++) {
		p = &u->peers.slots[i];
		if (p->state == PEER_AWAIT && !p->has_sign && address_same(&p->at, at))
			return p;
	}
	p = peers_new(&u->peers, at, u->now, &u->config.rng);
	if (p)
		rate_init(&p->rate, u->config.rate_limit, u->config.rate_limit, u->now);
	return p;
}

/* The user named this address, and who is there is known from elsewhere: it is that one. */
static void merge(struct udp *u, struct peer *p, const struct udp_address *at)
{
	for (size_t i = 0; i < u->peers.used; i++) {
		struct peer *q = &u->peers.slots[i];

		if (q == p || !q->wanted || !address_same(&q->at, at) ||
		    !(q->state == PEER_AWAIT || (q->state == PEER_KEYED && q->kind == PEER_UPSTREAM)))
			continue;
		p->wanted = true;
		p->name = q->name;
		p->judged = false;
		udp_forget(u, q);
	}
}

bool udp_welcome(struct udp *u, struct peer *p)
{
	if (p->judged)
		return true;
	if (u->config.hooks.judge(u->config.hooks.owner, p)) {
		p->judged = true;
		return true;
	}
	if (p->wanted) {
		p->has_sign = false;
		p->kind = u->config.v1 ? PEER_V1 : PEER_UNKNOWN;
		p->state = PEER_AWAIT;
	} else
		peers_retire(&u->peers, p);
	return false;
}

static uint64_t told_buffer(const struct keymsg *k)
{
	const char *at = strstr(k->caps, "buf=");
	uint64_t n = 0;

	if (!at || (at != k->caps && at[-1] != ','))
		return 0;
	for (at += 4; *at >= '0' && *at <= '9' && n < (UINT64_C(1) << 40); at++)
		n = n * 10 + (uint64_t)(*at - '0');
	return n;
}

/* The checks of a native message that need no signature. */
static int native_drop(const struct udp *u, const struct peer *p, const struct keymsg *k)
{
	int64_t ts = k->ts > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)k->ts, age = u->wall - ts;

	if (age > u->config.max_age_ms || age < -u->config.max_age_ms)
		return UDP_DROP_KEY_TIME;
	if (p && p->kind == PEER_NATIVE && k->ts <= p->ts)
		return UDP_DROP_KEY_REPLAY;
	if ((k->has_to && memcmp(k->to, u->config.sign_secret + 32, 32) != 0) || keymsg_can(k, "announce"))
		return UDP_DROP_KEY_AUDIENCE;
	return -1;
}

/* What a good key message says about the peer. */
static void learn_native(struct udp *u, struct peer *p, const struct keymsg *k, const struct udp_address *from, bool boxed)
{
	bool anew = p->ts == 0 || memcmp(p->their_sid, k->sid, sizeof k->sid) != 0;

	p->ts = k->ts;
	p->throwaway = keymsg_can(k, "throwaway");
	p->window_bytes = told_buffer(k);
	if (anew) {
		peer_renew(p, &u->config.rng);
		memcpy(p->their_sid, k->sid, sizeof k->sid);
	}
	/* A session's address only follows its boxes. */
	if (anew || (p->state != PEER_UP && !boxed)) {
		p->at = p->from = *from;
		p->state = PEER_KEYED;
		p->heard_at = u->now;
		p->end_sent = p->end_confirmed = false;
		p->end_tries = 0;
		p->limit = u->config.hooks.limit(u->config.hooks.owner, &p->at);
		p->size = p->limit < UDP_SIZE_LEAST ? p->limit : UDP_SIZE_LEAST;
		p->sized = false;
	}
	peer_rekey(p, k->enc, u->now);
}

static enum udp_outcome take_native_key(struct udp *u, struct udp_message *m, struct peer *boxed, const struct keymsg *k,
    size_t whole)
{
	struct peer *p = peers_by_sign(&u->peers, k->sign, keymsg_can(k, "measure"));
	bool new_key;

	/* Not addressed, and we know each other: it may have been restarted, or somebody plays back what was
	 * meant for others. The answer tells it whom to address. */
	if (p && !boxed && !k->has_to && p->state == PEER_UP) {
		p->ts = k->ts;
		reply(u, p, &m->from, whole);
		return udp_drop(u, m, p, UDP_DROP_KEY_AUDIENCE);
	}
	if (!p)
		p = udp_place_for(u, &m->from);
	if (!p)
		return udp_drop(u, m, NULL, UDP_DROP_FULL);
	merge(u, p, &m->from);
	p->has_sign = true;
	p->kind = PEER_NATIVE;
	memcpy(p->sign, k->sign, 32);
	p->measures = keymsg_can(k, "measure");
	p->throwaway = keymsg_can(k, "throwaway");
	if (!p->judged)
		p->from = m->from;
	if (!udp_welcome(u, p))
		return udp_drop(u, m, NULL, UDP_DROP_KEY_REFUSED);
	new_key = !p->have[0] || memcmp(p->theirs[0], k->enc, 32) != 0;
	learn_native(u, p, k, &m->from, boxed != NULL);
	m->peer = p;
	/* A box to its new key tells it that we have it; what comes back tells us the same. One that proved nothing yet
	 * gets one datagram for one. */
	if (!boxed && (!k->has_to || new_key))
		reply(u, p, &m->from, whole);
	if (k->has_to && (p->state == PEER_UP ? new_key : !new_key || p->wanted))
		udp_ping(u, p);
	if (p->state == PEER_KEYED && !p->wanted)
		p->knock_at = 0;
	if (p->state == PEER_KEYED && p->wanted) {
		p->knock_at = u->now + RETRY_MS;
		udp_wake(u, p->knock_at);
	}
	return UDP_QUIET;
}

enum udp_outcome udp_take_key(struct udp *u, struct udp_message *m, struct peer *boxed, const uint8_t *json, size_t n,
    size_t whole, bool ours)
{
	const char *text = (const char *)json;
	struct keymsg k;
	struct peer *p;
	enum keymsg_fault fault;
	int drop;

	if (keymsg_read(&k, text, n) != KEYMSG_OK)
		return udp_drop(u, m, boxed, UDP_DROP_KEY_FORM);
	if (memcmp(k.sign, u->config.sign_secret + 32, 32) == 0)
		return udp_drop(u, m, boxed, UDP_DROP_KEY_OWN);
	p = peers_by_sign(&u->peers, k.sign, k.native && keymsg_can(&k, "measure"));
	if (boxed && boxed != p)
		return udp_drop(u, m, boxed, UDP_DROP_KEY_CHANGED);
	/* Ours come in their own place: what was stripped to one of upstream's is not taken for that there. */
	if (ours && !k.native)
		return udp_drop(u, m, boxed, UDP_DROP_KEY_FORM);
	drop = k.native ? native_drop(u, p, &k) : -1;
	if (drop >= 0)
		return udp_drop(u, m, boxed, (enum udp_drop)drop);
	fault = keymsg_verify(&k, text, n);
	if (fault != KEYMSG_OK)
		return udp_drop(u, m, boxed, fault_drop(fault));
	return k.native ? take_native_key(u, m, boxed, &k, whole) : udp_take_upstream_key(u, m, boxed, &k);
}

/* ---- clocks ---- */

void udp_keys_tick(struct udp *u, struct peer *p)
{
	udp_upstream_tick(u, p);
	if (udp_due(u, p->knock_at)) {
		p->knock_ms = p->knock_ms == 0 ? KNOCK_FIRST_MS : p->knock_ms * 2;
		if (p->knock_ms > KNOCK_MOST_MS)
			p->knock_ms = KNOCK_MOST_MS;
		p->knock_at = u->now + (p->kind == PEER_UPSTREAM ? udp_paced(u, UPSTREAM_CLEAR_MS) : p->knock_ms);
		udp_wake(u, p->knock_at);
		if (p->kind == PEER_V1)
			udp_v1_send_key(u, p);
		else
			udp_send_key(u, p, true);
	}
	if (udp_due(u, p->refresh_at)) {
		p->refresh_at = p->kind == PEER_NATIVE ? (p->mine == 0 ? 0 : u->now + RETRY_MS) : u->now + udp_paced(u, UPSTREAM_REFRESH_MS);
		udp_wake(u, p->refresh_at);
		if (p->kind == PEER_V1)
			udp_v1_send_key(u, p);
		else if (p->state == PEER_UP && (p->kind == PEER_UPSTREAM || p->mine != 0))
			udp_send_key(u, p, false);
	}
}
