/*
 * udp_socket: the one UDP socket of vault-udp, in batches.
 *
 * Datagrams are gathered and go out with as few system calls as the kernel allows: rows of one size to one
 * address as one unit that it cuts itself (UDP_SEGMENT), several units a call (sendmmsg). The other way
 * round the same (UDP_GRO, recvmmsg). What the kernel does not have is done without, quietly.
 */
#ifndef UDP_SOCKET_H
#define UDP_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "proto/error.h"
#include "proto/peers.h"
#include "socket.h"
#include "udp_address.h"

#define UDP_SOCKET_BATCH 512	    /* datagrams gathered */
#define UDP_SOCKET_OUT (1024 * 1024) /* bytes of them */

struct udp_socket_hooks {
	/* May another datagram be handed over? What has to wait is kept. */
	bool (*ready)(void *owner);
	void (*received)(void *owner, const struct udp_address *from, uint8_t *bytes, size_t n);
	/* A datagram of ${n} bytes did not go out: EMSGSIZE (too large for its route) and so on. */
	void (*failed)(void *owner, const struct udp_address *to, size_t n, int error);
	void *owner;
};

struct udp_socket {
	int fd, family;
	char host[ADDRESS_HOSTMAX];
	uint16_t port;
	uint64_t buffer;  /* of the kernel for what comes, as it counts */
	uint64_t overrun; /* datagrams that the kernel dropped because that was full */
	bool gso;
	struct udp_socket_hooks hooks;
	/* private */
	uint8_t *in, *out;
	struct udp_socket_arrivals *arrivals;
	size_t filled; /* bytes in ${out} */
	struct udp_socket_entry {
		struct udp_address to;
		uint32_t at, len;
		bool split;
	} *entries;
	size_t first, count; /* entries [first, count) wait to be sent */
	uint32_t overrun_last;
	size_t single; /* that many go one by one */
	bool single_failed;
	bool split; /* as the socket is set now */
};

/* Bind; without a host to all addresses of both families. 0 or -1 with ERROR_NETWORK. */
int udp_socket_open(struct udp_socket *s, const struct address *at, const struct socket_options *o, struct error *e)
    __attribute__((warn_unused_result));
/* From now on the kernel may hand over many as one: the first socket of a system that asks for it waits while code is
 * patched, so this is not done by udp_socket_open(). */
void udp_socket_join(struct udp_socket *s);
/* Move to another port of the same address; what waits is sent from there. 0 or -1, then nothing changed. */
int udp_socket_move(struct udp_socket *s, uint16_t port, struct error *e) __attribute__((warn_unused_result));
/* Another socket at a free port of the same address. It, or -1. */
int udp_socket_beside(const struct udp_socket *s, uint16_t *port);
void udp_socket_close(struct udp_socket *s);

/* Take what is there, about ${most} datagrams. False if some wait to be handed over. */
bool udp_socket_receive(struct udp_socket *s, size_t most);

/* Room for one datagram of at most ${n} bytes, or NULL: flush first. Then udp_socket_put(). */
uint8_t *udp_socket_room(struct udp_socket *s, size_t n);
/* ${split}: it may be cut up on its way, since it has to arrive somehow. */
void udp_socket_put(struct udp_socket *s, const struct udp_address *to, size_t n, bool split);

/* So many datagrams of ${size} bytes to one address make a good call: a few units, all of them full. */
size_t udp_socket_batch(size_t size);

/* Send what was gathered. False if the socket does not take it all: again when it is writable. */
bool udp_socket_flush(struct udp_socket *s);

#endif
