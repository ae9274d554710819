/* udp_net: engines of vault-udp on a network of memory, with a clock and randomness of the test's own. */
#ifndef UDP_NET_H
#define UDP_NET_H

#include <sodium.h>

#include "proto/udp.h"
#include "unit.h"

#define NET_QUEUE 4096
#define NET_HOSTS 3
#define NET_SLOTS 4
#define NET_CACHE 64
#define NET_WALL INT64_C(1700000000000)

struct net_datagram {
	struct udp_address from, to;
	size_t len;
	uint8_t bytes[2048];
};

struct net_host {
	struct udp *u;
	struct peer *slots;
	struct replay_entry *cache;
	struct udp_address at;
	uint64_t seed;
	bool refuses; /* its judge */
	size_t limit; /* of its route */
	int events[16];
	int messages, clear;
	char last[2048];
	size_t last_len;
};

/* What is under way; tests may look at it, change it, throw it away. */
static struct net_datagram net_queue[NET_QUEUE];
static size_t net_count;
static struct net_host net_hosts[NET_HOSTS];
static int64_t net_now_us; /* of all hosts */
static size_t net_path = 2000; /* larger datagrams vanish */

static void net_fill(void *ctx, uint8_t *buf, size_t n)
{
	struct net_host *h = ctx;
	uint8_t seed[randombytes_SEEDBYTES] = {(uint8_t)(h - net_hosts + 1)};

	h->seed++;
	memcpy(seed + 8, &h->seed, 8);
	randombytes_buf_deterministic(buf, n, seed);
}

static void net_put(const struct udp_address *from, const struct udp_address *to, const uint8_t *bytes, size_t n)
{
	struct net_datagram *d = &net_queue[net_count];

	if (net_count == NET_QUEUE || n > net_path || n > sizeof d->bytes)
		return;
	d->from = *from;
	d->to = *to;
	d->len = n;
	memcpy(d->bytes, bytes, n);
	net_count++;
}

static void net_on_send(void *owner, const struct udp_address *to, const uint8_t *bytes, size_t n)
{
	struct net_host *h = owner;

	net_put(&h->at, to, bytes, n);
}

static bool net_on_judge(void *owner, struct peer *p)
{
	struct net_host *h = owner;

	(void)p;
	return !h->refuses;
}

static void net_on_event(void *owner, enum udp_event what, struct peer *p)
{
	struct net_host *h = owner;

	(void)p;
	h->events[what]++;
}

static size_t net_on_limit(void *owner, const struct udp_address *at)
{
	(void)at;
	return ((struct net_host *)owner)->limit;
}

static struct udp_address net_address(int host, uint16_t port)
{
	return (struct udp_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)host}, .port = port};
}

static void net_clock(struct net_host *h)
{
	udp_clock(h->u, net_now_us, NET_WALL + net_now_us / 1000);
}

static const struct udp_config net_defaults = {.padding = true, .lifetime_ms = 60000, .max_age_ms = 60000, .skew_ms = 60000,
    .probe = true, .receive_buffer = 1 << 20, .strangers = true};

/* A host with an identity that stays the same over restarts. */
static struct net_host *net_start(int i, const struct udp_config *like)
{
	struct net_host *h = &net_hosts[i];
	struct udp_config c = *like;
	uint8_t public[32], seed[32] = {(uint8_t)(i + 1), 7};
	uint64_t random = h->seed;

	memset(h, 0, sizeof *h);
	h->seed = random;
	h->u = calloc(1, sizeof *h->u);
	h->slots = calloc(NET_SLOTS, sizeof *h->slots);
	h->cache = calloc((size_t)NET_SLOTS * NET_CACHE, sizeof *h->cache);
	if (!h->u || !h->slots || !h->cache)
		abort();
	h->at = net_address(i + 1, (uint16_t)(11000 + i));
	h->limit = 1472;
	crypto_sign_seed_keypair(public, c.sign_secret, seed);
	c.rng = (struct rng){net_fill, h};
	c.hooks = (struct udp_hooks){net_on_send, net_on_judge, net_on_event, net_on_limit, h};
	udp_init(h->u, &c, h->slots, NET_SLOTS, h->cache, NET_CACHE);
	h->u->port = h->at.port;
	net_clock(h);
	return h;
}

static void net_stop(struct net_host *h)
{
	if (!h->u)
		return;
	udp_free(h->u);
	free(h->u);
	free(h->slots);
	free(h->cache);
	h->u = NULL;
}

static void net_stop_all(void)
{
	for (int i = 0; i < NET_HOSTS; i++)
		net_stop(&net_hosts[i]);
	net_count = 0;
	net_path = 2000;
}

/* Hand a datagram to the host it is for; the outcome. */
static enum udp_outcome net_deliver(const struct net_datagram *d)
{
	enum udp_outcome outcome = UDP_QUIET;

	for (int i = 0; i < NET_HOSTS; i++) {
		struct net_host *h = &net_hosts[i];
		struct net_datagram copy = *d;
		struct udp_message m;

		if (!h->u || !address_same(&h->at, &d->to))
			continue;
		net_clock(h);
		outcome = udp_receive(h->u, &d->from, copy.bytes, copy.len, &m);
		if (outcome != UDP_MESSAGE)
			continue;
		h->messages++;
		h->clear += m.clear;
		h->last_len = m.len < sizeof h->last ? m.len : sizeof h->last - 1;
		memcpy(h->last, m.text, h->last_len);
		h->last[h->last_len] = '\0';
	}
	return outcome;
}

/* Deliver all that is under way, and what that causes. */
static void net_settle(void)
{
	for (size_t i = 0; i < net_count; i++)
		(void)net_deliver(&net_queue[i]);
	net_count = 0;
}

/* Let time pass, in steps of 10 ms. */
static void net_run(int64_t ms)
{
	for (int64_t end = net_now_us + ms * 1000; net_now_us < end; net_now_us += 10000) {
		for (int i = 0; i < NET_HOSTS; i++) {
			struct net_host *h = &net_hosts[i];

			if (!h->u)
				continue;
			net_clock(h);
			if (h->u->deadline <= h->u->now)
				udp_tick(h->u);
		}
		net_settle();
	}
}

/* Send a message; what is under way then is one datagram more. */
__attribute__((unused)) static enum udp_seal net_say(struct net_host *h, struct peer *p, const char *text)
{
	static uint8_t out[UDP_DATAGRAM_MAX + 1];
	enum udp_seal sealed;
	size_t len;

	net_clock(h);
	sealed = udp_seal(h->u, p, (const uint8_t *)text, strlen(text), out, &len);
	if (sealed == UDP_SEALED)
		net_put(&h->at, &p->at, out, len);
	return sealed;
}

/* Two hosts that talk: ${a} knows the address of ${b}. *${pa} and *${pb} are what each has of the other. */
__attribute__((unused)) static void net_join(struct net_host *a, struct net_host *b, struct peer **pa, struct peer **pb)
{
	net_clock(a);
	*pa = udp_add(a->u, &b->at, 0);
	net_run(300);
	*pb = peers_by_sign(&b->u->peers, a->u->config.sign_secret + 32, false);
	CHECK(*pa && *pb && (*pa)->state == PEER_UP && (*pb)->state == PEER_UP);
	if (!*pa || !*pb)
		abort();
}

#endif
