#include "tunhop_packet.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "proto/bigendian.h"

#define QUOTE 128 /* bytes of a packet that an error repeats */

static uint32_t add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += be_get16(p + i);
	return n % 2 ? sum + ((uint32_t)p[n - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void sum_header(uint8_t *p)
{
	be_put16(p + 10, 0);
	be_put16(p + 10, fold(add(0, p, (size_t)(p[0] & 15) * 4)));
}

static bool is_four(const uint8_t *p)
{
	return p[0] >> 4 == 4;
}

bool packet_hop(uint8_t *p, size_t n)
{
	uint8_t *hops = is_four(p) ? p + 8 : p + 7;

	if (n < 20 || (!is_four(p) && n < 40) || *hops <= 1)
		return false;
	--*hops;
	if (is_four(p))
		sum_header(p);
	return true;
}

bool packet_may_split(const uint8_t *p, size_t n)
{
	return n >= 20 && is_four(p) && !(p[6] & 0x40);
}

void packet_split(const uint8_t *p, size_t n, size_t mtu, void (*out)(void *ctx, const uint8_t *p, size_t n), void *ctx)
{
	uint8_t piece[PACKET_ROOM];
	size_t head = (size_t)(p[0] & 15) * 4, step = (mtu - head) & ~(size_t)7, whole = n - head;
	uint16_t first = be_get16(p + 6);

	for (size_t at = 0; at < whole; at += step) {
		size_t part = whole - at < step ? whole - at : step;
		bool more = at + part < whole || (first & 0x2000);

		memcpy(piece, p, head);
		memcpy(piece + head, p + head + at, part);
		be_put16(piece + 2, (uint16_t)(head + part));
		be_put16(piece + 6, (uint16_t)(((first & 0x1fff) + at / 8) | (more ? 0x2000U : 0)));
		sum_header(piece);
		out(ctx, piece, head + part);
	}
}

/* No errors about errors, and none about fragments other than the first. */
static bool may_complain(const uint8_t *p, size_t n)
{
	size_t head = is_four(p) ? (size_t)(p[0] & 15) * 4 : 40;

	if (n < head + 8)
		return false;
	if (is_four(p))
		return !(be_get16(p + 6) & 0x1fff) && (p[9] != IPPROTO_ICMP || p[head] == ICMP_ECHO || p[head] == ICMP_ECHOREPLY);
	return p[6] != IPPROTO_ICMPV6 || (p[head] & 0x80);
}

static size_t error_four(uint8_t *e, const uint8_t *p, size_t n, uint8_t type, uint8_t code, uint32_t rest, const struct own *own)
{
	size_t quote = n < QUOTE ? n : QUOTE;

	memset(e, 0, 28);
	e[0] = 0x45;
	be_put16(e + 2, (uint16_t)(28 + quote));
	e[8] = 64;
	e[9] = IPPROTO_ICMP;
	memcpy(e + 12, &own->four, 4);
	memcpy(e + 16, p + 12, 4);
	sum_header(e);
	e[20] = type;
	e[21] = code;
	be_put32(e + 24, rest);
	memcpy(e + 28, p, quote);
	be_put16(e + 22, fold(add(0, e + 20, 8 + quote)));
	return 28 + quote;
}

static size_t error_six(uint8_t *e, const uint8_t *p, size_t n, uint8_t type, uint32_t rest, const struct own *own)
{
	size_t quote = n < QUOTE ? n : QUOTE;

	memset(e, 0, 48);
	e[0] = 0x60;
	be_put16(e + 4, (uint16_t)(8 + quote));
	e[6] = IPPROTO_ICMPV6;
	e[7] = 64;
	memcpy(e + 8, &own->six, 16);
	memcpy(e + 24, p + 8, 16);
	e[40] = type;
	be_put32(e + 44, rest);
	memcpy(e + 48, p, quote);
	be_put16(e + 42, fold(add((uint32_t)(8 + quote) + IPPROTO_ICMPV6, e + 8, 32 + 8 + quote)));
	return 48 + quote;
}

size_t packet_too_big(uint8_t *e, const uint8_t *p, size_t n, size_t mtu, const struct own *own)
{
	if (!may_complain(p, n))
		return 0;
	if (is_four(p))
		return error_four(e, p, n, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, (uint32_t)mtu, own);
	return error_six(e, p, n, ICMP6_PACKET_TOO_BIG, (uint32_t)mtu, own);
}

size_t packet_expired(uint8_t *e, const uint8_t *p, size_t n, const struct own *own)
{
	if (!may_complain(p, n))
		return 0;
	if (is_four(p))
		return error_four(e, p, n, ICMP_TIME_EXCEEDED, 0, 0, own);
	return error_six(e, p, n, ICMP6_TIME_EXCEEDED, 0, own);
}
