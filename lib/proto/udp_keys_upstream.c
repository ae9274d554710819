/*
 * udp, the key exchange with upstream.
 *
 * Nothing that it would take for a key is sent before its own key is known, or it would answer in boxes that nobody
 * can open, and go on so. Then our key goes out in clear until a box of its opens.
 *
 * Whoever was restarted has new keys. A box for our old key says that upstream still has that: if its own key is
 * remembered from then, our new one can be told at once. And upstream answers a key message for a port that it does
 * not know at once: with --solicit that is how it is asked, at a port made for the answer. The key that it uses for
 * our own port is not touched by that, so nothing that is meant for us goes out in clear.
 */
#include "udp.h"

#include <stdio.h>
#include <string.h>

#define UPSTREAM_CLEAR_MS 3000	  /* until a box of its opens */
#define UPSTREAM_ALIVE_MS 25000	  /* it shows itself every 20 s at the latest */
#define UPSTREAM_LIFETIME_MS 60000
#define UPSTREAM_PORT_MIN 1500
#define UPSTREAM_PORT_MAX 65000
#define RECALL_AGAIN_MS 120000	  /* by then it has forgotten our key */
#define RECALLS_MOST 4		  /* nobody named them: so many of one host */
#define SOLICIT_FIRST_MS 250
#define SOLICIT_MOST_MS 5000
#define DOUBT_MS 5000		  /* to prove that it is still there with the key we know */

int64_t udp_paced(const struct udp *u, int64_t ms)
{
	int64_t life = u->config.lifetime_ms;

	return life > 0 && life < UPSTREAM_LIFETIME_MS ? ms * life / UPSTREAM_LIFETIME_MS : ms;
}

/* ---- taking ---- */

static struct peer *upstream_at(struct udp *u, const struct udp_address *at)
{
	for (size_t i = 0; i < u->peers.used; i++) {
		struct peer *p = &u->peers.slots[i];

		if (p->state > PEER_GONE && p->kind == PEER_UPSTREAM && address_same(&p->at, at))
			return p;
	}
	return NULL;
}

/* Is there a vault-tools peer at this address or with this identity? It never becomes less than that. */
static bool native_known(const struct udp *u, const struct udp_address *at, const uint8_t sign[32])
{
	for (size_t i = 0; i < u->peers.used; i++) {
		const struct peer *p = &u->peers.slots[i];

		if (p->state != PEER_FREE && p->kind == PEER_NATIVE && p->has_sign &&
		    (memcmp(p->sign, sign, 32) == 0 || (p->state > PEER_GONE && address_same(&p->at, at))))
			return true;
	}
	return false;
}

static void solicit_soon(struct udp *u, struct peer *p)
{
	if (!u->config.solicit)
		return;
	p->solicit_at = u->now;
	p->solicit_ms = 0;
	udp_wake(u, u->now);
}

static void learn_upstream(struct udp *u, struct peer *p, const struct keymsg *k)
{
	bool other = !p->has_sign || memcmp(p->sign, k->sign, 32) != 0;

	if (other) {
		peer_renew(p, &u->config.rng);
		p->judged = false;
	}
	p->has_sign = true;
	p->throwaway = true;
	p->kind = PEER_UPSTREAM;
	p->mine = OWN_LASTING;
	memcpy(p->sign, k->sign, 32);
}

/* It talks in clear, so it does not have our key (any more): tell it, in clear. If it gets that, a box comes before it
 * would be told no more; and what is not there is not told, or who begins there anew would have our key too early. */
static void answer_upstream(struct udp *u, struct peer *p)
{
	udp_send_key(u, p, true);
	if (p->state == PEER_UP)
		return;
	p->tell_until = u->now + udp_paced(u, UPSTREAM_ALIVE_MS);
	p->knock_at = u->now + udp_paced(u, UPSTREAM_CLEAR_MS);
	udp_wake(u, p->knock_at);
	solicit_soon(u, p);
}

/* These are the keys of who is at ${at}. NULL: no room, or refused. */
static struct peer *settle(struct udp *u, struct peer *p, const struct udp_address *at, const struct keymsg *k, enum udp_drop *why)
{
	if (!p)
		p = udp_place_for(u, at);
	*why = UDP_DROP_FULL;
	if (!p)
		return NULL;
	learn_upstream(u, p, k);
	*why = UDP_DROP_KEY_REFUSED;
	if (!udp_welcome(u, p))
		return NULL;
	if (p->state <= PEER_AWAIT || !p->have[0]) {
		p->state = PEER_KEYED;
		p->at = *at;
		p->heard_at = u->now;
		p->limit = u->config.hooks.limit(u->config.hooks.owner, &p->at);
		p->size = p->limit;
	}
	peer_rekey(p, k->enc, u->now);
	return p;
}

/* Anybody on that host can sign a key of his own: not while the one we know is there. */
static bool still_there(struct udp *u, struct peer *p)
{
	if (p->state != PEER_UP || u->now >= p->heard_at + udp_paced(u, UPSTREAM_ALIVE_MS))
		return false;
	if (!u->config.solicit)
		return true;
	if (p->doubt_at == 0) {
		p->doubt_at = u->now;
		solicit_soon(u, p);
	}
	return u->now < p->doubt_at + DOUBT_MS;
}

enum udp_outcome udp_take_upstream_key(struct udp *u, struct udp_message *m, struct peer *boxed, const struct keymsg *k)
{
	struct udp_address at = m->from;
	enum udp_drop why;
	struct peer *p;

	if (k->has_port)
		at.port = k->port;
	if (at.port < UPSTREAM_PORT_MIN || at.port > UPSTREAM_PORT_MAX)
		return udp_drop(u, m, boxed, UDP_DROP_KEY_PORT);
	if (native_known(u, &at, k->sign))
		return udp_drop(u, m, boxed, UDP_DROP_DOWNGRADE);
	p = boxed ? boxed : upstream_at(u, &at);
	if (p && p->has_sign && memcmp(p->sign, k->sign, 32) != 0 && (boxed || still_there(u, p)))
		return udp_drop(u, m, p, UDP_DROP_KEY_CHANGED);
	p = settle(u, p, &at, k, &why);
	if (!p)
		return udp_drop(u, m, NULL, why);
	p->recalled = false;
	m->peer = p;
	if (!boxed)
		answer_upstream(u, p);
	return UDP_QUIET;
}

/* ---- remembered ---- */

static void recall(struct udp *u, struct udp_kept *k)
{
	struct peer *p = upstream_at(u, &k->at);
	struct keymsg keys = {.has_port = true, .port = k->at.port};
	enum udp_drop why;

	if ((p && p->state >= PEER_KEYED) || native_known(u, &k->at, k->sign))
		return;
	k->tried_at = u->now > 0 ? u->now : 1;
	memcpy(keys.enc, k->enc, 32);
	memcpy(keys.sign, k->sign, 32);
	p = settle(u, p, &k->at, &keys, &why);
	if (!p)
		return;
	p->recalled = true;
	answer_upstream(u, p);
}

static bool wanted_at(const struct udp *u, const struct udp_address *at)
{
	for (size_t i = 0; i < u->peers.used; i++)
		if (u->peers.slots[i].wanted && address_same(&u->peers.slots[i].at, at))
			return true;
	return false;
}

void udp_recall(struct udp *u, const struct udp_address *from)
{
	int others = 0;

	for (size_t i = 0; i < u->config.kept_count; i++) {
		struct udp_kept *k = &u->config.kept[i];

		if (!address_same_host(&k->at, from) ||
		    (k->tried_at > 0 && u->now < k->tried_at + udp_paced(u, RECALL_AGAIN_MS)))
			continue;
		if (wanted_at(u, &k->at) || (u->config.strangers && others++ < RECALLS_MOST))
			recall(u, k);
	}
}

/* ---- asked for ---- */

static bool solicits(const struct udp *u, const struct peer *p)
{
	if (!u->config.solicit || u->config.v1)
		return false;
	if (p->state == PEER_AWAIT)
		return p->wanted && (p->kind == PEER_UNKNOWN || p->kind == PEER_UPSTREAM);
	return p->kind == PEER_UPSTREAM && (p->state == PEER_KEYED || p->doubt_at > 0);
}

size_t udp_solicitation(struct udp *u, struct peer *p, uint16_t port, uint8_t *out)
{
	char json[KEYMSG_MAX];
	struct envelope e = {.c = (const uint8_t *)json};
	bool proof = (p->state == PEER_KEYED && p->tell_until > 0) || (p->state == PEER_UP && u->now < p->doubt_at + DOUBT_MS);

	if (proof)
		e.clen = udp_upstream_key(u, port, json, sizeof json);
	else
		e.clen = (size_t)snprintf(json, sizeof json, "{\"enc_key\":\"-\",\"port\":%u}", port);
	return e.clen > 0 ? udp_clear(u, p, &e, UDP_KEY_SIZE, out) : 0;
}

/* ---- clocks ---- */

void udp_upstream_tick(struct udp *u, struct peer *p)
{
	if (udp_due(u, p->tell_until)) {
		p->tell_until = p->knock_at = 0;
		/* What was remembered is not true any more. */
		if (p->recalled && p->wanted) {
			p->state = PEER_AWAIT;
			p->kind = PEER_UNKNOWN;
			p->has_sign = p->judged = p->recalled = false;
			p->knock_at = u->now;
			p->knock_ms = 0;
		} else if (p->recalled)
			udp_forget(u, p);
	}
	if (!solicits(u, p))
		p->solicit_at = 0;
	else if (p->solicit_at == 0)
		solicit_soon(u, p);
	if (!udp_due(u, p->solicit_at))
		return;
	p->solicit_ms = p->solicit_ms == 0 ? SOLICIT_FIRST_MS : p->solicit_ms * 2;
	if (p->solicit_ms > SOLICIT_MOST_MS)
		p->solicit_ms = SOLICIT_MOST_MS;
	p->solicit_at = u->now + p->solicit_ms;
	if (p->doubt_at > 0 && u->now < p->doubt_at + DOUBT_MS && p->solicit_at > p->doubt_at + DOUBT_MS)
		p->solicit_at = p->doubt_at + DOUBT_MS; /* then the question is another one */
	udp_wake(u, p->solicit_at);
	u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_SOLICIT, p);
}
