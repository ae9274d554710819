/*
 * udp, the old format (--wire v1): msgpack [bin zstd(text), bin padding], in a sealed box once the receiver's key
 * is known. Keys go in clear, as zstd(JSON {"akey","port","ign"}) in place of the text.
 *
 * Nobody knows who sealed a box, when, or whether it has been sent before: what comes is a message of nobody.
 */
#include "udp.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "bigendian.h"
#include "jsonwalk.h"
#include "msgwalk.h"
#include "utf8.h"

#define V1_DEPTH 2
#define V1_REFRESH_MS 15000
#define B64_KEY 45
#define VARIANT sodium_base64_VARIANT_ORIGINAL

/* The binary string at ${in}: where it is, and how long. */
static bool bin(const uint8_t *in, size_t n, const uint8_t **at, size_t *len)
{
	size_t header = in[0] == 0xc4 ? 2 : in[0] == 0xc5 ? 3 : in[0] == 0xc6 ? 5 : 0;

	*at = in + header;
	*len = n - header;
	return header > 0;
}

/* The first of one or two elements. */
static bool unpack(const uint8_t *in, size_t n, const uint8_t **text, size_t *len)
{
	size_t first;

	if (n < 2 || (in[0] != 0x91 && in[0] != 0x92) || msgwalk_object(in, n, V1_DEPTH) != n)
		return false;
	first = msgwalk_object(in + 1, n - 1, 0);
	return first > 0 && bin(in + 1, first, text, len);
}

static size_t pack(const uint8_t *text, size_t n, size_t size, uint8_t *out, struct peer *p)
{
	uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
	size_t at = 0, pad;

	if (size < n + 7)
		return 0;
	out[at++] = 0x92;
	out[at++] = 0xc5;
	be_put16(out + at, (uint16_t)n);
	memcpy(out + at + 2, text, n);
	at += 2 + n;
	pad = size - at - 3;
	out[at++] = 0xc5;
	be_put16(out + at, (uint16_t)pad);
	be_put64(nonce, p->pad_counter++);
	crypto_stream_chacha20(out + at + 2, pad, nonce, p->pad_key);
	return at + 2 + pad;
}

/* ---- keys ---- */

void udp_v1_send_key(struct udp *u, struct peer *p)
{
	char key[B64_KEY], json[128];
	uint8_t map[UDP_KEY_SIZE];
	size_t n, len;

	sodium_bin2base64(key, sizeof key, u->own.public[0], 32, VARIANT);
	snprintf(json, sizeof json, "{\"akey\":\"%s\",\"port\":%u,\"ign\":\"\"}", key, u->port);
	len = squash_store((const uint8_t *)json, strlen(json), u->work, sizeof u->work);
	n = pack(u->work, len, sizeof map - DATAGRAM_SEALED, map, p);
	if (p->state == PEER_UP) {
		if (datagram_seal_anonymous(u->out, map, n, p->theirs[0], &u->config.rng) < 0)
			return;
		n += DATAGRAM_SEALED;
	} else
		memcpy(u->out, map, n);
	u->config.hooks.send(u->config.hooks.owner, &p->at, u->out, n);
	p->refresh_at = u->now + V1_REFRESH_MS;
	p->knock_at = 0;
	udp_wake(u, p->refresh_at);
}

struct key {
	bool has_key, bad;
	uint8_t key[32];
	int64_t port;
};

static bool get_member(void *ctx, const char *name, size_t len, const struct jsonwalk *v)
{
	struct key *k = ctx;
	char text[64];
	size_t got;
	int n;

	if (jsonwalk_named(name, len, "port"))
		k->port = v->kind == JSONWALK_INTEGER ? v->integer : 0;
	if (!jsonwalk_named(name, len, "akey"))
		return true;
	n = jsonwalk_string(v, text, sizeof text);
	k->has_key = true;
	if (n < 0 || sodium_base642bin(k->key, 32, text, (size_t)n, NULL, &got, NULL, VARIANT) != 0 || got != 32)
		k->bad = true;
	return true;
}

static enum udp_outcome take_key(struct udp *u, struct udp_message *m, const struct key *k)
{
	static const uint8_t any[32] = {9, 1};
	struct udp_address at = m->from;
	struct peer *p;
	uint8_t out[32];

	if (k->bad || k->port < 0 || k->port > 65535)
		return udp_drop(u, m, NULL, UDP_DROP_KEY_FORM);
	if (crypto_scalarmult(out, any, k->key) != 0)
		return udp_drop(u, m, NULL, UDP_DROP_KEY_WEAK);
	if (memcmp(k->key, u->own.public[0], 32) == 0)
		return udp_drop(u, m, NULL, UDP_DROP_KEY_OWN);
	if (k->port > 0)
		at.port = (uint16_t)k->port;
	p = peers_by_address(&u->peers, &at);
	if (!p) {
		p = peers_new(&u->peers, &at, u->now, &u->config.rng);
		if (!p)
			return udp_drop(u, m, NULL, UDP_DROP_FULL);
		rate_init(&p->rate, u->config.rate_limit, u->config.rate_limit, u->now);
	}
	p->kind = PEER_V1;
	p->throwaway = true;
	if (!p->judged && !u->config.hooks.judge(u->config.hooks.owner, p)) {
		if (!p->wanted)
			peers_free(p);
		return udp_drop(u, m, NULL, UDP_DROP_KEY_REFUSED);
	}
	p->judged = true;
	peer_rekey(p, k->key, u->now);
	p->heard_at = u->now;
	m->peer = p;
	if (p->state == PEER_UP)
		return UDP_QUIET;
	p->limit = p->size = u->config.hooks.limit(u->config.hooks.owner, &p->at);
	udp_v1_send_key(u, p);
	udp_peer_up(u, p);
	return UDP_QUIET;
}

/* ---- messages ---- */

enum udp_outcome udp_v1_receive(struct udp *u, uint8_t *bytes, size_t n, struct udp_message *m)
{
	struct key k = {0};
	const uint8_t *payload;
	const char *why;
	size_t len = 0;
	bool boxed = false;

	for (int i = 0; i < 2 && !boxed; i++)
		boxed = u->own.have[i] &&
		    datagram_open_anonymous(u->work, bytes, n, u->own.public[i], u->own.secret[i]) == 0;
	if (!unpack(boxed ? u->work : bytes, boxed ? n - DATAGRAM_SEALED : n, &payload, &len))
		return udp_drop(u, m, NULL, UDP_DROP_JUNK);
	if (unsquash_message(&u->unsquash, payload, len, u->plain, sizeof u->plain, &m->text, &m->len, &why) < 0)
		return udp_drop(u, m, NULL, UDP_DROP_TEXT);
	if (jsonwalk_object((const char *)m->text, m->len, get_member, &k) && k.has_key)
		return take_key(u, m, &k);
	if (!boxed && !u->config.opportunistic)
		return udp_drop(u, m, NULL, UDP_DROP_CLEAR);
	m->peer = peers_by_address(&u->peers, &m->from);
	m->clear = !boxed;
	if (m->peer) {
		m->peer->n.messages_received++;
		m->peer->n.bytes_received += m->len;
	}
	return UDP_MESSAGE;
}

enum udp_seal udp_v1_seal(struct udp *u, struct peer *p, const uint8_t *text, size_t n, uint8_t *out, size_t *len)
{
	static uint8_t none;
	size_t room = p->size > DATAGRAM_SEALED ? p->size - DATAGRAM_SEALED : 0, plen, whole;
	uint8_t *map = u->out;

	if (!utf8_valid(text, n))
		return UDP_E_UTF8;
	plen = squash_store(n > 0 ? text : &none, n, u->work, room > 16 ? room - 16 : 0);
	if (plen == 0 && n > 0 && (squash_message(&u->squash, 3, text, n, u->work, room > 16 ? room - 16 : 0, &plen) < 0))
		return UDP_E_SIZE;
	whole = pack(u->work, plen, u->config.padding ? room : plen + 7, map, p);
	if (plen == 0 || whole == 0 || datagram_seal_anonymous(out, map, whole, p->theirs[0], &u->config.rng) < 0)
		return UDP_E_SIZE;
	*len = whole + DATAGRAM_SEALED;
	p->n.messages_sent++;
	p->n.bytes_sent += n;
	if (p->pace.per_second > 0)
		rate_take(&p->pace, 1);
	return UDP_SEALED;
}
