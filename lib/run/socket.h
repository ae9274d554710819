/*
 * socket: resolve, connect, bind and listen. Every descriptor is non-blocking and close-on-exec.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"
#include "proto/error.h"

#define SOCKET_LISTENMAX 16
#define SOCKET_BACKLOG 4096 /* all of a fleet may come back at once; systems have limits of their own */
#define SOCKET_SLICE_MS 100

struct socket_options {
	int family;	   /* AF_UNSPEC, AF_INET, AF_INET6 */
	bool numeric;	   /* no name look-ups */
	const char *source; /* local address to connect from, or NULL */
	uint16_t source_port;
	/* Asked every SOCKET_SLICE_MS while waiting for names or connections: true gives up, with
	 * ERROR_TRUNCATED. May be NULL. */
	bool (*interrupted)(void *owner);
	void *owner;
};

/* Connect to any of the addresses that ${a} stands for: they are tried in the resolver's order,
 * the next one when one fails or after 250 ms (RFC 8305), the first that answers wins.
 * ${deadline} in clock_ms() time, -1 = none. Returns the descriptor and, in ${peer}, the address
 * that answered ("192.0.2.1:5004"); -1 with ERROR_NETWORK, ERROR_TIMEOUT or ERROR_USAGE. */
int socket_connect(const struct address *a, const struct socket_options *o, int64_t deadline,
    char peer[ADDRESS_TEXTMAX], struct error *e) __attribute__((warn_unused_result));

struct socket_listeners {
	int fds[SOCKET_LISTENMAX];
	int count;
	/* of the first one: the real port, the numeric address or path */
	char host[ADDRESS_HOSTMAX];
	uint16_t port;
	bool is_unix;
	dev_t unix_dev; /* which file that is */
	ino_t unix_ino;
	char unix_path[ADDRESS_HOSTMAX]; /* to be removed at the end, "" otherwise */
};

/* Bind and listen on all addresses that ${a} stands for; without a host on all of the machine,
 * both families. With port 0 all share the port that the first one got. A Unix socket that
 * nobody listens on any more is replaced. 0, or -1 with ERROR_NETWORK. */
int socket_listen(struct socket_listeners *l, const struct address *a, const struct socket_options *o,
    struct error *e) __attribute__((warn_unused_result));

/* The sockets at ${fds} listen already: ${count} > 0 of them, not more than SOCKET_LISTENMAX. */
void socket_adopt(struct socket_listeners *l, const int *fds, int count);

/* Close them all and remove the Unix socket's path. */
void socket_unlisten(struct socket_listeners *l);

/* A stream socket, or -1. */
int socket_new(int family);

/* The address of a path that fits (see address_parse()). */
socklen_t socket_unix_address(struct sockaddr_un *un, const char *path);

/* Where each client is a descriptor: as many as the system allows. */
void socket_raise_limit(void);

/* What an accepted or connected stream socket should have (no delay for small writes). */
void socket_tune(int fd);

#endif
