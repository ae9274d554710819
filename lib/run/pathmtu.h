/*
 * pathmtu: how big a packet may be on the way to a host, found by sending some that must not be
 * fragmented. No privileges are needed, and nothing but an answer of any kind from the host: an echo
 * reply, a "port unreachable", a datagram.
 *
 * Three ways to ask are used side by side, as far as the system and the host allow:
 *
 *   echo  ICMP echo by a ping socket (net.ipv4.ping_group_range) or a raw one. Its reply is as large as
 *         the question, so it tells about the way back, too: replies come without "don't fragment", and
 *         the size of the fragments is the size that the way back takes.
 *   udp   a datagram to a port where probably nobody listens, as traceroute(8) does.
 *
 *   vault-udp  if an identity is given: a vault-udp peer at that port, whose key is judged as vault-udp does.
 *         Probes and answers are encrypted and authentic, and an answer has the size that is asked for: both
 *         ways are found exactly.
 */
#ifndef PATHMTU_H
#define PATHMTU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "crypto/keytext.h"
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

enum path_peer {
	PATH_PEER_NOT_ASKED = 0,
	PATH_PEER_SILENT,  /* nobody answers: there is none, or it does not want us */
	PATH_PEER_CLOSED,  /* the host says that nobody is there, or the peer has left */
	PATH_PEER_REFUSED, /* its key is not the one that it should be */
	PATH_PEER_TALKED,
};

struct udp_judge;

/* To ask a vault-udp peer. */
struct pathmtu_peer {
	const struct key *identity; /* KEY_SECRET */
	bool throwaway;
	struct udp_judge *judge; /* loaded; the peer is its first name */
};

struct pathmtu {
	/* To be filled in: */
	struct sockaddr_storage to; /* with the port for datagrams */
	uint32_t local;		    /* the MTU here, of interface or route: struct route's */
	int64_t deadline;	    /* clock_ms() */
	bool (*interrupted)(void *owner); /* or NULL: asked from time to time, true gives up */
	void *owner;
	const struct pathmtu_peer *peer; /* or NULL: none is looked for */

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
	bool back_hole;		 /* larger packets disappear on the way back; only a vault-udp peer can tell */
	int64_t rtt_us;		 /* of the quickest answer, -1 = none */
	unsigned packets;	 /* sent */
	bool by_echo, by_udp, by_vault; /* which of them the host answers */
	enum path_peer met;
	uint8_t peer_key[KEY_BYTES]; /* Ed25519; PATH_PEER_TALKED and _REFUSED */
};

/* Find out. 0, also without any answer from the host if a router named a limit (${answered}); -1 with
 * ERROR_NETWORK (unreachable, and who says so) or ERROR_TIMEOUT (no answer of any kind). */
int pathmtu_find(struct pathmtu *p, struct error *e) __attribute__((warn_unused_result));

#endif
