/*
 * payload: how much of a packet is left for the application, wire by wire and header by header,
 * counted with the constants that the engines themselves use.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_STEPS 10
#define PAYLOAD_IPV6_LEAST 1280 /* a link with less carries no IPv6 (RFC 8200, 5) */
#define PAYLOAD_IPV4_MOST 65535

struct payload_step {
	const char *what; /* "IPv4 header" */
	size_t bytes;
};

struct payload {
	const char *wire;      /* "vault1" */
	const char *transport; /* "tcp" or "udp" */
	const char *unit;      /* what the remainder is: "data of a record", "text" */
	bool ipv6;
	uint32_t mtu;
	struct payload_step steps[PAYLOAD_STEPS];
	size_t count;
	size_t fits;	  /* bytes of the application in one packet; 0: nothing */
	const char *note; /* why it is less, or nothing; or NULL */
};

/* The rows of this build, in order, for one family. False: there are no more. */
bool payload_row(struct payload *p, size_t number, bool ipv6, uint32_t mtu);

/* What is left in a UDP datagram or a TCP segment (with time stamps, as is usual) of ${mtu}. */
size_t payload_udp(bool ipv6, uint32_t mtu);
size_t payload_tcp(bool ipv6, uint32_t mtu);

#endif
