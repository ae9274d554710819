/*
 * plain: an endpoint over a stream socket that is not encrypted (TCP or Unix): the backend of vault-listen
 * --forward, a local client of vault-connect -L.
 *
 * Its end is the socket's sending side shut down: what was written is with the kernel then, and that is all
 * that the receipt says. Everything else that ends it, be it the death of this process, is a reset, so
 * that what was cut never looks complete. A Unix socket knows no reset: it is just closed.
 */
#ifndef PLAIN_H
#define PLAIN_H

#include "endpoint.h"

struct plain {
	struct endpoint ep;
	int fd;
	bool ended;	/* the other side has said that it sends no more */
	bool deaf;	/* it takes no more, but what it has said before may still be read */
	bool cut;	/* abort */
	int lost;	/* errno of a connection that is lost, 0 */
};

/* ${fd} is owned from now on. ${name} (not owned) is for messages. */
void plain_open(struct plain *p, int fd, const char *name);

/* Close it: in good order if ${clean} and nothing was cut, else with a reset. Harmless if it is closed. */
void plain_close(struct plain *p, bool clean);

/* Close a socket at which nothing has happened yet with a reset. */
void plain_refuse(int fd);

#endif
