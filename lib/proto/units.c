#include "units.h"

#include <string.h>

#include "bigendian.h"

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

static enum units_found found(struct units *f, size_t head, size_t n, size_t tail, const uint8_t **text, size_t *len)
{
	*text = f->buf + f->from + head;
	*len = n;
	f->from += head + n + tail;
	return UNITS_MESSAGE;
}

static enum units_found next_delimited(struct units *f, uint8_t delimiter, const uint8_t **text, size_t *n)
{
	for (;;) {
		uint8_t *at = f->buf + f->from, *end = memchr(at, delimiter, f->to - f->from);
		size_t len = end ? (size_t)(end - at) : f->to - f->from;

		if (f->skipping) {
			f->from += len + (end != NULL);
			f->skipping = !end;
			if (!end)
				return UNITS_MORE;
			continue;
		}
		if (end)
			return found(f, 0, len, 1, text, n);
		if (len == f->cap) {
			f->from = f->to;
			f->skipping = true;
			return UNITS_LARGE;
		}
		return f->eof && len > 0 ? found(f, 0, len, 0, text, n) : UNITS_MORE;
	}
}

static enum units_found next_u32(struct units *f, const uint8_t **text, size_t *n)
{
	size_t have, len;

	if (f->skip > 0) {
		have = f->to - f->from < f->skip ? f->to - f->from : f->skip;
		f->from += have;
		f->skip -= have;
	}
	have = f->to - f->from;
	if (f->eof && (f->skip > 0 || (have > 0 && have < 4))) {
		f->skip = 0;
		f->from = f->to;
		return UNITS_CUT;
	}
	if (f->skip > 0 || have < 4)
		return UNITS_MORE;
	len = be_get32(f->buf + f->from);
	if (len > f->cap - 4) {
		f->from += 4;
		f->skip = len;
		return UNITS_LARGE;
	}
	if (have - 4 >= len)
		return found(f, 4, len, 0, text, n);
	if (!f->eof)
		return UNITS_MORE;
	f->from = f->to;
	return UNITS_CUT;
}

enum units_found units_next(struct units *f, const uint8_t **text, size_t *n)
{
	switch (f->framing) {
	case FRAMING_LINES:
		return next_delimited(f, '\n', text, n);
	case FRAMING_NUL:
		return next_delimited(f, '\0', text, n);
	case FRAMING_U32:
		return next_u32(f, text, n);
	default:
		return f->to > f->from ? found(f, 0, f->to - f->from, 0, text, n) : UNITS_MORE;
	}
}

size_t units_write(enum framing framing, const char *tag, const uint8_t *text, size_t n, uint8_t *out, size_t cap)
{
	size_t taglen = tag ? strlen(tag) : 0, head = framing == FRAMING_U32 ? 4 : 0;
	size_t tail = framing == FRAMING_LINES || framing == FRAMING_NUL ? 1 : 0;
	uint8_t delimiter = framing == FRAMING_LINES ? '\n' : '\0';

	if (tail && n > 0 && memchr(text, delimiter, n))
		return SIZE_MAX;
	if (cap < head + taglen + n + tail)
		return 0;
	if (head)
		be_put32(out, (uint32_t)(taglen + n));
	if (taglen > 0)
		memcpy(out + head, tag, taglen);
	if (n > 0)
		memcpy(out + head + taglen, text, n);
	if (tail)
		out[head + taglen + n] = delimiter;
	return head + taglen + n + tail;
}
