#include "msgwalk.h"

#include "bigendian.h"

int msgwalk_header(const uint8_t *in, size_t n, size_t *len, uint64_t *items)
{
	static const uint8_t fixed[] = {/* 0xca.. */ 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18};
	uint8_t b = in[0];
	size_t width;

	*len = 1;
	*items = 0;
	if (b <= 0x7f || b >= 0xe0 || b == 0xc0 || b == 0xc2 || b == 0xc3)
		return 0;
	if (b <= 0x9f) {
		*items = (uint64_t)(b & 0x0f) * (b <= 0x8f ? 2 : 1);
		return 0;
	}
	if (b <= 0xbf) {
		*len = 1 + (size_t)(b & 0x1f);
		return 0;
	}
	if (b >= 0xca && b <= 0xd8) {
		*len = fixed[b - 0xca];
		return 0;
	}
	if (b == 0xc1)
		return -1;
	/* bin 8/16/32 (c4..c6), ext 8/16/32 (c7..c9), str 8/16/32 (d9..db), array, map 16/32 */
	if (b >= 0xdc)
		width = (b & 1) ? 4 : 2;
	else if (b >= 0xd9)
		width = (size_t)1 << (b - 0xd9U);
	else
		width = (size_t)1 << ((b - 0xc4U) % 3U);
	if (n < 1 + width)
		return -1;
	uint32_t count = width == 1 ? in[1] : width == 2 ? be_get16(in + 1) : be_get32(in + 1);

	*len = 1 + width;
	if (b >= 0xdc)
		*items = (uint64_t)count * (b >= 0xde ? 2 : 1);
	else if (count > n)
		return -1;
	else
		*len += (size_t)count + (b >= 0xc7 && b <= 0xc9 ? 1 : 0);
	return 0;
}

size_t msgwalk_object(const uint8_t *in, size_t n, int depth)
{
	uint64_t left[MSGWALK_DEPTH + 1];
	size_t whole = n;
	int level = 0;

	left[0] = 1;
	if (depth > MSGWALK_DEPTH)
		depth = MSGWALK_DEPTH;
	while (level >= 0) {
		size_t len;
		uint64_t items;

		if (left[level] == 0) {
			level--;
			continue;
		}
		left[level]--;
		if (n == 0 || msgwalk_header(in, n, &len, &items) < 0 || len > n || items > n - len)
			return 0;
		in += len;
		n -= len;
		if (items > 0) {
			if (level == depth)
				return 0;
			left[++level] = items;
		}
	}
	return whole - n;
}
