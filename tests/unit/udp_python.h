/* udp_python: a py-vault-udp on the network of udp_net.h, played by hand. */
#ifndef UDP_PYTHON_H
#define UDP_PYTHON_H

#include "udp_net.h"

static struct net_host *a;
static struct peer *pa;
static uint8_t enc[32], enc_secret[32], sign[32], sign_secret[64];
static struct udp_address python, sending; /* where it receives, where it sends from */
static uint64_t nonce;

static void begin(const struct udp_config *c)
{
	net_stop_all();
	net_now_us = 1000000;
	a = net_start(0, c);
	memset(enc_secret, 3, sizeof enc_secret);
	crypto_scalarmult_base(enc, enc_secret);
	crypto_sign_seed_keypair(sign, sign_secret, enc);
	python = net_address(5, 20000);
	sending = net_address(5, 43210);
	pa = udp_add(a->u, &python, 0);
}

static enum udp_outcome clear(const struct envelope *e)
{
	struct net_datagram d = {.from = sending, .to = a->at};
	size_t at, len;

	d.len = envelope_write(e, d.bytes, sizeof d.bytes, 1393, &at, &len);
	return net_deliver(&d);
}

static enum udp_outcome key_as(const uint8_t key[32], const uint8_t signer[64], uint16_t port)
{
	struct keymsg k = {.has_port = true, .port = port};
	char json[KEYMSG_MAX];
	struct envelope e = {.c = (const uint8_t *)json};

	memcpy(k.enc, key, 32);
	memcpy(k.sign, signer + 32, 32);
	e.clen = keymsg_write(&k, signer, json, sizeof json);
	return clear(&e);
}

static struct net_datagram boxed(const struct envelope *e, const uint8_t theirs[32], double age)
{
	struct net_datagram d = {.from = sending, .to = a->at};
	uint8_t shared[32], outer[24] = {1}, inner[16] = {2};
	size_t at, len, n;

	nonce++;
	memcpy(outer + 8, &nonce, 8);
	memcpy(inner + 8, &nonce, 8);
	n = envelope_write(e, d.bytes + DATAGRAM_HEAD, 1500, 1393, &at, &len);
	(void)!datagram_key(shared, theirs, enc_secret);
	datagram_seal(d.bytes, n, shared, outer, inner, (double)(NET_WALL + net_now_us / 1000) / 1000 - age);
	d.len = n + DATAGRAM_HEAD;
	return d;
}

static struct net_datagram said(const char *text, double age)
{
	uint8_t packed[256];
	struct envelope e = {.p = packed};

	e.plen = squash_store((const uint8_t *)text, strlen(text), packed, sizeof packed);
	return boxed(&e, a->u->own.public[OWN_LASTING], age);
}

/* The last datagram that was sent, if it is a key message that Python understands, in clear. */
static bool told_key(struct keymsg *k)
{
	struct envelope e;

	for (size_t i = net_count; i-- > 0;)
		if (envelope_read(&e, net_queue[i].bytes, net_queue[i].len) == 0 && e.clen > 0)
			return keymsg_read(k, (const char *)e.c, e.clen) == KEYMSG_OK;
	return false;
}

static void up(void)
{
	struct net_datagram d;

	CHECK(key_as(enc, sign_secret, 20000) == UDP_QUIET);
	d = said("first", 0.01);
	CHECK(net_deliver(&d) == UDP_MESSAGE);
	CHECK(pa->state == PEER_UP && pa->kind == PEER_UPSTREAM);
	net_count = 0;
}

#endif
