#include "payload.h"

#include "datagram.h"
#include "envelope.h"
#include "squash.h"
#include "wire.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define TCP_TIMES 12 /* time stamps (RFC 7323) and padding, which nearly everybody agrees on */
#define UDP_HEADER 8
#define UDP_IPV6_MOST 65535 /* what the 16 bits of its length can say (RFC 8200 without jumbograms) */
#define FRAME_LENGTH 4

static size_t less(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

/* Begin with the whole packet. False if the link does not carry that family. */
static bool begin(struct payload *p)
{
	if (p->ipv6 && p->mtu < PAYLOAD_IPV6_LEAST) {
		p->note = "a link with an MTU below 1280 carries no IPv6";
		return false;
	}
	p->fits = p->mtu;
	if (!p->ipv6 && p->fits > PAYLOAD_IPV4_MOST) {
		p->fits = PAYLOAD_IPV4_MOST;
		p->note = "an IPv4 packet has 65535 bytes at most";
	}
	return true;
}

static void take(struct payload *p, const char *what, size_t bytes)
{
	p->steps[p->count++] = (struct payload_step){what, bytes};
	p->fits = less(p->fits, bytes);
}

static void cap(struct payload *p, size_t most, const char *note)
{
	if (p->fits <= most)
		return;
	p->fits = most;
	p->note = note;
}

static void take_ip(struct payload *p)
{
	take(p, p->ipv6 ? "IPv6 header" : "IPv4 header", p->ipv6 ? IPV6_HEADER : IPV4_HEADER);
}

static void take_tcp(struct payload *p)
{
	take_ip(p);
	take(p, "TCP header", TCP_HEADER);
	take(p, "TCP time stamps", TCP_TIMES);
}

static void take_udp(struct payload *p)
{
	take_ip(p);
	cap(p, UDP_IPV6_MOST, "a UDP datagram has 65535 bytes at most");
	take(p, "UDP header", UDP_HEADER);
}

/* ---- one function for each row ---- */

static void plain_tcp(struct payload *p)
{
	take_tcp(p);
	p->unit = "segment";
}

static void plain_udp(struct payload *p)
{
	take_udp(p);
	p->unit = "datagram";
}

/* A record that fills one segment. (Constants, not the wires themselves: those would link all that the engine needs.) */
static void record(struct payload *p, size_t prefix, size_t body_max)
{
	take_tcp(p);
	take(p, "frame length", FRAME_LENGTH);
	if (prefix > 0)
		take(p, "record type", prefix);
	take(p, "authentication tag", AEAD_TAGBYTES);
	cap(p, body_max, "a record holds no more");
	p->unit = "data of one record";
}

static void vault1(struct payload *p)
{
	record(p, V1_PREFIX, V1_BODYMAX);
}

static void vaulttcp(struct payload *p)
{
	record(p, RAW_PREFIX, RAW_BODYMAX);
}

static void box(struct payload *p, size_t map)
{
	take_udp(p);
	cap(p, DATAGRAM_MAX, "no receiver takes a datagram above 48000 bytes");
	take(p, "nonce", DATAGRAM_NONCE);
	take(p, "authentication tag", DATAGRAM_TAG);
	take(p, "inner nonce", DATAGRAM_INNER);
	take(p, "time", DATAGRAM_HEAD - DATAGRAM_NONCE - DATAGRAM_TAG - DATAGRAM_INNER);
	take(p, "map with padding header", map);
	take(p, "zstd frame", SQUASH_STORED);
	p->unit = "message that does not shrink";
}

static void udp_native(struct payload *p)
{
	box(p, ENVELOPE_NATIVE);
}

static void udp_upstream(struct payload *p)
{
	box(p, ENVELOPE_UPSTREAM);
	if (p->ipv6 && !p->note)
		p->note = "Vault UDP in Python itself has only IPv4";
}

static void udp_v1(struct payload *p)
{
	take_udp(p);
	cap(p, DATAGRAM_MAX, "no receiver takes a datagram above 48000 bytes");
	take(p, "sealed box", DATAGRAM_SEALED);
	take(p, "array with padding", 16);
	take(p, "zstd frame", SQUASH_STORED);
	p->unit = "message that does not shrink";
}

static const struct {
	const char *wire, *transport;
	void (*count)(struct payload *p);
} rows[] = {
    {"none", "tcp", plain_tcp},
    {"vault1", "tcp", vault1},
    {"vault-tcp", "tcp", vaulttcp},
    {"none", "udp", plain_udp},
    {"vault-udp", "udp", udp_native},
    {"vault-udp v2, to Python", "udp", udp_upstream},
    {"vault-udp v1", "udp", udp_v1},
};

bool payload_row(struct payload *p, size_t number, bool ipv6, uint32_t mtu)
{
	if (number >= sizeof(rows) / sizeof(rows[0]))
		return false;
	*p = (struct payload){.wire = rows[number].wire, .transport = rows[number].transport, .ipv6 = ipv6, .mtu = mtu};
	if (begin(p)) {
		rows[number].count(p);
		if (p->fits == 0)
			p->note = "the headers leave nothing";
	}
	return true;
}

size_t payload_udp(bool ipv6, uint32_t mtu)
{
	struct payload p = {.ipv6 = ipv6, .mtu = mtu};

	if (begin(&p))
		take_udp(&p);
	return p.fits;
}

size_t payload_tcp(bool ipv6, uint32_t mtu)
{
	struct payload p = {.ipv6 = ipv6, .mtu = mtu};

	if (begin(&p))
		take_tcp(&p);
	return p.fits;
}
