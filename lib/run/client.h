/*
 * client: vault-connect's work: connect, shake hands, check the server's key, pump, report.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "judge.h"
#include "socket.h"
#include "stream.h"

struct client_options {
	struct stream_options stream;
	struct socket_options socket;
	struct address to;
	struct judge_server judge; /* pin, policy and known_hosts path; the rest is filled in */
	const struct wire *wire;
	const char *protocol;	   /* full name or bare pattern, or NULL for the default */
	bool probe, json;
	bool retry;
	int64_t retries;  /* how often after the first try, -1 = without end */
	int64_t retry_ms; /* first pause */
	/* -L, see local.h */
	bool listens;
	struct address local;
	int64_t drain_ms;
	int ready_fd; /* -1 = none */
	bool of_command; /* out: the status is that of the peer's command, whatever it looks like */
};

/* Do it all; errors are told on stderr. Returns the exit status. */
int client_run(struct client_options *o);

#endif
