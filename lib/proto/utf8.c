#include "utf8.h"

/* Bytes that follow the lead byte ${b}, and the bounds of the first of them; -1 if it leads nothing. */
static int follow(uint8_t b, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (b >= 0xc2 && b <= 0xdf)
		return 1;
	if (b >= 0xe0 && b <= 0xef) {
		if (b == 0xe0)
			*low = 0xa0;
		if (b == 0xed)
			*high = 0x9f;
		return 2;
	}
	if (b >= 0xf0 && b <= 0xf4) {
		if (b == 0xf0)
			*low = 0x90;
		if (b == 0xf4)
			*high = 0x8f;
		return 3;
	}
	return -1;
}

bool utf8_valid(const uint8_t *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		uint8_t low, high, b = s[i++];
		int more;

		if (b < 0x80)
			continue;
		more = follow(b, &low, &high);
		if (more < 0 || n - i < (size_t)more || s[i] < low || s[i] > high)
			return false;
		for (int k = 1; k < more; k++)
			if ((s[i + (size_t)k] & 0xc0) != 0x80)
				return false;
		i += (size_t)more;
	}
	return true;
}
