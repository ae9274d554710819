/*
 * listener: vault-listen's work for one session: listen, let the first client that authenticates
 * have standard input and output, report.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "judge.h"
#include "socket.h"
#include "stream.h"

/* What happens to a client that does not take what is sent to all. */
enum slow_policy {
	SLOW_BLOCK = 0, /* all wait for it */
	SLOW_DROP,	/* it misses messages, which are counted */
	SLOW_CLOSE,	/* its session is ended */
};

struct listener_options {
	struct stream_options stream;
	struct socket_options socket;
	struct address at;
	struct judge_client judge;
	bool open_warning; /* nothing says who may connect: say so */
	const struct wire *wire;
	struct noise_protocol raw_protocol; /* what raw clients speak */
	const char *const *allowed; /* see handshake_config */
	size_t allowed_count;
	int64_t max_failures;	/* 0 = no limit */
	int64_t accept_ms, drain_ms;
	bool remember; /* with a code: its client's key is added to judge.path */
	/* many clients, see service.h */
	bool keep_open;
	bool hub, echo;
	bool tag;
	enum slow_policy slow;
	size_t max_message; /* of framing */
	struct spawner *spawner; /* a command for each client, see exec.h; or NULL */
	bool forwards;
	struct address forward; /* --forward */
	int64_t max_clients, max_per_ip, handshake_rate; /* 0 = no limit */
	int64_t workers; /* threads for handshakes; 0 and 1: none */
	int ready_fd; /* -1 = none */
	bool at_given; /* ${at} is not the default */
	const char *control; /* path, or NULL */
	const char *events;  /* see events_open(), or NULL */
	bool event_messages; /* each message is an event, too */
	const char *user, *root; /* see privileges_drop() */
};

/* Do it all; errors are told on stderr. Returns the exit status. */
int listener_run(const struct listener_options *o);

#endif
