/*
 * Fuzz: the datagram engine, as whoever can send it something.
 *
 * The input is a row of datagrams: a byte that says how it goes, two bytes of length, bytes. They come in clear from a
 * stranger, as a native peer in a box (a map, or number and direction right and a message or control text), or as an
 * upstream peer in a box. Time passes. Nothing is ever delivered that was not in a box or allowed in clear.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bigendian.h"
#include "proto/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)
#define SLOTS 4
#define CACHE 16

static struct udp engine;
static struct peer slots[SLOTS];
static struct replay_entry cache[SLOTS * CACHE];
static int64_t now;
static uint64_t number, nonce;
static const uint8_t native_seed[32] = {1}, upstream_seed[32] = {2};

static void on_fill(void *ctx, uint8_t *buf, size_t n)
{
	uint8_t seed[randombytes_SEEDBYTES] = {0};

	(void)ctx;
	memcpy(seed, &nonce, sizeof nonce);
	nonce++;
	randombytes_buf_deterministic(buf, n, seed);
}

static void on_send(void *owner, const struct udp_address *to, const uint8_t *bytes, size_t n)
{
	(void)owner;
	MUST(to->port != 0 && n > 0 && n <= 1472 && bytes[0] + bytes[n - 1] >= 0);
}

static bool on_judge(void *owner, struct peer *p)
{
	(void)owner;
	return p->has_sign || p->kind == PEER_V1;
}

static void on_event(void *owner, enum udp_event what, struct peer *p)
{
	uint8_t out[UDP_KEY_SIZE + 1];

	(void)owner;
	MUST(p->state != PEER_FREE);
	if (what == UDP_EVENT_SOLICIT)
		MUST(udp_solicitation(&engine, p, 4242, out) > 0);
}

static size_t on_limit(void *owner, const struct udp_address *at)
{
	(void)owner;
	(void)at;
	return 1472;
}

/* A peer that has proved its key. */
static struct peer *befriend(enum peer_kind kind, const uint8_t seed[32], uint16_t port)
{
	struct udp_address at = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}, .port = port};
	struct peer *p = udp_add(&engine, &at, 0);
	uint8_t secret[64], key[32];

	MUST(p);
	crypto_sign_seed_keypair(p->sign, secret, seed);
	crypto_scalarmult_base(key, seed);
	p->has_sign = p->judged = true;
	p->kind = kind;
	p->mine = kind == PEER_UPSTREAM ? OWN_LASTING : OWN_NEWEST;
	p->size = 1472;
	peer_rekey(p, key, engine.now);
	p->state = PEER_KEYED;
	p->heard_at = engine.now;
	return p;
}

static struct udp_kept kept;

static void begin(bool v1, bool opportunistic, bool solicit)
{
	struct udp_config c = {.padding = true, .lifetime_ms = 60000, .max_age_ms = 60000, .skew_ms = 60000, .probe = true,
	    .receive_buffer = 1 << 20, .strangers = true, .v1 = v1, .opportunistic = opportunistic,
	    .solicit = solicit, .kept = &kept, .kept_count = 1,
	    .rng = {on_fill, NULL}, .hooks = {on_send, on_judge, on_event, on_limit, NULL}};
	uint8_t public[32], seed[32] = {3};

	/* Somebody else on that host was known once. */
	kept = (struct udp_kept){.at = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}, .port = 13000}, .enc = {9}};
	memset(slots, 0, sizeof slots);
	memset(cache, 0, sizeof cache);
	crypto_sign_seed_keypair(public, c.sign_secret, seed);
	udp_init(&engine, &c, slots, SLOTS, cache, CACHE);
	engine.port = 11000;
	now = 1000000;
	number = nonce = 0;
	udp_clock(&engine, now, 1700000000000);
}

static size_t box(uint8_t *out, const struct peer *p, const uint8_t *seed, size_t n)
{
	uint8_t shared[32], outer[24] = {9}, inner[16] = {8};

	nonce++;
	memcpy(outer + 8, &nonce, 8);
	memcpy(inner, &nonce, 8);
	MUST(datagram_key(shared, engine.own.public[p->mine], seed) == 0);
	datagram_seal(out, n, shared, outer, inner, (double)engine.wall / 1000);
	return n + DATAGRAM_HEAD;
}

/* Where the input cannot be expected to guess the number, it is put in. */
static size_t wrap(uint8_t *at, const struct peer *p, const uint8_t *data, size_t n, char key)
{
	struct envelope e = {.has_s = true, .has_d = true, .s = number++};
	size_t pad_at, pad_len;

	e.d = memcmp(p->sign, engine.config.sign_secret + 32, 32) < 0 ? 0 : 1;
	if (key == 'p')
		e.p = data, e.plen = n;
	else if (key == 'c')
		e.c = data, e.clen = n;
	else
		e.k = data, e.klen = n;
	return envelope_write(&e, at, 4000, 0, &pad_at, &pad_len);
}

static void take(const uint8_t *bytes, size_t n, uint16_t port, bool may_be_clear)
{
	struct udp_address from = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}, .port = port};
	uint8_t *exact = malloc(n ? n : 1);
	struct udp_message m;
	enum udp_outcome got;

	MUST(exact);
	memcpy(exact, bytes, n);
	got = udp_receive(&engine, &from, exact, n, &m);
	if (got == UDP_MESSAGE) {
		MUST(m.len <= UDP_TEXT_MAX && (!m.clear || may_be_clear));
		for (size_t i = 0; i < m.len; i += 997)
			MUST(m.text[i] + 1 > 0);
	}
	free(exact);
}

static void step(uint8_t how, const uint8_t *data, size_t n, struct peer *native, struct peer *upstream, bool opportunistic)
{
	uint8_t out[8192];

	switch (how % 8) {
	case 0:
		take(data, n, 3000, opportunistic);
		break;
	case 1:
		take(data, n, native->at.port, opportunistic);
		break;
	case 2:
		memcpy(out + DATAGRAM_HEAD, data, n);
		take(out, box(out, native, native_seed, n), native->at.port, false);
		break;
	case 3:
	case 4:
	case 5:
		n = wrap(out + DATAGRAM_HEAD, native, data, n, "pck"[how % 8 - 3]);
		take(out, box(out, native, native_seed, n), how & 8 ? 4000 : native->at.port, false);
		break;
	case 6:
		memcpy(out + DATAGRAM_HEAD, data, n);
		take(out, box(out, upstream, upstream_seed, n), 5000, false);
		break;
	default:
		now += (int64_t)how * 100000;
		udp_clock(&engine, now, 1700000000000 + now / 1000);
		for (int i = 0; i < 4 && engine.deadline <= engine.now; i++)
			udp_tick(&engine);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer *native, *upstream;
	bool opportunistic;

	if (sodium_init() < 0 || size < 1)
		return 0;
	opportunistic = data[0] & 1;
	begin((data[0] & 6) == 6, opportunistic || (data[0] & 6) == 6, data[0] & 8);
	native = befriend(PEER_NATIVE, native_seed, 12000);
	upstream = befriend(PEER_UPSTREAM, upstream_seed, 12001);
	data++;
	size--;
	while (size >= 3) {
		size_t n = be_get16(data + 1) % 2048;
		uint8_t how = data[0];

		data += 3;
		size -= 3;
		if (n > size)
			n = size;
		/* A peer that was forgotten cannot be played. */
		if (native->state >= PEER_KEYED && upstream->state >= PEER_KEYED && native->have[0] && upstream->have[0])
			step(how, data, n, native, upstream, opportunistic || engine.config.v1);
		data += n;
		size -= n;
	}
	udp_free(&engine);
	return 0;
}
