/*
 * endpoint: the application side of a session, in four verbs.
 *
 * read and write move plaintext. end and abort are different verbs on purpose: end says that the
 * peer's authenticated end came (finish the output and say whether it is safe), abort that it did
 * not, and never will (undo what can be undone).
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "proto/error.h"

struct endpoint;

struct endpoint_ops {
	/* As readv(2) without blocking: > 0, 0 at the end of the input, -1 with errno (EAGAIN: wait
	 * for in_fd). */
	ssize_t (*read)(struct endpoint *ep, const struct iovec *iov, int n);
	/* As writev(2) without blocking. */
	ssize_t (*write)(struct endpoint *ep, const struct iovec *iov, int n);
	/* All of the peer's data has been written: finish. 0: it is safe; -1 with ${e} set. */
	int (*end)(struct endpoint *ep, struct error *e);
	/* The peer's data ends here without its end. */
	void (*abort)(struct endpoint *ep);
	/* May in_fd be read now? (A terminal only in the foreground.) NULL: always. */
	bool (*may_read)(struct endpoint *ep);
	/* NULL, or it is one that lives on by itself after end() and abort(), such as a command: how it has ended, 0
	 * to 255, or -1 while it has not. Then read() ends before long, and nothing is written any more. To write to
	 * one that does not listen is EPIPE, and no failure. */
	int (*outcome)(struct endpoint *ep);
	/* Only with outcome(): the peer's reader has gone, let the writer of our input know. */
	void (*unread)(struct endpoint *ep);
};

struct endpoint {
	const struct endpoint_ops *ops;
	int in_fd;	   /* what is read for the peer; -1 once it is closed */
	int out_fd;	   /* what the peer's data is written to; -1 once it is closed */
	bool interactive;  /* the input is a terminal: it never ends by itself */
	int64_t in_size;   /* bytes that the input will have, -1 if unknown */
	const char *in_name, *out_name; /* for messages */
};

#endif
