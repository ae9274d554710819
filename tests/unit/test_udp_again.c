/* udp: toward a py-vault-udp that falls silent, is started again, or was known to us before we were. */
#include "udp_python.h"

/* Does one of the datagrams under way tell it our key? */
static int told(void)
{
	struct envelope e;
	int n = 0;

	for (size_t i = 0; i < net_count; i++)
		n += envelope_read(&e, net_queue[i].bytes, net_queue[i].len) == 0 && e.clen > 0;
	net_count = 0;
	return n;
}

static void pass(int seconds)
{
	for (int i = 0; i < seconds * 10; i++) {
		net_now_us += 100000;
		net_clock(a);
		udp_tick(a->u);
	}
}

/* Somebody who begins anew at its address must not be told our key before it has shown its own: not when it was silent,
 * and not for long when it never showed that it has ours. */
static void test_silent(void)
{
	struct net_datagram d;

	begin(&net_defaults);
	up();
	pass(76);
	CHECK_INT(a->events[UDP_EVENT_DOWN], 1);
	CHECK(net_count > 0 && told() == 0); /* in boxes, which somebody new cannot read */
	pass(300);
	CHECK_INT(told(), 0);
	CHECK(net_say(a, pa, "x") == UDP_E_KEY);
	/* It was only the network. */
	d = said("still me", 0.01);
	CHECK(net_deliver(&d) == UDP_MESSAGE);
	CHECK(pa->state == PEER_UP && net_say(a, pa, "x") == UDP_SEALED);

	begin(&net_defaults);
	CHECK(key_as(enc, sign_secret, 20000) == UDP_QUIET);
	pass(24);
	CHECK(told() >= 8);
	pass(100);
	CHECK(told() <= 1);
	CHECK(pa->state == PEER_KEYED);
	CHECK(key_as(enc, sign_secret, 20000) == UDP_QUIET && told() == 1);
}

static struct udp_kept kept;

static void remembered(bool named)
{
	struct udp_config c = net_defaults;

	begin(&c);
	memcpy(kept.enc, enc, 32);
	memcpy(kept.sign, sign, 32);
	kept.at = python;
	kept.tried_at = 0;
	c.kept = &kept;
	c.kept_count = 1;
	begin(&c);
	if (!named) {
		udp_remove(a->u, pa);
		pa = NULL;
	}
	net_count = 0;
}

/* A box for a key of an earlier run of ours. */
static enum udp_outcome old_box(void)
{
	static const uint8_t old[32] = {9}; /* the base point is as good as any */
	uint8_t packed[64];
	struct envelope e = {.p = packed, .plen = squash_store((const uint8_t *)"x", 1, packed, sizeof packed)};
	struct net_datagram d = boxed(&e, old, 0.01);

	return net_deliver(&d);
}

static void test_remembered(void)
{
	struct net_datagram d;
	struct keymsg k;

	for (int named = 0; named < 2; named++) {
		remembered(named);
		pass(10);
		CHECK(!told_key(&k)); /* it might be a new one */
		net_count = 0;
		CHECK(old_box() == UDP_DROPPED);
		CHECK(told_key(&k) && memcmp(k.enc, a->u->own.public[OWN_LASTING], 32) == 0);
		CHECK(address_same(&net_queue[0].to, &python));
		pa = &a->slots[0];
		CHECK(pa->state == PEER_KEYED && net_say(a, pa, "x") == UDP_E_KEY);
		net_count = 0;
		d = said("found", 0.01);
		CHECK(net_deliver(&d) == UDP_MESSAGE);
		CHECK(pa->state == PEER_UP && net_say(a, pa, "x") == UDP_SEALED);
	}
	/* It has other keys: back to silence, and not again and again. */
	remembered(true);
	CHECK(old_box() == UDP_DROPPED && told() == 1);
	pass(26);
	CHECK(told() >= 8 && pa->state == PEER_AWAIT && pa->kind == PEER_UNKNOWN && !pa->has_sign);
	pass(30);
	CHECK(old_box() == UDP_DROPPED && told() == 0);
	remembered(false);
	CHECK(old_box() == UDP_DROPPED && told() == 1);
	pass(30);
	CHECK(a->slots[0].state == PEER_FREE);
}

/* A box that shows that it is still there settles a doubt; without one a new key is taken after 5 s. */
static void test_solicit(void)
{
	struct udp_config c = net_defaults;
	uint8_t other[64], public[32], seed[32] = {77}, out[UDP_KEY_SIZE + 1];
	struct net_datagram d;
	struct envelope e;
	struct keymsg k;
	int asked;

	c.solicit = true;
	begin(&c);
	udp_tick(a->u);
	CHECK_INT(a->events[UDP_EVENT_SOLICIT], 1);
	d.len = udp_solicitation(a->u, pa, 4321, out);
	CHECK(envelope_read(&e, out, d.len) == 0 && e.clen == strlen("{\"enc_key\":\"-\",\"port\":4321}"));
	CHECK(d.len >= UDP_KEY_SIZE);
	up();
	asked = a->events[UDP_EVENT_SOLICIT];
	pass(20);
	CHECK_INT(a->events[UDP_EVENT_SOLICIT], asked);
	crypto_sign_seed_keypair(public, other, seed);
	for (int i = 0; i < 3; i++) {
		d = said("here", 0.01);
		CHECK(net_deliver(&d) == UDP_MESSAGE);
		CHECK(key_as(public, other, 20000) == UDP_DROPPED);
		pass(1);
	}
	CHECK(a->events[UDP_EVENT_SOLICIT] > asked);
	d.len = udp_solicitation(a->u, pa, 4321, out);
	CHECK(envelope_read(&e, out, d.len) == 0 && keymsg_read(&k, (const char *)e.c, e.clen) == KEYMSG_OK && k.port == 4321);
	d = said("here", 0.01);
	CHECK(net_deliver(&d) == UDP_MESSAGE && memcmp(pa->sign, sign, 32) == 0);
	CHECK(key_as(public, other, 20000) == UDP_DROPPED);
	pass(4);
	CHECK(key_as(public, other, 20000) == UDP_DROPPED);
	pass(2);
	CHECK(key_as(public, other, 20000) == UDP_QUIET);
	CHECK(memcmp(pa->sign, other + 32, 32) == 0 && pa->state == PEER_KEYED);
}

int main(void)
{
	if (secret_init() < 0)
		return 1;
	RUN(test_silent);
	RUN(test_remembered);
	RUN(test_solicit);
	net_stop_all();
	UNIT_DONE();
}
