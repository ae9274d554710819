#include "units.h"

#include <string.h>

uint8_t *units_room(struct units *f, size_t *n)
{
	if (f->from > 0) {
		memmove(f->buf, f->buf + f->from, f->to - f->from);
		f->to -= f->from;
		f->from = 0;
	}
	*n = f->cap - f->to;
	return f->buf + f->to;
}

void units_filled(struct units *f, size_t n)
{
	f->to += n;
}

/* The longest message; it must fit with its edges. */
static size_t longest(const struct units *f)
{
	uint8_t edge[FRAMING_EDGE];

	return f->max > 0 ? f->max : f->cap - framing_head(f->framing, 0, edge) - framing_tail(f->framing, edge);
}

static enum units_found too_large(struct units *f, size_t len)
{
	uint8_t edge[FRAMING_EDGE];
	size_t head = framing_head(f->framing, len, edge);

	f->from += head;
	f->skip = head > 0 ? len : 0;
	f->skipping = true;
	return UNITS_LARGE;
}

/* What is here of a message that was too large. */
static void pass_over(struct units *f)
{
	size_t have = f->to - f->from, len = f->skip < have ? f->skip : have;
	const uint8_t *body;
	ssize_t used;

	if (f->skip > 0) {
		f->from += len;
		f->skip -= len;
		f->skipping = f->skip > 0;
		return;
	}
	used = framing_next(f->framing, f->buf + f->from, have, have, &body, &len);
	f->from += used > 0 ? (size_t)used : have;
	f->skipping = used == 0;
}

/* The stream has ended, and ${have} bytes of an unfinished message are left. */
static enum units_found last(struct units *f, size_t have, const uint8_t **text, size_t *n)
{
	bool counts = framing_last_counts(f->framing) && !f->skipping;

	*text = f->buf + f->from;
	*n = have;
	f->from = f->to;
	f->skip = 0;
	f->skipping = false;
	return counts ? UNITS_MESSAGE : UNITS_CUT;
}

enum units_found units_next(struct units *f, const uint8_t **text, size_t *n)
{
	size_t have;
	ssize_t used;

	if (f->skipping)
		pass_over(f);
	if (f->skipping)
		return f->eof && f->skip > 0 ? last(f, 0, text, n) : UNITS_MORE;
	have = f->to - f->from;
	if (have == 0)
		return UNITS_MORE;
	*n = 0;
	used = framing_next(f->framing, f->buf + f->from, have, longest(f), text, n);
	if (used == FRAMING_TOO_LONG)
		return too_large(f, *n);
	if (used == 0)
		return f->eof ? last(f, have, text, n) : UNITS_MORE;
	f->from += (size_t)used;
	return UNITS_MESSAGE;
}

size_t units_write(enum framing framing, const char *tag, const uint8_t *text, size_t n, uint8_t *out, size_t cap)
{
	uint8_t head[FRAMING_EDGE], tail[FRAMING_EDGE];
	size_t taglen = tag ? strlen(tag) : 0;
	size_t headlen = framing_head(framing, taglen + n, head), taillen = framing_tail(framing, tail);

	if (!framing_holds(framing, text, n))
		return SIZE_MAX;
	if (cap < headlen + taglen + n + taillen)
		return 0;
	memcpy(out, head, headlen);
	if (taglen > 0)
		memcpy(out + headlen, tag, taglen);
	if (n > 0)
		memcpy(out + headlen + taglen, text, n);
	memcpy(out + headlen + taglen + n, tail, taillen);
	return headlen + taglen + n + taillen;
}
