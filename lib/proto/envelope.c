#include "envelope.h"

#include <string.h>

#include "bigendian.h"
#include "msgwalk.h"

/* ---- reading ---- */

static bool get_bin(const uint8_t *in, size_t len, const uint8_t **at, size_t *n)
{
	size_t header = in[0] == 0xc4 ? 2 : in[0] == 0xc5 ? 3 : in[0] == 0xc6 ? 5 : 0;

	if (header == 0 || *at)
		return false;
	*at = in + header;
	*n = len - header;
	return true;
}

static bool get_uint(const uint8_t *in, uint64_t *out)
{
	switch (in[0]) {
	case 0xcc:
		*out = in[1];
		return true;
	case 0xcd:
		*out = be_get16(in + 1);
		return true;
	case 0xce:
		*out = be_get32(in + 1);
		return true;
	case 0xcf:
		*out = be_get64(in + 1);
		return true;
	default:
		*out = in[0];
		return in[0] <= 0x7f;
	}
}

static bool get_number(const uint8_t *in, bool *has, uint64_t *out)
{
	if (*has)
		return false;
	*has = true;
	return get_uint(in, out);
}

/* One member whose value is the ${len} bytes at ${in}. */
static bool get_member(struct envelope *e, char key, const uint8_t *in, size_t len, bool *version)
{
	uint64_t n = 0;

	switch (key) {
	case 'v':
		return get_number(in, version, &n) && n == ENVELOPE_VERSION;
	case 'p':
		return get_bin(in, len, &e->p, &e->plen);
	case 'c':
		return get_bin(in, len, &e->c, &e->clen);
	case 'k':
		return get_bin(in, len, &e->k, &e->klen);
	case 's':
		return get_number(in, &e->has_s, &e->s);
	case 'd':
		if (!get_number(in, &e->has_d, &n) || n > 1)
			return false;
		e->d = (uint8_t)n;
		return true;
	case 'g':
		return in[0] >= 0xc4 && in[0] <= 0xc6;
	default:
		return true;
	}
}

/* The letter of a one-letter key, 0 for another string, -1 if it is no string. */
static int get_key(const uint8_t *in, size_t len)
{
	size_t header;

	if (in[0] >= 0xa0 && in[0] <= 0xbf)
		header = 1;
	else if (in[0] >= 0xd9 && in[0] <= 0xdb)
		header = 1 + ((size_t)1 << (in[0] - 0xd9U));
	else
		return -1;
	return len - header == 1 ? in[header] : 0;
}

int envelope_read(struct envelope *e, const uint8_t *in, size_t n)
{
	size_t len, at;
	uint64_t items;
	bool version = false;

	memset(e, 0, sizeof *e);
	if (n == 0 || !((in[0] & 0xf0) == 0x80 || in[0] == 0xde || in[0] == 0xdf))
		return -1;
	if (msgwalk_object(in, n, ENVELOPE_DEPTH) != n || msgwalk_header(in, n, &len, &items) < 0)
		return -1;
	at = len;
	for (; items > 0; items -= 2) {
		size_t klen = msgwalk_object(in + at, n - at, 0), vlen;
		int key = klen > 0 ? get_key(in + at, klen) : -1;

		if (key < 0)
			return -1;
		at += klen;
		vlen = msgwalk_object(in + at, n - at, ENVELOPE_DEPTH);
		if (vlen == 0 || !get_member(e, (char)key, in + at, vlen, &version))
			return -1;
		at += vlen;
	}
	return version ? 0 : -1;
}

/* ---- writing ---- */

struct sink {
	uint8_t *out;
	size_t n, cap;
	bool full;
};

static void put(struct sink *s, const void *bytes, size_t n)
{
	if (s->full || n > s->cap - s->n) {
		s->full = true;
		return;
	}
	/* A payload that was made in its place stays there. */
	if (bytes && n > 0 && s->out + s->n != bytes)
		memmove(s->out + s->n, bytes, n);
	s->n += n;
}

static void put_byte(struct sink *s, uint8_t b)
{
	put(s, &b, 1);
}

static void put_key(struct sink *s, char key)
{
	put_byte(s, 0xa1);
	put_byte(s, (uint8_t)key);
}

static void put_header(struct sink *s, size_t n)
{
	uint8_t h[5] = {0xc4, (uint8_t)n};

	if (n > 0xffff) {
		h[0] = 0xc6;
		be_put32(h + 1, (uint32_t)n);
		put(s, h, 5);
	} else if (n > 0xff) {
		h[0] = 0xc5;
		be_put16(h + 1, (uint16_t)n);
		put(s, h, 3);
	} else
		put(s, h, 2);
}

static void put_bin(struct sink *s, char key, const uint8_t *bytes, size_t n)
{
	put_key(s, key);
	put_header(s, n);
	put(s, bytes, n);
}

/* The padding that makes the map ${size} bytes: always with a header of 3, so that every size from 5 on
 * can be had. */
static void put_padding(struct sink *s, size_t size, size_t *pad_at, size_t *pad_len)
{
	uint8_t h[3] = {0xc5};

	*pad_at = *pad_len = 0;
	if (s->full || size < s->n + 5 || size > s->cap) {
		s->full = true;
		return;
	}
	*pad_len = size - s->n - 5;
	put_key(s, 'g');
	be_put16(h + 1, (uint16_t)*pad_len);
	put(s, h, 3);
	*pad_at = s->n;
	s->n = size;
	if (*pad_len > 0xffff)
		s->full = true;
}

size_t envelope_write(const struct envelope *e, uint8_t *out, size_t cap, size_t size, size_t *pad_at, size_t *pad_len)
{
	struct sink s = {.out = out, .cap = cap};
	bool has_p = e->p || !e->has_s, has_c = e->c || !e->has_s;
	uint8_t number[9] = {0xcf};

	put_byte(&s, (uint8_t)(0x80 | (1 + has_p + has_c + (e->k != NULL) + e->has_s + e->has_d + (size > 0))));
	put_key(&s, 'v');
	put_byte(&s, ENVELOPE_VERSION);
	if (e->has_s) {
		put_key(&s, 's');
		be_put64(number + 1, e->s);
		put(&s, number, 9);
	}
	if (e->has_d) {
		put_key(&s, 'd');
		put_byte(&s, e->d);
	}
	if (has_p)
		put_bin(&s, 'p', e->p, e->plen);
	if (has_c)
		put_bin(&s, 'c', e->c, e->clen);
	if (e->k)
		put_bin(&s, 'k', e->k, e->klen);
	*pad_at = *pad_len = 0;
	if (size > 0)
		put_padding(&s, size, pad_at, pad_len);
	return s.full ? 0 : s.n;
}
