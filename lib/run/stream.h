/*
 * stream: one session between standard input and output and a peer, from start to exit status:
 * what vault-connect and the one-client form of vault-listen have in common.
 */
#ifndef STREAM_H
#define STREAM_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/framing.h"
#include "proto/session.h"
#include "pump.h"
#include "report.h"
#include "sandbox.h"
#include "waits.h"

#define STREAM_MAX_MESSAGE 65536 /* where no other limit is given */

enum stream_progress {
	PROGRESS_AUTO = 0, /* on a terminal, when neither input nor output is one */
	PROGRESS_ON,
	PROGRESS_OFF,
};

struct stream_options {
	bool send_only, recv_only;
	bool spare_output;  /* what a command or a backend says need not be wanted */
	const char *output; /* -o, or NULL */
	enum stream_progress progress;
	enum report_form stats; /* at the end */
	bool log_json;		/* SIGUSR1 reports as JSON, too */
	bool exec_status;	/* the status is that of the peer's command */
	uint64_t rate_limit;	/* bytes of our input a second, 0 = no limit */
	enum framing framing;	/* other than raw: message boundaries are kept if the peer does, too */
	size_t max_message;	/* of framing and of raw wires, 0 = STREAM_MAX_MESSAGE */
	bool compress;
	int level;
	int64_t raw_idle_ms; /* idle_ms on a raw wire, if not 0 */
	int64_t handshake_ms, message_ms, idle_ms, keepalive_ms;
	const char *software;	 /* "vault-tools 0.1.0" */
	const struct key *identity; /* secret key */
	bool throwaway;		    /* it was made for this run */
	const struct handshake_psks *psks; /* or NULL */
	const struct handshake_psk *psk_about; /* a client: the one of them that it uses */
	const uint8_t *psk;		   /* a client: its bytes, or NULL */
	struct handshake_code *code; /* in its place, or NULL */
	bool code_beside;	     /* a listener: keys are known as well */
	bool remember;		 /* a client: ask the listener to authorize our key */
	enum sandbox_mode sandbox;
};

/* A stream under way. */
struct stream {
	struct ev_loop *loop;
	const struct stream_options *options;
	struct endpoint *stdio;
	struct endpoint *ep; /* what is pumped; stdio, unless the owner has something else before stream_run() */
	struct conn *conn;
	struct pump pump;
	bool pumping;
	bool of_command; /* the status is that of a command: the peer's, or our own */
	ev_timer progress;
	ev_signal usr1;
	void (*asked)(void *owner); /* what SIGUSR1 does instead, if it is not NULL */
	void *owner;
	struct waits waits;
	int64_t began;
	uint8_t *squash_bufs;
	struct aide *aide;
	/* own key material, as the session wants it */
	uint8_t *static_secret; /* guarded memory */
	uint8_t static_public[32];
	uint8_t identity_public[32];
};

/* Open the endpoint; with ${none}, one that touches neither standard input nor output. 0 or -1. */
int stream_open(struct stream *st, struct ev_loop *loop, const struct stream_options *o, bool none, struct error *e);

/* Fill in what options say about sessions; wire, role and protocol are left to the caller. */
int stream_config(struct stream *st, struct session_config *config, struct error *e);
/* For one session at a time, before stream_config() and stream_confine(): have compression use two processors. */
void stream_pair_up(struct stream *st);

/* Enter the sandbox, or its last and smallest form: ${needs} is what else the caller needs, the
 * output is added. 0 or -1, see sandbox_enter(). */
int stream_confine(const struct stream *st, struct sandbox_needs needs, struct error *e)
    __attribute__((warn_unused_result));

/* Join the conn (which the stream owns from now on) and the endpoint. */
void stream_run(struct stream *st, struct conn *conn);

/* Say once what a raw wire cannot promise, if this is one. */
void stream_warn_raw(const struct conn *c);

/* To be called when the conn changed. True when all is over. */
bool stream_step(struct stream *st);

/* Give the session up but keep the rest, so that another try can be made. Aborts the output. */
void stream_drop(struct stream *st);

/* The figures of --stats, if asked for, of a session that was begun and comes to this exit status. */
void stream_figures(struct stream *st, int status);

/* The exit status after the end; the error is told on stderr. */
int stream_status(struct stream *st);

/* Release all. An unfinished output is aborted. */
void stream_close(struct stream *st);

#endif
