#include "peers.h"

#include <string.h>

#include "datagram.h"

#define UNPROVED_MS 5000

bool address_same_host(const struct udp_address *a, const struct udp_address *b)
{
	return memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->scope == b->scope;
}

bool address_same(const struct udp_address *a, const struct udp_address *b)
{
	return a->port == b->port && address_same_host(a, b);
}

static struct peer *free_slot(struct peers *t, int64_t now)
{
	for (size_t i = 0; i < t->used; i++) {
		struct peer *p = &t->slots[i];

		if (p->state == PEER_FREE || (p->state == PEER_GONE && p->gone_at <= now))
			return p;
	}
	if (t->used < t->count)
		return &t->slots[t->used++];
	/* One that only showed a key, and never that it holds it, has had its time. */
	for (size_t i = 0; i < t->count; i++) {
		struct peer *p = &t->slots[i];

		if (p->state == PEER_KEYED && !p->wanted && !p->up_once && now >= p->born_at + UNPROVED_MS)
			return p;
	}
	return NULL;
}

static void fresh_secrets(struct peer *p, const struct rng *rng)
{
	rng->fill(rng->ctx, p->prefix, sizeof p->prefix);
	rng->fill(rng->ctx, p->inner_prefix, sizeof p->inner_prefix);
	rng->fill(rng->ctx, p->pad_key, sizeof p->pad_key);
}

struct peer *peers_new(struct peers *t, const struct udp_address *at, int64_t now, const struct rng *rng)
{
	struct peer *p = free_slot(t, now);

	if (!p)
		return NULL;
	peers_retire(t, p);
	p->state = PEER_AWAIT;
	p->id = ++t->last_id;
	p->name = -1;
	p->at = p->from = *at;
	p->born_at = now;
	rng->fill(rng->ctx, p->sid, sizeof p->sid);
	fresh_secrets(p, rng);
	return p;
}

void peers_retire(struct peers *t, struct peer *p)
{
	struct peer_counters *sum = &t->gone;
	const struct peer_counters *n = &p->n;

	t->lost += peer_lost(p);
	sum->messages_sent += n->messages_sent;
	sum->bytes_sent += n->bytes_sent;
	sum->messages_received += n->messages_received;
	sum->bytes_received += n->bytes_received;
	sum->late += n->late;
	sum->repeated += n->repeated;
	sum->unconfirmed += n->unconfirmed;
	peers_free(p);
}

/* The table of nonces belongs to the slot and is wiped as far as it was used. */
void peers_free(struct peer *p)
{
	struct replay_nonces nonces = p->nonces;

	if (p->kind == PEER_UPSTREAM && nonces.entries)
		memset(nonces.entries, 0, nonces.count * sizeof *nonces.entries);
	secret_wipe(p, sizeof *p);
	p->nonces = nonces;
}

struct peer *peers_by_id(struct peers *t, unsigned id)
{
	for (size_t i = 0; i < t->used; i++)
		if (t->slots[i].state > PEER_GONE && t->slots[i].id == id)
			return &t->slots[i];
	return NULL;
}

struct peer *peers_by_sign(struct peers *t, const uint8_t sign[32], bool measures)
{
	for (size_t i = 0; i < t->used; i++) {
		struct peer *p = &t->slots[i];

		if (p->state != PEER_FREE && p->has_sign && p->measures == measures && memcmp(p->sign, sign, 32) == 0)
			return p;
	}
	return NULL;
}

struct peer *peers_by_address(struct peers *t, const struct udp_address *a)
{
	struct peer *from = NULL;

	if (t->last && t->last->state >= PEER_KEYED && address_same(&t->last->at, a))
		return t->last;
	for (size_t i = 0; i < t->used; i++) {
		struct peer *p = &t->slots[i];

		if (p->state <= PEER_GONE)
			continue;
		if (address_same(&p->at, a) && p->state >= PEER_KEYED)
			return t->last = p;
		if (!from && (address_same(&p->at, a) || address_same(&p->from, a)))
			from = p;
	}
	return from;
}

struct peer *peers_by_prefix(struct peers *t, const uint8_t prefix[16])
{
	for (size_t i = 0; i < t->used; i++) {
		struct peer *p = &t->slots[i];

		if (p->state >= PEER_KEYED && p->has_their_prefix && memcmp(p->their_prefix, prefix, 16) == 0)
			return p;
	}
	return NULL;
}

const uint8_t *peer_shared(struct peer *p, const struct own_keys *own, int mine, int theirs)
{
	if (!own->have[mine] || !p->have[theirs])
		return NULL;
	if (!p->made[mine][theirs]) {
		if (datagram_key(p->shared[mine][theirs], p->theirs[theirs], own->secret[mine]) < 0)
			return NULL;
		p->made[mine][theirs] = true;
	}
	return p->shared[mine][theirs];
}

void peer_rekey(struct peer *p, const uint8_t key[32], int64_t now)
{
	if (p->have[0] && memcmp(p->theirs[0], key, 32) == 0)
		return;
	memcpy(p->theirs[1], p->theirs[0], 32);
	p->have[1] = p->have[0];
	for (int m = 0; m < OWN_COUNT; m++) {
		memcpy(p->shared[m][1], p->shared[m][0], 32);
		p->made[m][1] = p->made[m][0];
		p->made[m][0] = false;
	}
	memcpy(p->theirs[0], key, 32);
	p->have[0] = true;
	p->last_theirs = 0;
	p->replaced_at = now;
}

void peer_own_rekeyed(struct peer *p)
{
	for (int t = 0; t < 2; t++) {
		memcpy(p->shared[1][t], p->shared[0][t], 32);
		p->made[1][t] = p->made[0][t];
		secret_wipe(p->shared[0][t], 32);
		p->made[0][t] = false;
	}
	p->mine = 1;
	p->last_mine = 1;
}

void peer_renew(struct peer *p, const struct rng *rng)
{
	uint64_t sure = p->end_confirmed ? p->confirmed_messages : 0;

	p->n.lost_before = peer_lost(p);
	if (p->kind == PEER_NATIVE && p->next_message > sure)
		p->n.unconfirmed += p->next_message - sure;
	secret_wipe(p->theirs, sizeof p->theirs);
	secret_wipe(p->shared, sizeof p->shared);
	memset(p->have, 0, sizeof p->have);
	memset(p->made, 0, sizeof p->made);
	memset(&p->messages, 0, sizeof p->messages);
	memset(&p->controls, 0, sizeof p->controls);
	memset(p->pings, 0, sizeof p->pings);
	p->mine = p->last_mine = p->last_theirs = 0;
	p->has_their_prefix = false;
	p->next_message = p->next_control = 0;
	p->confirmed = p->pinged = p->ping_number = p->flow = p->missed = 0;
	p->sent_bytes = p->delivered = p->received_bytes = p->confirmed_messages = p->their_messages = 0;
	p->handed_at = p->surely = 0;
	p->end_sent = p->end_confirmed = p->their_end = p->ended = false;
	p->end_tries = 0;
	fresh_secrets(p, rng);
}

uint64_t peer_lost(const struct peer *p)
{
	uint64_t missing = replay_missing(&p->messages);

	if (p->their_end && p->their_messages > p->messages.next)
		missing += p->their_messages - p->messages.next;
	return p->n.lost_before + missing;
}
