/* resolve: names to socket addresses, with a deadline that getaddrinfo(3) does not have. */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "address.h"
#include "socket.h"

struct resolve_query;

/* The addresses of ${host} (NULL: any address, for listening) and ${port}. Free with
 * freeaddrinfo(). NULL with ERROR_NETWORK or ERROR_TIMEOUT. */
struct addrinfo *resolve(const char *host, uint16_t port, const struct socket_options *o,
    int64_t deadline, struct error *e) __attribute__((warn_unused_result));

/* The same without waiting, in a thread of its own: begin, look now and then whether it is done, take the
 * answer (or NULL with ${e} set), which ends the query. It may be given up before: then resolve_end()
 * returns NULL with ERROR_TIMEOUT. NULL if it cannot be begun. */
struct resolve_query *resolve_begin(const char *host, uint16_t port, const struct socket_options *o)
    __attribute__((warn_unused_result));
bool resolve_done(struct resolve_query *q);
struct addrinfo *resolve_end(struct resolve_query *q, struct error *e) __attribute__((warn_unused_result));

#endif
