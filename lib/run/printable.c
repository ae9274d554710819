#include "printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PIECE_MAX 16 /* one character or escape with its NUL */

/* Decode one character. Its length in bytes, or 0 if the bytes are not well-formed UTF-8
 * (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t printable_decode(uint32_t *cp, const unsigned char *p, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n;

	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	n = p[0] >= 0xf8 ? 0 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
	if (n == 0 || n > len)
		return 0;
	*cp = p[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3fU);
	}
	if (*cp < least[n] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return n;
}

static bool printable_plain(uint32_t cp)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
	    {0x80, 0x9f},       /* C1 controls */
	    {0xad, 0xad},       /* soft hyphen */
	    {0x61c, 0x61c},     /* Arabic letter mark */
	    {0x180e, 0x180e},   /* Mongolian vowel separator */
	    {0x200b, 0x200f},   /* zero widths, direction marks */
	    {0x2028, 0x202e},   /* separators, embeddings and overrides */
	    {0x2060, 0x206f},   /* joiners, isolates, deprecated formats */
	    {0xfdd0, 0xfdef},   /* non-characters */
	    {0xfeff, 0xfeff},   /* byte order mark */
	    {0xfff9, 0xfffb},   /* interlinear annotation */
	    {0xe0000, 0xe007f}, /* tags */
	};

	if ((cp & 0xfffe) == 0xfffe)
		return false;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (cp >= hidden[i].first && cp <= hidden[i].last)
			return false;
	return true;
}

/* One character as it will be shown; returns how many bytes of ${p} it stands for. */
static size_t printable_piece(char piece[PIECE_MAX], const unsigned char *p, size_t len)
{
	uint32_t cp = 0;
	size_t n = printable_decode(&cp, p, len);

	if (n == 0 || cp < 0x20 || cp == 0x7f) {
		snprintf(piece, PIECE_MAX, "\\x%02x", p[0]);
		return 1;
	}
	if (!printable_plain(cp)) {
		snprintf(piece, PIECE_MAX, "\\u{%x}", (unsigned)cp);
		return n;
	}
	memcpy(piece, p, n);
	piece[n] = '\0';
	return n;
}

char *printable(char *out, size_t size, const void *text, size_t len)
{
	const unsigned char *p = text;
	char piece[PIECE_MAX];
	size_t n = 0, dots = 0; /* ${dots}: where "..." still fits */

	while (len > 0) {
		size_t used = printable_piece(piece, p, len), add = strlen(piece);

		if (n + add >= size) {
			memcpy(out + dots, "...", 3);
			n = dots + 3;
			break;
		}
		memcpy(out + n, piece, add);
		n += add;
		if (n + 3 < size)
			dots = n;
		p += used;
		len -= used;
	}
	out[n] = '\0';
	return out;
}
