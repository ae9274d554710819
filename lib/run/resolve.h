/* resolve: names to socket addresses, with a deadline that getaddrinfo(3) does not have. */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "address.h"
#include "socket.h"

/* The addresses of ${host} (NULL: any address, for listening) and ${port}. Free with
 * freeaddrinfo(). NULL with ERROR_NETWORK or ERROR_TIMEOUT. */
struct addrinfo *resolve(const char *host, uint16_t port, const struct socket_options *o,
    int64_t deadline, struct error *e) __attribute__((warn_unused_result));

#endif
