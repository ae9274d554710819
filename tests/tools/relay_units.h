/*
 * relay_units: where in a vault/1 stream a byte stands.
 *
 * A direction is a row of units: the hello (initiator only), further handshake messages, then
 * frames. The walker is told of every byte that passes and never holds one back. What does not
 * parse is 'raw' from there on: it passes, but has no units.
 */
#ifndef RELAY_UNITS_H
#define RELAY_UNITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define UNIT_MAX (4 + 65535)	/* longest frame with its length; longer than any other unit */
#define UNIT_HEAD (5 + 255 + 2) /* longest part of a unit that says how long it is */

enum unit_kind { UNIT_NONE, UNIT_HELLO, UNIT_MESSAGE, UNIT_FRAME, UNIT_RAW };

/* What both directions of one connection must know: how many handshake messages there are. */
struct handshake_shape {
	unsigned messages; /* 0 until the hello was read */
};

struct units {
	bool initiator;
	enum unit_kind kind;
	uint32_t index;	     /* among the frames, or among the handshake's units, from 0 */
	uint32_t have, need; /* bytes of the unit that passed; bytes known to belong to it */
	bool sized;	     /* need is the whole unit */
	bool last;	     /* a refusal: nothing follows that has a form */
	uint8_t head[UNIT_HEAD];
	uint32_t handshake_seen, frames_seen;
};

/* Handshake messages of each pattern (Noise revision 34, section 7 and appendix 18.1). */
static unsigned units_pattern_messages(const char *name, size_t len)
{
	static const char *const two[] = {"NN", "NK", "NX", "KN", "KK", "KX", "IN", "IK", "IX",
	    "NK1", "KK1", "IK1"};
	static const char *const three[] = {"XN", "XK", "XX", "NX1", "XK1", "XX1", "K1N", "K1K",
	    "K1K1", "KX1", "K1X", "K1X1", "I1N", "I1K", "I1K1", "IX1", "I1X", "I1X1"};
	static const char *const four[] = {"X1N", "X1K", "X1K1", "X1X", "X1X1"};
	size_t n;

	for (n = 0; n < len && ((name[n] >= 'A' && name[n] <= 'Z') || name[n] == '1'); n++)
		;
	for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++)
		if (strlen(two[i]) == n && memcmp(two[i], name, n) == 0)
			return 2;
	for (size_t i = 0; i < sizeof(three) / sizeof(three[0]); i++)
		if (strlen(three[i]) == n && memcmp(three[i], name, n) == 0)
			return 3;
	for (size_t i = 0; i < sizeof(four) / sizeof(four[0]); i++)
		if (strlen(four[i]) == n && memcmp(four[i], name, n) == 0)
			return 4;
	return 0;
}

static void units_open(struct units *u, enum unit_kind kind, uint32_t index, uint32_t need)
{
	u->kind = kind;
	u->index = index;
	u->have = 0;
	u->need = need;
	u->sized = false;
	u->last = false;
}

/* Begin the unit that comes next; without a hello yet, the responder's first is still unknown. */
static void units_next(struct units *u, const struct handshake_shape *shape)
{
	unsigned sends; /* handshake units in this direction */

	if (u->initiator && u->handshake_seen == 0) {
		units_open(u, UNIT_HELLO, 0, 5);
		return;
	}
	if (shape->messages == 0) {
		u->kind = UNIT_NONE;
		return;
	}
	sends = u->initiator ? (shape->messages + 1) / 2 : shape->messages / 2;
	if (u->handshake_seen < sends)
		units_open(u, UNIT_MESSAGE, u->handshake_seen, 2);
	else
		units_open(u, UNIT_FRAME, u->frames_seen, 4);
}

static bool units_size_hello(struct units *u, struct handshake_shape *shape)
{
	const uint8_t *h = u->head;

	if (u->need == 5) {
		if (memcmp(h, "VLT1", 4) != 0)
			return false;
		u->need = 5u + h[4] + 2u;
		return true;
	}
	if (h[4] > 6 && memcmp(h + 5, "Noise_", 6) == 0)
		shape->messages = units_pattern_messages((const char *)h + 11, h[4] - 6u);
	u->need += (uint32_t)h[5 + h[4]] << 8 | h[6 + h[4]];
	u->sized = true;
	return shape->messages > 0;
}

/* All bytes known to belong to the unit have passed: what do they say about its length? */
static bool units_size(struct units *u, struct handshake_shape *shape)
{
	const uint8_t *h = u->head;
	uint32_t len;

	if (u->kind == UNIT_HELLO)
		return units_size_hello(u, shape);
	if (u->kind == UNIT_MESSAGE)
		len = (uint32_t)h[0] << 8 | h[1];
	else
		len = (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
	if (len > 65535)
		return false;
	u->last = len == 0;
	u->need += len > 0 ? len : 1; /* length 0 is a refusal: its code byte follows */
	u->sized = true;
	return true;
}

/* Note ${n} passing bytes; ${n} must not be more than units_left(). True at a unit's end: the
 * caller then calls units_end(). */
static bool units_pass(struct units *u, struct handshake_shape *shape, const uint8_t *p, uint32_t n)
{
	if (u->kind == UNIT_NONE || u->kind == UNIT_RAW)
		return false;
	if (!u->sized)
		memcpy(u->head + u->have, p, n);
	u->have += n;
	while (u->have == u->need && !u->sized) {
		if (!units_size(u, shape)) {
			u->kind = UNIT_RAW;
			return false;
		}
	}
	return u->have == u->need;
}

static void units_end(struct units *u, const struct handshake_shape *shape)
{
	if (u->kind == UNIT_FRAME)
		u->frames_seen++;
	else
		u->handshake_seen++;
	if (u->last)
		u->kind = UNIT_RAW;
	else
		units_next(u, shape);
}

/* How many bytes may pass before the walker has to think again. */
static uint32_t units_left(const struct units *u)
{
	if (u->kind == UNIT_NONE || u->kind == UNIT_RAW)
		return UINT32_MAX;
	return u->need - u->have;
}

#endif
