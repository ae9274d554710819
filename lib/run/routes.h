/* routes: which way packets to a host go, and the table of them that ifaces_watch.h follows. */
#ifndef ROUTES_H
#define ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/error.h"

#define ROUTE_HOPS 8 /* next hops of one route that are kept */

struct ifaces;

struct route_hop {
	unsigned index;	     /* of the interface, 0 = none */
	int family;	     /* of the gateway; 0 = the destination is on the link */
	uint8_t gateway[16];
};

struct route {
	int family;
	uint8_t destination[16];
	uint8_t prefix;
	uint8_t type;	  /* RTN_...; 0 = not known */
	uint8_t protocol; /* RTPROT_... */
	uint8_t tos;
	bool cached;	  /* not from a table: made for one destination */
	uint32_t table, priority;
	bool has_source;
	uint8_t source[16];
	uint32_t mtu; /* of this route; 0 = that of the interface */
	bool no_hops; /* asked without netlink: next hop and type are not known */
	struct route_hop hops[ROUTE_HOPS];
	size_t hop_count;
};

/* The way to ${to} (the port does not matter), as the kernel would choose now: source, interface, next
 * hop, and the MTU, which is never 0. 0, or -1 with ERROR_NETWORK if there is none. */
int routes_toward(struct route *r, const struct ifaces *s, const struct sockaddr *to, struct error *e)
    __attribute__((warn_unused_result));

/* The same from a UDP socket that is connected there (nothing is sent), which works in a sandbox, too: source and
 * MTU, 0 if the system does not say, and no interface or next hop. 0, or -1 with errno. */
int routes_by_socket(struct route *r, const struct sockaddr *to) __attribute__((warn_unused_result));

/* It stays within this machine, for its source is a loopback address. */
bool route_is_loopback(const struct route *r);

/* "unicast", "local", "blackhole"; "other". */
const char *route_type(const struct route *r);

/* Would a change of it be of interest? Routes in ordinary tables are, the kernel's own for local
 * addresses and broadcasts are not. */
bool route_counts(const struct route *r);

/* A total order of what makes two routes the same one (not their MTU). */
int route_compare(const struct route *a, const struct route *b);

struct routes {
	struct route *list; /* in the order of route_compare() */
	size_t count;
};

/* All that count. 0, or -1 with ERROR_IO (netlink is not available). */
int routes_read(struct routes *t, struct error *e) __attribute__((warn_unused_result));
void routes_free(struct routes *t);
struct route *routes_find(const struct routes *t, const struct route *r);
/* 0, or -1 without memory. */
int routes_add(struct routes *t, const struct route *r);
void routes_remove(struct routes *t, const struct route *r);

#endif
