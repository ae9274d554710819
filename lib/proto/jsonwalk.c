#include "jsonwalk.h"

#include <string.h>

#include "utf8.h"

struct cursor {
	const char *at, *end;
};

static bool value(struct cursor *c, int depth, struct jsonwalk *v);

static void blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool take(struct cursor *c, char want)
{
	if (c->at == c->end || *c->at != want)
		return false;
	c->at++;
	return true;
}

static int hex(char d)
{
	if (d >= '0' && d <= '9')
		return d - '0';
	if (d >= 'a' && d <= 'f')
		return d - 'a' + 10;
	if (d >= 'A' && d <= 'F')
		return d - 'A' + 10;
	return -1;
}

static bool string(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	while (c->at < c->end && *c->at != '"') {
		if ((unsigned char)*c->at < 0x20)
			return false;
		if (*c->at++ != '\\')
			continue;
		if (c->at == c->end || !memchr("\"\\/bfnrtu", *c->at, 9))
			return false;
		if (*c->at++ != 'u')
			continue;
		for (int i = 0; i < 4; i++, c->at++)
			if (c->at == c->end || hex(*c->at) < 0)
				return false;
	}
	return take(c, '"');
}

static size_t digits(struct cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return (size_t)(c->at - from);
}

/* Digits to an integer; false if it does not fit. */
static bool integer(const char *text, size_t n, bool minus, int64_t *out)
{
	int64_t r = 0;

	for (size_t i = 0; i < n; i++) {
		int d = text[i] - '0';

		if (r < (INT64_MIN + d) / 10)
			return false;
		r = r * 10 - d;
	}
	if (!minus && r == INT64_MIN)
		return false;
	*out = minus ? r : -r;
	return true;
}

static bool number(struct cursor *c, struct jsonwalk *v)
{
	bool minus = take(c, '-'), whole = true;
	const char *from = c->at;
	size_t n = digits(c);

	if (n == 0 || (n > 1 && *from == '0'))
		return false;
	if (take(c, '.')) {
		whole = false;
		if (digits(c) == 0)
			return false;
	}
	if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
		whole = false;
		c->at++;
		if (!take(c, '+'))
			(void)take(c, '-');
		if (digits(c) == 0)
			return false;
	}
	v->kind = whole && integer(from, n, minus, &v->integer) ? JSONWALK_INTEGER : JSONWALK_NUMBER;
	return true;
}

static bool word(struct cursor *c, const char *want)
{
	size_t n = strlen(want);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, want, n) != 0)
		return false;
	c->at += n;
	return true;
}

/* An object or an array, from its bracket on; ${member} or ${element} (or neither) is told. */
static bool nest(struct cursor *c, int depth, jsonwalk_member member, jsonwalk_element element, void *ctx)
{
	bool object = *c->at == '{';
	char close = object ? '}' : ']';

	if (depth == 0)
		return false;
	c->at++;
	blanks(c);
	if (take(c, close))
		return true;
	for (;;) {
		struct cursor name = *c;
		struct jsonwalk v;

		if (object) {
			if (!string(c))
				return false;
			name.end = c->at;
			blanks(c);
			if (!take(c, ':'))
				return false;
			blanks(c);
		}
		if (!value(c, depth - 1, &v))
			return false;
		if (member && !member(ctx, name.at + 1, (size_t)(name.end - name.at) - 2, &v))
			return false;
		if (element && !element(ctx, &v))
			return false;
		blanks(c);
		if (take(c, close))
			return true;
		if (!take(c, ','))
			return false;
		blanks(c);
	}
}

static bool value(struct cursor *c, int depth, struct jsonwalk *v)
{
	const char *from = c->at;
	bool good;

	*v = (struct jsonwalk){0};
	if (c->at == c->end)
		return false;
	switch (*c->at) {
	case '{':
	case '[':
		v->kind = *c->at == '{' ? JSONWALK_OBJECT : JSONWALK_ARRAY;
		good = nest(c, depth, NULL, NULL, NULL);
		break;
	case '"':
		v->kind = JSONWALK_STRING;
		good = string(c);
		break;
	case 't':
		v->kind = JSONWALK_TRUE;
		good = word(c, "true");
		break;
	case 'f':
		v->kind = JSONWALK_FALSE;
		good = word(c, "false");
		break;
	case 'n':
		v->kind = JSONWALK_NULL;
		good = word(c, "null");
		break;
	default:
		good = number(c, v);
	}
	v->text = from;
	v->len = (size_t)(c->at - from);
	return good;
}

static bool walk(const char *text, size_t n, char open, jsonwalk_member member, jsonwalk_element element, void *ctx)
{
	struct cursor c = {text, text + n};

	if (n == 0 || !utf8_valid((const uint8_t *)text, n))
		return false;
	blanks(&c);
	if (c.at == c.end || *c.at != open || !nest(&c, JSONWALK_DEPTH, member, element, ctx))
		return false;
	blanks(&c);
	return c.at == c.end;
}

bool jsonwalk_object(const char *text, size_t n, jsonwalk_member call, void *ctx)
{
	return walk(text, n, '{', call, NULL, ctx);
}

bool jsonwalk_array(const char *text, size_t n, jsonwalk_element call, void *ctx)
{
	return walk(text, n, '[', NULL, call, ctx);
}

bool jsonwalk_named(const char *name, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(name, want, len) == 0;
}

static unsigned unit(const char *at)
{
	unsigned u = 0;

	for (int i = 0; i < 4; i++)
		u = u << 4 | ((unsigned)hex(at[i]) & 15);
	return u;
}

/* Bytes of the character ${u} in UTF-8. */
static size_t encode(unsigned u, char out[4])
{
	if (u < 0x80) {
		out[0] = (char)u;
		return 1;
	}
	if (u < 0x800) {
		out[0] = (char)(0xc0 | u >> 6);
		out[1] = (char)(0x80 | (u & 0x3f));
		return 2;
	}
	if (u < 0x10000) {
		out[0] = (char)(0xe0 | u >> 12);
		out[1] = (char)(0x80 | (u >> 6 & 0x3f));
		out[2] = (char)(0x80 | (u & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | u >> 18);
	out[1] = (char)(0x80 | (u >> 12 & 0x3f));
	out[2] = (char)(0x80 | (u >> 6 & 0x3f));
	out[3] = (char)(0x80 | (u & 0x3f));
	return 4;
}

/* The escape behind a backslash: its character; ${*at} is moved behind it. 0 if it is none of ours. */
static unsigned escape(const char **at, const char *end)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *known = memchr(letters, **at, sizeof letters - 1);
	unsigned u, low;

	if (known) {
		(*at)++;
		return (unsigned char)meant[known - letters];
	}
	u = unit(*at + 1);
	*at += 5;
	if (u < 0xd800 || u > 0xdfff)
		return u;
	if (u > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return 0;
	low = unit(*at + 2);
	*at += 6;
	return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00) : 0;
}

int jsonwalk_string(const struct jsonwalk *v, char *out, size_t cap)
{
	const char *at = v->text + 1, *end;
	size_t n = 0;

	if (v->kind != JSONWALK_STRING)
		return -1;
	end = v->text + v->len - 1;
	while (at < end) {
		char c[4] = {*at};
		size_t len = 1;

		if (*at++ == '\\') {
			unsigned u = escape(&at, end);

			if (u == 0)
				return -1;
			len = encode(u, c);
		}
		if (n + len >= cap)
			return -1;
		memcpy(out + n, c, len);
		n += len;
	}
	if (n >= cap)
		return -1;
	out[n] = '\0';
	return (int)n;
}
