/*
 * address: where to listen and connect, as people write it.
 *
 *   HOST PORT   HOST:PORT   [V6]:PORT   V6 PORT   /unix/path   PORT (listener only)
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/error.h"

#define ADDRESS_HOSTMAX 256
#define ADDRESS_TEXTMAX 320

struct address {
	bool is_unix;
	bool any_host; /* no host was given */
	bool loopback; /* to listen: this machine's own addresses, host does not count */
	bool has_port;
	uint16_t port;
	char host[ADDRESS_HOSTMAX]; /* or the path, which a sockaddr_un can hold */
};

/* Parse one or two operands (${port} may be NULL). Unless ${lone_port}, a number alone is a host.
 * An empty HOST is an error, but for ":PORT".
 * 0, or -1 with ERROR_USAGE. */
int address_parse(struct address *a, const char *host, const char *port, bool lone_port, struct error *e)
    __attribute__((warn_unused_result));

/* "host:port", "[v6]:port" or the path, for messages. */
char *address_text(char out[ADDRESS_TEXTMAX], const struct address *a);

/* The numeric form of a socket address: host and port, or the path. */
void address_numeric(const struct sockaddr *sa, socklen_t len, char host[ADDRESS_HOSTMAX], uint16_t *port);

/* "host:port" and so on of a socket address. */
char *address_of(char out[ADDRESS_TEXTMAX], const struct sockaddr *sa, socklen_t len);

#endif
