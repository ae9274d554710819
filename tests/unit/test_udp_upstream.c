/* udp: toward py-vault-udp, played by hand: who speaks first, boxes from any port, replays, other keys, clear text. */
#include <math.h>

#include "udp_python.h"

static void test_bootstrap(void)
{
	struct keymsg k;
	struct net_datagram d;

	begin(&net_defaults);
	/* Nothing that it would take for a key, until its own has come. */
	for (int i = 0; i < 30; i++) {
		net_now_us += 1000000;
		net_clock(a);
		udp_tick(a->u);
	}
	CHECK(net_count > 3 && !told_key(&k));
	CHECK(net_say(a, pa, "secret") == UDP_E_KEY);
	net_count = 0;
	CHECK(key_as(enc, sign_secret, 20000) == UDP_QUIET);
	CHECK(told_key(&k) && !k.native && k.port == 11000);
	CHECK(address_same(&net_queue[net_count - 1].to, &python));
	CHECK(net_queue[net_count - 1].len <= 1393);
	CHECK(net_say(a, pa, "secret") == UDP_E_KEY); /* it may not have it yet */
	/* A box of its opens: from a port of its own. */
	d = said("hello", 0.01);
	CHECK(net_deliver(&d) == UDP_MESSAGE);
	CHECK_STR(a->last, "hello");
	CHECK(net_say(a, pa, "secret") == UDP_SEALED);
	CHECK(address_same(&net_queue[net_count - 1].to, &python));
}

/* What we send it opens there: the time is behind, the map is its own. */
static void test_sealed(void)
{
	struct datagram in;
	struct envelope e;
	struct unsquash z = {0};
	uint8_t shared[32], out[100];
	const uint8_t *text;
	const char *why;
	size_t len;

	begin(&net_defaults);
	up();
	CHECK(net_say(a, pa, "to Python") == UDP_SEALED);
	(void)!datagram_key(shared, a->u->own.public[OWN_LASTING], enc_secret);
	CHECK_INT(datagram_open(&in, net_queue[0].bytes, net_queue[0].len, shared), 0);
	CHECK(in.unix_time < (double)(NET_WALL + net_now_us / 1000) / 1000 - 0.9);
	CHECK_INT(envelope_read(&e, in.map, in.len), 0);
	CHECK(!e.has_s && !e.has_d && !e.k && e.p && e.c);
	CHECK_INT(unsquash_message(&z, e.p, e.plen, out, sizeof out, &text, &len, &why), 0);
	CHECK(len == 9 && memcmp(text, "to Python", 9) == 0);
	unsquash_free(&z);
	CHECK(net_say(a, pa, "\xff") == UDP_E_UTF8);
}

static void test_times_and_replays(void)
{
	struct net_datagram d;

	begin(&net_defaults);
	up();
	d = said("again", 0.5);
	CHECK(net_deliver(&d) == UDP_MESSAGE);
	CHECK(net_deliver(&d) == UDP_DROPPED);
	CHECK_INT(a->u->drops[UDP_DROP_REPLAY], 1);
	d = said("old", 61);
	CHECK(net_deliver(&d) == UDP_DROPPED);
	d = said("early", -61);
	CHECK(net_deliver(&d) == UDP_DROPPED);
	d = said("never", (double)NAN);
	CHECK(net_deliver(&d) == UDP_DROPPED);
	d = said("never", (double)INFINITY);
	CHECK(net_deliver(&d) == UDP_DROPPED);
	CHECK_INT(a->u->drops[UDP_DROP_TIME], 4);
	d = said("a clock ahead", -30);
	CHECK(net_deliver(&d) == UDP_MESSAGE);
	/* More than can be remembered is refused, nothing is forgotten. */
	for (int i = 0; i < 2 * NET_CACHE; i++) {
		d = said("many", 0.1);
		(void)net_deliver(&d);
	}
	CHECK(a->u->drops[UDP_DROP_CACHE] > 0);
	CHECK(a->messages <= NET_CACHE);
}

static void test_reflected(void)
{
	begin(&net_defaults);
	up();
	CHECK(net_say(a, pa, "mirror") == UDP_SEALED);
	net_queue[0].to = a->at;
	net_queue[0].from = python;
	CHECK(net_deliver(&net_queue[0]) == UDP_DROPPED);
	CHECK_INT(a->u->drops[UDP_DROP_REFLECTED], 1);
}

/* Somebody on its host signs a key of his own for its port. */
static void test_other_keys(void)
{
	uint8_t other[32] = {77}, other_public[32], other_secret[64], low[32] = {0};

	begin(&net_defaults);
	up();
	crypto_sign_seed_keypair(other_public, other_secret, other);
	CHECK(key_as(other_public, other_secret, 20000) == UDP_DROPPED);
	CHECK_INT(a->u->drops[UDP_DROP_KEY_WEAK] + a->u->drops[UDP_DROP_KEY_CHANGED], 1);
	crypto_scalarmult_base(other_public, other);
	CHECK(key_as(other_public, other_secret, 20000) == UDP_DROPPED);
	CHECK(a->u->drops[UDP_DROP_KEY_CHANGED] > 0);
	CHECK(key_as(low, sign_secret, 20000) == UDP_DROPPED);
	CHECK(key_as(enc, sign_secret, 80) == UDP_DROPPED);
	CHECK_INT(a->u->drops[UDP_DROP_KEY_PORT], 1);
	CHECK_MEM(pa->theirs[0], enc, 32);
	CHECK(net_say(a, pa, "in a box") == UDP_SEALED);
	CHECK(memmem(net_queue[net_count - 1].bytes, net_queue[net_count - 1].len, "in a box", 8) == NULL);
	/* It was started again: after a while its new key is taken. */
	net_now_us += 26000000;
	net_clock(a);
	CHECK(key_as(other_public, other_secret, 20000) == UDP_QUIET);
	CHECK(pa->state == PEER_KEYED);
}

static void test_clear_text(void)
{
	struct udp_config c = net_defaults;
	uint8_t packed[100];
	struct envelope e = {.p = packed, .plen = squash_store((const uint8_t *)"in clear", 8, packed, sizeof packed)};

	begin(&c);
	CHECK(clear(&e) == UDP_DROPPED);
	up();
	CHECK(clear(&e) == UDP_DROPPED);
	CHECK_INT(a->u->drops[UDP_DROP_CLEAR], 2);
	c.opportunistic = true;
	begin(&c);
	CHECK(clear(&e) == UDP_MESSAGE);
	CHECK_INT(a->clear, 1);
	CHECK(net_say(a, pa, "in clear") == UDP_SEALED);
	/* But not any more once a key is known, whatever comes then. */
	CHECK(key_as(enc, sign_secret, 20000) == UDP_QUIET);
	CHECK(net_say(a, pa, "secret") == UDP_E_KEY);
	up();
	CHECK(net_say(a, pa, "secret") == UDP_SEALED);
	CHECK(memmem(net_queue[net_count - 1].bytes, net_queue[net_count - 1].len, "secret", 6) == NULL);
}

/* A native peer never becomes one of these. */
static void test_downgrade(void)
{
	struct net_host *b;
	struct peer *pb;
	uint8_t seed[32] = {2, 7}, key[32] = {9}, public[32], secret[64];

	begin(&net_defaults);
	b = net_start(1, &net_defaults);
	net_join(a, b, &pa, &pb);
	crypto_scalarmult_base(public, key);
	memcpy(key, public, 32);
	crypto_sign_seed_keypair(public, secret, seed);
	CHECK_MEM(public, pa->sign, 32);
	sending = b->at;
	CHECK(key_as(key, secret, b->at.port) == UDP_DROPPED);
	CHECK(key_as(key, sign_secret, b->at.port) == UDP_DROPPED);
	CHECK_INT(a->u->drops[UDP_DROP_DOWNGRADE], 2);
	CHECK(pa->kind == PEER_NATIVE && memcmp(pa->theirs[0], key, 32) != 0);
}

static void test_pace(void)
{
	unsigned sent = 0;

	begin(&net_defaults);
	up();
	for (int i = 0; i < 1000; i++) {
		net_now_us += 1000;
		net_clock(a);
		if (udp_room(a->u, pa) > 0)
			sent += net_say(a, pa, "x") == UDP_SEALED;
		net_count = 0;
	}
	CHECK(sent <= 100 && sent >= 80);
}

static void test_refresh(void)
{
	unsigned keys = 0;
	struct net_datagram d;

	begin(&net_defaults);
	up();
	for (int i = 0; i < 120; i++) {
		net_now_us += 1000000;
		net_clock(a);
		udp_tick(a->u);
		keys += (unsigned)net_count;
		net_count = 0;
		if (i % 20 == 0) {
			d = said("still here", 0.1);
			CHECK(net_deliver(&d) == UDP_MESSAGE);
		}
	}
	CHECK(keys >= 7 && keys <= 10);
	CHECK(pa->state == PEER_UP);
}

int main(void)
{
	if (secret_init() < 0)
		return 1;
	RUN(test_bootstrap);
	RUN(test_sealed);
	RUN(test_times_and_replays);
	RUN(test_reflected);
	RUN(test_other_keys);
	RUN(test_clear_text);
	RUN(test_downgrade);
	RUN(test_pace);
	RUN(test_refresh);
	net_stop_all();
	UNIT_DONE();
}
