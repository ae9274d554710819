/*
 * udp_loop: vault-udp's run: standard input and output, one UDP socket, the datagram engine, from set-up to
 * exit status.
 */
#ifndef UDP_LOOP_H
#define UDP_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"
#include "proto/units.h"
#include "proto/udp.h"
#include "report.h"
#include "sandbox.h"
#include "signals.h"
#include "udp_judge.h"
#include "udp_socket.h"

#define UDP_LOOP_PEERS_MAX 64 /* operands */

struct udp_options {
	struct socket_options socket;
	struct address at; /* to receive and send from */
	struct address peers[UDP_LOOP_PEERS_MAX];
	size_t peer_count, table; /* operands; size of the table of peers */
	enum framing framing;
	const struct key *identity;
	bool throwaway;
	struct udp_judge *judge;
	const char *to[UDP_LOOP_PEERS_MAX]; /* only these are sent to, */
	size_t to_count;		    /* unless 0 */
	bool send_only, recv_only, until_end, tag, quiet, log_json, v1, opportunistic, padding;
	int64_t max_messages, linger_ms, handshake_ms;
	int64_t lifetime_ms, max_age_ms, skew_ms;
	size_t replay_cache;
	uint64_t rate_limit, pace;
	unsigned mtu; /* 0: automatic */
	int level;
	enum report_form stats;
	enum sandbox_mode sandbox;
	int ready_fd, events_fd; /* -1: none */
	const char *control;	 /* path of the control socket */
	bool solicit, announce;
	const char *announce_interface;
};

struct udp_command;
struct udp_lan;
struct udp_kept_file;
struct udp_solicit;

struct udp_loop {
	const struct udp_options *o;
	struct ev_loop *loop;
	struct udp *engine;
	struct peer *slots;
	struct replay_entry *cache;
	struct udp_socket socket;
	struct endpoint *ep;
	ev_io sock_in, sock_out, app_in, app_out;
	ev_timer tick;
	ev_signal usr1;
	struct signals signals;
	struct units in;
	bool in_more; /* others had their turn, and there may be messages in ${in} */
	uint8_t *out; /* waits for standard output: [out_from, out_to) */
	size_t out_from, out_to;
	struct udp_command *command;
	struct udp_lan *lan;
	struct udp_kept_file *kept;
	struct udp_solicit *solicit; /* NULL: nobody was asked yet */

	/* ---- how far we are ---- */
	bool in_started, in_done, ends_sent, stopping, broken_output;
	int signal;
	int64_t began, leave_at, deadline_first;
	int64_t delivered; /* messages written out */
	uint64_t oversized, unframed, not_text, unsent;
	struct error error;
	bool leaving;
};

/* Run it. Returns the exit status; errors are told. */
int udp_loop_run(const struct udp_options *o);

/* ---- for what belongs to it ---- */

/* To be called after anything that may have changed something. */
void udp_loop_step(struct udp_loop *l);
void udp_loop_clock(struct udp_loop *l);
/* Send a message to one peer, or (NULL) to all that can be talked to. How many got it; the reason of a
 * failure in *${why}. */
unsigned udp_loop_send(struct udp_loop *l, struct peer *only, const uint8_t *text, size_t n, const char **why);
/* Receive and send from another port. 0 or -1. */
int udp_loop_move(struct udp_loop *l, uint16_t port, struct error *e);
/* End as by a signal that asks for it. */
void udp_loop_stop(struct udp_loop *l);
/* Is that the address, key or name of this peer? */
bool udp_loop_called(const struct udp_loop *l, const struct peer *p, const char *name);
bool udp_loop_is_target(const struct udp_loop *l, const struct peer *p);

#endif
