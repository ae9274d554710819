/* tunhop, the packets that a router makes: fragments, "too big", "hops used up". */
#ifndef TUNHOP_PACKET_H
#define TUNHOP_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_ROOM 65600

struct own {
	struct in_addr four;
	struct in6_addr six;
};

/* One hop less; false if none is left. Of IPv4, the checksum follows. */
bool packet_hop(uint8_t *p, size_t n);

/* May a router cut it up? */
bool packet_may_split(const uint8_t *p, size_t n);

/* Cut an IPv4 packet into pieces of at most ${mtu} bytes and hand them to ${out}. */
void packet_split(const uint8_t *p, size_t n, size_t mtu, void (*out)(void *ctx, const uint8_t *p, size_t n), void *ctx);

/* Make the error about ${p} for its sender; returns its length, 0 if there must be none. */
size_t packet_too_big(uint8_t *e, const uint8_t *p, size_t n, size_t mtu, const struct own *own);
size_t packet_expired(uint8_t *e, const uint8_t *p, size_t n, const struct own *own);

#endif
