/* raw_pair: two sessions on the raw wire (vault-tcp), for the tests of it. */
#ifndef RAW_PAIR_H
#define RAW_PAIR_H

#include "pair.h"

static uint8_t data[2][200000]; /* what each side has to say */

static inline void raw_data(void)
{
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < sizeof(data[i]); k++)
			data[i][k] = (uint8_t)(k * 7 + k / 251 + (size_t)i);
}

static inline void raw_init(struct pair *p, const char *protocol, size_t n0, size_t n1)
{
	pair_init(p, protocol);
	for (int i = 0; i < 2; i++) {
		struct session_config *c = &p->side[i].config;

		c->wire = &wire_vaulttcp;
		c->raw_protocol = p->side[0].config.handshake.protocol;
		side_input(&p->side[i], data[i], i == 0 ? n0 : n1);
	}
}

static inline void check_got(const struct side *a, const struct side *b)
{
	CHECK(a->got_len <= b->input_len);
	CHECK(a->got_len > b->input_len || a->got_len == 0 || memcmp(a->got, b->input, a->got_len) == 0);
}

static inline void check_whole(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct side *a = &p->side[i], *b = &p->side[!i];

		CHECK(side_closed(a));
		CHECK_STR(session_error(&a->s)->text, "");
		CHECK_INT(a->got_len, b->input_len);
		check_got(a, b);
		CHECK_INT(a->s.messages_received, b->s.messages_sent);
		CHECK(!session_wants_reset(&a->s));
	}
}

static inline size_t handshake_bytes(const struct pair *p, int of)
{
	const struct noise_protocol *np = &p->side[0].config.handshake.protocol;
	size_t n = 0;

	for (unsigned m = (unsigned)of; m < noise_protocol_messages(np); m += 2)
		n += noise_protocol_message_len(np, m);
	return n;
}

static inline void forge_raw(struct side *a, size_t n)
{
	static uint8_t frame[SESSION_FRAMEMAX];

	memset(frame, 'x', sizeof(frame));
	CHECK_INT(noise_cipher_seal(&a->s.tx, frame + 4, n, frame + 4), NOISE_OK);
	be_put32(frame, (uint32_t)(n + AEAD_TAGBYTES));
	cable_put(&a->cable, frame, 4 + n + AEAD_TAGBYTES);
}

static inline void raw_hands(struct pair *p)
{
	p->side[0].stay_open = p->side[1].stay_open = true;
	pair_start(p);
	pair_run(p);
}

/* Both sides with nothing to say yet. Where that proves no initiator, an empty message does. */
static inline void raw_open(struct pair *p)
{
	raw_hands(p);
	if (!p->side[1].s.peer.authenticated)
		forge_raw(&p->side[0], 0);
	pair_run(p);
	CHECK(session_state(&p->side[0].s) & SESSION_READY);
	CHECK(session_state(&p->side[1].s) & SESSION_READY);
}

#endif
