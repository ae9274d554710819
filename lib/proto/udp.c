#include "udp.h"

#include <sodium.h>
#include <stddef.h>
#include <string.h>

#define KEEP_MS 60000
#define SILENT_MS 75000	     /* three pings unanswered: nobody is there */
#define EVERYONE_RATE 2000   /* datagrams a second from all strangers */
#define KNOCKS_RATE 10

const char *udp_drop_name(enum udp_drop why)
{
	switch (why) {
#define X(name, text) \
	case UDP_DROP_##name: \
		return text;
		UDP_DROP_MAP(X)
#undef X
	case UDP_DROP_COUNT:
		break;
	}
	return "unknown";
}

enum udp_outcome udp_drop(struct udp *u, struct udp_message *m, struct peer *p, enum udp_drop why)
{
	u->drops[why]++;
	if (p)
		p->n.dropped++;
	m->peer = p;
	m->why = why;
	return UDP_DROPPED;
}

void udp_wake(struct udp *u, int64_t at)
{
	if (at > 0 && at < u->deadline)
		u->deadline = at;
}

void udp_init(struct udp *u, const struct udp_config *c, struct peer *slots, size_t count, struct replay_entry *entries,
    size_t cache)
{
	/* Not the buffers: to touch them would cost more than all the rest of it. */
	memset(u, 0, offsetof(struct udp, plain));
	u->config = *c;
	u->peers.slots = slots;
	u->peers.count = count;
	u->deadline = INT64_MAX;
	u->nonces = entries;
	u->nonces_each = cache;
}

void udp_free(struct udp *u)
{
	for (size_t i = 0; i < u->peers.used; i++)
		peers_free(&u->peers.slots[i]);
	squash_free(&u->squash);
	unsquash_free(&u->unsquash);
	secret_wipe(u, sizeof *u);
}

/* How long a key that was replaced stays. */
static int64_t keep_ms(const struct udp *u)
{
	return u->config.lifetime_ms > 0 ? u->config.lifetime_ms : KEEP_MS;
}

/* A new pair of our own; the one before stays for one more period. */
static void new_keys(struct udp *u)
{
	struct own_keys *own = &u->own;

	memcpy(own->secret[1], own->secret[0], 32);
	memcpy(own->public[1], own->public[0], 32);
	own->have[1] = own->have[0];
	u->config.rng.fill(u->config.rng.ctx, own->secret[0], 32);
	crypto_scalarmult_base(own->public[0], own->secret[0]);
	own->have[0] = true;
	if (own->have[OWN_LASTING])
		return;
	u->config.rng.fill(u->config.rng.ctx, own->secret[OWN_LASTING], 32);
	crypto_scalarmult_base(own->public[OWN_LASTING], own->secret[OWN_LASTING]);
	own->have[OWN_LASTING] = true;
}

void udp_clock(struct udp *u, int64_t now_us, int64_t wall_ms)
{
	u->now_us = now_us;
	u->now = now_us / 1000;
	u->wall = wall_ms;
	if (u->own.have[0])
		return;
	new_keys(u);
	u->rotate_at = u->now + u->config.lifetime_ms;
	rate_init(&u->everyone, EVERYONE_RATE, EVERYONE_RATE, u->now);
	rate_init(&u->knocks, KNOCKS_RATE, KNOCKS_RATE, u->now);
	udp_wake(u, u->config.lifetime_ms > 0 ? u->rotate_at : 0);
}

void udp_rotate(struct udp *u)
{
	new_keys(u);
	u->rotate_at = u->now + u->config.lifetime_ms;
	for (size_t i = 0; i < u->peers.used; i++) {
		struct peer *p = &u->peers.slots[i];

		if (p->state == PEER_FREE || p->kind == PEER_UPSTREAM || p->kind == PEER_UNKNOWN)
			continue;
		peer_own_rekeyed(p);
		p->refresh_at = u->now;
		udp_wake(u, u->now);
	}
}

struct peer *udp_add(struct udp *u, const struct udp_address *at, int name)
{
	struct peer *p = peers_by_address(&u->peers, at);

	if (!p || (p->wanted && !address_same(&p->at, at)))
		p = peers_new(&u->peers, at, u->now, &u->config.rng);
	if (!p)
		return NULL;
	p->wanted = true;
	p->name = name;
	p->limit = u->config.hooks.limit(u->config.hooks.owner, at);
	if (p->state == PEER_AWAIT)
		p->size = p->limit;
	if (p->rate.burst == 0)
		rate_init(&p->rate, u->config.rate_limit, u->config.rate_limit, u->now);
	if (p->state == PEER_AWAIT)
		p->knock_at = u->now;
	if (u->config.v1) {
		p->kind = PEER_V1;
		p->refresh_at = u->now;
	}
	udp_wake(u, u->now);
	return p;
}

void udp_forget(struct udp *u, struct peer *p)
{
	int64_t ahead = (int64_t)p->ts - u->wall;

	if (!p->has_sign || p->kind != PEER_NATIVE || p->ts == 0) {
		peers_retire(&u->peers, p);
		return;
	}
	/* As long as its last key message could be played back, so could what was sealed under it. */
	p->state = PEER_GONE;
	p->wanted = false;
	p->gone_at = u->now + u->config.max_age_ms + (ahead > 0 ? ahead : 0) + 1000;
}

void udp_remove(struct udp *u, struct peer *p)
{
	udp_bye(u, p, "removed");
	p->wanted = false;
	udp_forget(u, p);
}

/* Nothing was heard for long: a wanted one is asked again, another one is forgotten. */
static void silence(struct udp *u, struct peer *p)
{
	if (p->state < PEER_KEYED || u->now < p->heard_at + SILENT_MS) {
		if (p->state >= PEER_KEYED)
			udp_wake(u, p->heard_at + SILENT_MS);
		return;
	}
	if (p->state == PEER_UP)
		u->config.hooks.event(u->config.hooks.owner, UDP_EVENT_DOWN, p);
	if (!p->wanted) {
		udp_remove(u, p);
		return;
	}
	p->doubt_at = 0;
	/* One that begins anew must not have our key before it has shown its own: nothing is said, but its boxes still open. */
	if (p->kind == PEER_UPSTREAM) {
		p->state = PEER_KEYED;
		p->heard_at = u->now;
		p->knock_at = p->refresh_at = 0;
		return;
	}
	/* Keys and numbers stay: perhaps it goes on where it was. */
	p->state = PEER_AWAIT;
	p->knock_at = u->now;
	p->knock_ms = 0;
	p->refresh_at = p->ping_at = p->probe_at = p->end_at = 0;
	udp_wake(u, p->knock_at);
}

void udp_tick(struct udp *u)
{
	u->deadline = INT64_MAX;
	if (u->config.lifetime_ms > 0 && u->now >= u->rotate_at)
		udp_rotate(u);
	udp_wake(u, u->config.lifetime_ms > 0 ? u->rotate_at : 0);
	for (size_t i = 0; i < u->peers.used; i++) {
		struct peer *p = &u->peers.slots[i];

		if (p->state <= PEER_GONE)
			continue;
		/* The key before its newest one opens what was in flight, and no more. */
		if (p->have[1] && u->now >= p->replaced_at + keep_ms(u)) {
			secret_wipe(p->theirs[1], 32);
			p->have[1] = p->made[0][1] = p->made[1][1] = p->made[2][1] = false;
		}
		udp_keys_tick(u, p);
		udp_control_tick(u, p);
		silence(u, p);
	}
}
