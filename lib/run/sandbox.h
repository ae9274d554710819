/*
 * sandbox: give up what a session does not need, before a peer's bytes are looked at.
 *
 * Whoever makes this process do what it was not written for then still has the session's own
 * descriptors and memory, and what struct sandbox_needs names; no other file, no new connection,
 * no other program. One file for each system:
 *
 *   sandbox_linux.c    no_new_privs, landlock(7) for files and TCP ports, a seccomp(2) filter for
 *                      system calls: sandbox_landlock.c and sandbox_seccomp.c say what they let through
 *   sandbox_openbsd.c  unveil(2) and pledge(2)
 *   sandbox_none.c     other systems, and builds with sanitizers, which make calls of their own
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/error.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(undefined_behavior_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif

#if defined(SANDBOX_SANITIZED)
#define SANDBOX_NONE 1
#elif defined(__linux__)
#define SANDBOX_LINUX 1
#elif defined(__OpenBSD__)
#define SANDBOX_OPENBSD 1
#else
#define SANDBOX_NONE 1
#endif

#define SANDBOX_TEXTMAX 128

enum sandbox_mode {
	SANDBOX_AUTO = 0, /* as much as the system has; -v tells what is missing */
	SANDBOX_REQUIRE,  /* files and system calls are both confined, or it fails */
	SANDBOX_OFF,
};

/* What must still be possible. All zero: only to use the descriptors that are open. */
struct sandbox_needs {
	bool accept;	       /* clients on listening sockets */
	bool datagrams;	       /* many at a time, and new UDP sockets (to ask for routes, to move to another port) */
	bool connect;	       /* new connections, of TCP to these ports: */
	uint16_t port;	       /* 0 = none */
	const uint16_t *ports; /* and to these */
	size_t port_count;
	bool unix_socket;      /* with connect: to Unix sockets (any, nothing tells them apart) */
	bool bind;	       /* with connect: from ${source_port} */
	uint16_t source_port;
	bool resolve;	       /* name look-ups: the system's files for that, a thread, DNS */
	const char *append;    /* this file, which exists, is opened to read and append to, or NULL */
	const char *reread;    /* a file that is opened to read, and may have been replaced by then, or NULL */
	const char *reread_too; /* another one */
	const char *arrival;   /* an open file gets this name, which none has yet, or NULL */
	const char *directory; /* files in it get a name, or a new name, or are removed, or NULL */
	const char *removal;   /* a file that is removed, or NULL */
	const char *removal_too; /* another one */
	bool commands;	       /* a helper runs them (spawner.h), and hands over their pipes */
	bool aide;	       /* a thread (aide.h) */
	bool again;	       /* sandbox_enter() will be called once more, with less */
	/* Starts threads, which are confined as this one is, and returns when they run; or NULL. */
	int (*threads)(void *owner, struct error *e);
	void *threads_owner;
};

/*
 * To be called when everything is set up, by the only thread there is: others are for ${threads} to start, which is
 * called in every mode and on every system. Paths are looked up now.
 * 0, or -1 with ERROR_SAFETY: SANDBOX_REQUIRE, and the system has not what it takes; or with what threads() says.
 * A second call (${again}) only takes away more, and does not fail.
 */
int sandbox_enter(const struct sandbox_needs *needs, enum sandbox_mode mode, struct error *e)
    __attribute__((warn_unused_result));

/* Private: the threads of ${needs}, if any. 0 or -1. */
static inline int sandbox_threads(const struct sandbox_needs *needs, struct error *e)
{
	return needs->threads ? needs->threads(needs->threads_owner, e) : 0;
}

/* What there is on this system, for --version: "sandbox landlock 7 + seccomp", "sandbox none". */
char *sandbox_describe(char out[SANDBOX_TEXTMAX]);

#endif
