#include "iptable.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "crypto/secret.h"

#define ROOM_FIRST 64

struct iptable_slot {
	struct ipkey key;
	int64_t count; /* 0: free */
};

void iptable_key(struct ipkey *k, const struct sockaddr *sa)
{
	memset(k, 0, sizeof *k);
	if (sa->sa_family == AF_INET) {
		k->family = 4;
		memcpy(k->bytes, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)sa)->sin6_addr;

		k->family = IN6_IS_ADDR_V4MAPPED(a) ? 4 : 6;
		memcpy(k->bytes, a->s6_addr + (k->family == 4 ? 12 : 0), k->family == 4 ? 4 : 8);
	}
}

/* Keyed, so that nobody can choose addresses that collide. */
static size_t place(const struct iptable *t, const struct ipkey *k)
{
	static uint8_t secret[HASH_SHORT_KEY];
	static bool ready;
	uint64_t h;

	if (!ready)
		secret_rng.fill(secret_rng.ctx, secret, sizeof secret);
	ready = true;
	h = hash_short(secret, k, sizeof *k);
	return (size_t)(h & (t->room - 1));
}

static struct iptable_slot *find(const struct iptable *t, const struct ipkey *k)
{
	size_t i = place(t, k);

	while (t->slots[i].count > 0 && memcmp(&t->slots[i].key, k, sizeof *k) != 0)
		i = (i + 1) & (t->room - 1);
	return &t->slots[i];
}

static int grow(struct iptable *t)
{
	struct iptable old = *t;

	t->room = old.room > 0 ? 2 * old.room : ROOM_FIRST;
	t->slots = calloc(t->room, sizeof *t->slots);
	if (!t->slots) {
		*t = old;
		return -1;
	}
	for (size_t i = 0; i < old.room; i++)
		if (old.slots[i].count > 0)
			*find(t, &old.slots[i].key) = old.slots[i];
	free(old.slots);
	return 0;
}

int64_t iptable_add(struct iptable *t, const struct ipkey *k)
{
	struct iptable_slot *slot;

	if (2 * (t->used + 1) > t->room && grow(t) < 0)
		return -1;
	slot = find(t, k);
	if (slot->count == 0) {
		slot->key = *k;
		t->used++;
	}
	return ++slot->count;
}

/* A freed slot must not hide those that were put behind it. */
static void close_gap(struct iptable *t, size_t gap)
{
	for (size_t i = (gap + 1) & (t->room - 1); t->slots[i].count > 0; i = (i + 1) & (t->room - 1)) {
		size_t home = place(t, &t->slots[i].key);

		if (((i - home) & (t->room - 1)) < ((i - gap) & (t->room - 1)))
			continue;
		t->slots[gap] = t->slots[i];
		t->slots[i].count = 0;
		gap = i;
	}
}

void iptable_drop(struct iptable *t, const struct ipkey *k)
{
	struct iptable_slot *slot;

	if (t->room == 0)
		return;
	slot = find(t, k);
	if (slot->count == 0 || --slot->count > 0)
		return;
	t->used--;
	close_gap(t, (size_t)(slot - t->slots));
}

void iptable_free(struct iptable *t)
{
	free(t->slots);
	memset(t, 0, sizeof *t);
}
