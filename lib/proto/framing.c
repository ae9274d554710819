#include "framing.h"

#include <string.h>

#include "bigendian.h"

int framing_parse(const char *name)
{
	static const char *const names[] = {
	    [FRAMING_RAW] = "raw", [FRAMING_LINES] = "lines", [FRAMING_NUL] = "nul", [FRAMING_U32] = "u32"};

	for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

static ssize_t ended_by(int byte, const uint8_t *data, size_t n, size_t max, size_t *len)
{
	const uint8_t *end = memchr(data, byte, n < max + 1 ? n : max + 1);

	if (!end)
		return n > max ? FRAMING_TOO_LONG : 0;
	*len = (size_t)(end - data);
	return (ssize_t)*len + 1;
}

static ssize_t counted(const uint8_t *data, size_t n, size_t max, const uint8_t **body, size_t *len)
{
	if (n < 4)
		return 0;
	*len = be_get32(data);
	if (*len > max)
		return FRAMING_TOO_LONG;
	*body = data + 4;
	return n - 4 < *len ? 0 : (ssize_t)*len + 4;
}

ssize_t framing_next(enum framing f, const uint8_t *data, size_t n, size_t max, const uint8_t **body, size_t *len)
{
	*body = data;
	switch (f) {
	case FRAMING_LINES:
		return ended_by('\n', data, n, max, len);
	case FRAMING_NUL:
		return ended_by('\0', data, n, max, len);
	case FRAMING_U32:
		return counted(data, n, max, body, len);
	case FRAMING_RAW:
		break;
	}
	*len = n < max ? n : max;
	return (ssize_t)*len;
}

bool framing_last_counts(enum framing f)
{
	return f != FRAMING_U32;
}

size_t framing_head(enum framing f, size_t len, uint8_t out[FRAMING_EDGE])
{
	if (f != FRAMING_U32)
		return 0;
	be_put32(out, (uint32_t)len);
	return 4;
}

size_t framing_tail(enum framing f, uint8_t out[FRAMING_EDGE])
{
	if (f != FRAMING_LINES && f != FRAMING_NUL)
		return 0;
	out[0] = f == FRAMING_LINES ? '\n' : '\0';
	return 1;
}

bool framing_holds(enum framing f, const uint8_t *body, size_t n)
{
	uint8_t tail[FRAMING_EDGE];

	return n == 0 || framing_tail(f, tail) == 0 || !memchr(body, tail[0], n);
}
