/* iptable: how many connections each IP address has. IPv6 addresses count by their /64 network. */
#ifndef IPTABLE_H
#define IPTABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What is counted: the first bytes of the address; all zero for a Unix socket, which is not. */
struct ipkey {
	uint8_t bytes[8];
	uint8_t family; /* 0, 4 or 6 */
};

/* All zero is an empty table. */
struct iptable {
	struct iptable_slot *slots;
	size_t used, room;
};

void iptable_key(struct ipkey *k, const struct sockaddr *sa);

/* Count one more: the new number, or -1 without memory. */
int64_t iptable_add(struct iptable *t, const struct ipkey *k);
/* One less. */
void iptable_drop(struct iptable *t, const struct ipkey *k);

void iptable_free(struct iptable *t);

#endif
