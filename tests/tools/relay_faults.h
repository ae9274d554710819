/*
 * relay_faults: what to do wrong, and where.
 *
 * A fault is DIR:NAME@WHERE[:ARG[:ARG]]. DIR is c2s or s2c. WHERE is one of
 *   N          byte N of the direction's stream (the first N bytes pass)
 *   rA-B       a byte from A to B, drawn from --seed
 *   fK, fK+N   frame K (from 0), its byte N (the 4 length bytes count)
 *   hK, hK+N   handshake unit K of this direction (c2s h0 is the hello), its byte N
 * The names are in fault_names[] below; those that end in -frame take a bare K as frame K.
 */
#ifndef RELAY_FAULTS_H
#define RELAY_FAULTS_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay_units.h"

#define FAULTS_MAX 16

enum fault_kind {
	FAULT_CUT_FIN,	      /* FIN to both sides, then read and discard */
	FAULT_CUT_RST,	      /* reset both */
	FAULT_HALF_FIN,	      /* FIN to this direction's receiver only; the rest is discarded */
	FAULT_SILENCE,	      /* both directions stop, nothing is closed */
	FAULT_SILENCE_ONE,    /* only this direction stops */
	FAULT_STALL,	      /* this direction stops for ARG milliseconds */
	FAULT_FLIP,	      /* flip bit ARG (0..7, default 0) of this byte */
	FAULT_DROP,	      /* drop ARG bytes (default 1) */
	FAULT_INSERT,	      /* put ARG bytes (default 1, at most 4096) in that nobody sent */
	FAULT_DROP_FRAME,
	FAULT_REPEAT_FRAME,
	FAULT_SWAP_FRAME,     /* frames K and K+1 change places */
	FAULT_TRUNCATE_FRAME, /* cut-fin within frame K: in its middle, or after ARG bytes */
	FAULT_FLIP_FRAME,     /* ARG: header, body or tag; second ARG: bit counted from its start */
};

static const char *const fault_names[] = {"cut-fin", "cut-rst", "half-fin", "silence",
    "silence-one", "stall", "flip", "drop", "insert", "drop-frame", "repeat-frame", "swap-frame",
    "truncate-frame", "flip-frame"};

enum fault_base { BASE_START, BASE_MIDDLE, BASE_BODY, BASE_TAG };

struct fault {
	const char *spec;
	bool s2c;
	enum fault_kind kind;
	enum unit_kind unit;  /* UNIT_NONE: ${at} counts bytes of the stream */
	uint64_t at;	      /* byte, frame or handshake unit */
	enum fault_base base; /* what ${offset} counts from */
	uint64_t offset;      /* within the unit */
	uint64_t arg;
	unsigned done;	      /* connections in which it really happened */
	uint64_t done_at;     /* byte of the stream at which it happened last */
};

static uint64_t fault_random(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Read a decimal number at *${s} and step over it. */
static int fault_number(const char **s, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)**s))
		return -1;
	*out = strtoull(*s, &end, 10);
	*s = end;
	return 0;
}

static int fault_parse_where(struct fault *f, const char **s, uint64_t *seed)
{
	uint64_t to;

	if (**s == 'r') {
		++*s;
		if (fault_number(s, &f->at) < 0 || *(*s)++ != '-' || fault_number(s, &to) < 0 ||
		    to < f->at)
			return -1;
		f->at += fault_random(seed) % (to - f->at + 1);
		return 0;
	}
	if (**s == 'f' || **s == 'h')
		f->unit = *(*s)++ == 'f' ? UNIT_FRAME : UNIT_MESSAGE;
	else if (f->kind >= FAULT_DROP_FRAME)
		f->unit = UNIT_FRAME;
	if (fault_number(s, &f->at) < 0)
		return -1;
	if (**s != '+')
		return 0;
	++*s;
	return f->unit == UNIT_NONE ? -1 : fault_number(s, &f->offset);
}

/* flip-frame@K:PART[:BIT] becomes a flip of one bit at a place within the frame. */
static int fault_parse_part(struct fault *f, const char **s)
{
	static const struct {
		const char *name;
		enum fault_base base;
	} parts[] = {{"header", BASE_START}, {"body", BASE_BODY}, {"tag", BASE_TAG}};
	uint64_t bit = 0;

	f->kind = FAULT_FLIP;
	if (*(*s)++ != ':')
		return -1;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t n = strlen(parts[i].name);

		if (strncmp(*s, parts[i].name, n) != 0)
			continue;
		*s += n;
		f->base = parts[i].base;
		if (**s == ':' && (++*s, fault_number(s, &bit)) < 0)
			return -1;
		f->offset = bit / 8;
		f->arg = bit % 8;
		return 0;
	}
	return -1;
}

static int fault_parse_args(struct fault *f, const char **s)
{
	if (f->kind == FAULT_FLIP_FRAME)
		return fault_parse_part(f, s);
	if (f->kind == FAULT_TRUNCATE_FRAME) {
		f->kind = FAULT_CUT_FIN;
		f->base = **s == ':' ? BASE_START : BASE_MIDDLE;
		return **s == ':' ? (++*s, fault_number(s, &f->offset)) : 0;
	}
	f->arg = f->kind == FAULT_DROP || f->kind == FAULT_INSERT;
	if (**s == ':' && (++*s, fault_number(s, &f->arg)) < 0)
		return -1;
	if ((f->kind == FAULT_FLIP && f->arg > 7) || (f->kind == FAULT_INSERT && f->arg > 4096))
		return -1;
	return f->kind >= FAULT_DROP_FRAME && f->offset > 0 ? -1 : 0;
}

/* Parse ${spec}, which must outlive ${f}. 0 or -1. */
static int fault_parse(struct fault *f, const char *spec, uint64_t *seed)
{
	const char *s = spec + 4;
	size_t count = sizeof(fault_names) / sizeof(fault_names[0]), n, i;

	memset(f, 0, sizeof(*f));
	f->spec = spec;
	if (strncmp(spec, "c2s:", 4) != 0 && strncmp(spec, "s2c:", 4) != 0)
		return -1;
	f->s2c = spec[0] == 's';
	n = strcspn(s, "@");
	for (i = 0; i < count; i++)
		if (strlen(fault_names[i]) == n && memcmp(fault_names[i], s, n) == 0)
			break;
	if (i == count || s[n] != '@')
		return -1;
	f->kind = (enum fault_kind)i;
	s += n + 1;
	if (fault_parse_where(f, &s, seed) < 0 || fault_parse_args(f, &s) < 0)
		return -1;
	return *s == '\0' ? 0 : -1;
}

/* Where in the stream does ${f} stand, if that can be told now? ${pos} is the stream's position,
 * ${u} the unit that it is in. */
static bool fault_position(const struct fault *f, const struct units *u, uint64_t pos,
    uint64_t *where)
{
	uint64_t start = pos - u->have;
	bool frame = u->kind == UNIT_FRAME, message = u->kind == UNIT_MESSAGE ||
	    u->kind == UNIT_HELLO;

	if (f->unit == UNIT_NONE) {
		*where = f->at;
		return true;
	}
	if (!(f->unit == UNIT_FRAME ? frame : message) || u->index != f->at)
		return false;
	switch (f->base) {
	case BASE_START:
		*where = start + f->offset;
		return true;
	case BASE_BODY:
		*where = start + 4 + f->offset;
		return true;
	case BASE_MIDDLE:
		*where = start + u->need / 2;
		return u->sized;
	case BASE_TAG:
		*where = start + u->need - 16 + f->offset;
		return u->sized;
	}
	return false;
}

/* Faults that change bytes wait for a byte to change; the others happen as soon as they can. */
static bool fault_needs_byte(const struct fault *f)
{
	return f->kind == FAULT_FLIP || f->kind == FAULT_DROP || f->kind >= FAULT_DROP_FRAME;
}

#endif
