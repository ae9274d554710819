/*
 * pathmtu: how big a packet may be on the way to a host, found by sending some that must not be
 * fragmented. No privileges are needed, and nothing but an answer of any kind from the host: an echo
 * reply, a "port unreachable", a datagram.
 *
 * Two ways to ask are used side by side, as far as the system and the host allow:
 *
 *   echo  ICMP echo by a ping socket (net.ipv4.ping_group_range) or a raw one. Its reply is as large as
 *         the question, so it tells about the way back, too: replies come without "don't fragment", and
 *         the size of the fragments is the size that the way back takes.
 *   udp   a datagram to a port where probably nobody listens, as traceroute(8) does.
 *
 * A third, authenticated probes that a vault-udp peer answers, belongs beside them: struct path_way in
 * pathmtu_ways.h is where it joins.
 */
#ifndef PATHMTU_H
#define PATHMTU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/error.h"
#include "routes.h"

#define PATHMTU_PACKETS 48 /* at most so many are sent */
#define PATHMTU_PORT 33434 /* where traceroute(8) begins */

enum path_limit {
	LIMIT_LINK,   /* the MTU of the interface or route here: nothing on the way is smaller */
	LIMIT_ROUTER, /* a router said so */
	LIMIT_HOLE,   /* nobody says so: larger packets disappear */
	LIMIT_NOT_KNOWN, /* time or packets were used up before */
};

struct pathmtu {
	/* To be filled in: */
	struct sockaddr_storage to; /* with the port for datagrams */
	uint32_t local;		    /* the MTU here, of interface or route: struct route's */
	int64_t deadline;	    /* clock_ms() */
	bool (*interrupted)(void *owner); /* or NULL: asked from time to time, true gives up */
	void *owner;

	/* Found out: */
	bool answered;		 /* the host did; else ${mtu} is only what routers said */
	uint32_t mtu;		 /* there; largest IP packet that arrives */
	bool exact;		 /* one byte more does not; false: there was no time or packet left */
	enum path_limit limit;
	struct sockaddr_storage router; /* LIMIT_ROUTER: who said so; ss_family 0 otherwise */
	struct sockaddr_storage last;	/* LIMIT_HOLE: the last router that the larger packets reached */
	unsigned last_hop;		/* and its distance, 0 = not known */
	uint32_t back;		 /* largest IP packet on the way back, 0 = not known */
	bool back_exact;	 /* false: at least so much */
	int64_t rtt_us;		 /* of the quickest answer, -1 = none */
	unsigned packets;	 /* sent */
	bool by_echo, by_udp;	 /* which of them the host answers */
};

/* Find out. 0, also without any answer from the host if a router named a limit (${answered}); -1 with
 * ERROR_NETWORK (unreachable, and who says so) or ERROR_TIMEOUT (no answer of any kind). */
int pathmtu_find(struct pathmtu *p, struct error *e) __attribute__((warn_unused_result));

#endif
