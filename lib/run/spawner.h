/*
 * spawner: a helper process that runs commands for a listener, which may not do so itself.
 *
 * It is forked before keys are read and before the sandbox is entered, whose filters all children would
 * have. What it may run is fixed then: one command, and what the file of keys says in command=; a line that is not
 * known it looks for in that file itself. What the listener says later only chooses among these and adds VTOOLS_
 * variables.
 *
 * Each command is the leader of its own process group, with signals as by default, with pipes for input and
 * output, the listener's standard error, and nothing else that was open. The helper holds on to the input
 * until it is told that this is its end: whatever happens to the listener, a command is killed rather than
 * shown an end that is none.
 */
#ifndef SPAWNER_H
#define SPAWNER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/error.h"
#include "trust.h"

#define SPAWNER_REQUEST_MAX 16384 /* a command line and an environment */

struct spawner;

struct spawner_options {
	char *const *command; /* arguments of what is run, NULL at the end */
	const struct trust_list *keys; /* their command= may be run, too */
	const char *keys_path;	       /* so may what this file of keys will say, or NULL */
	const char *user, *root;       /* for the helper, and so for commands: see privileges_drop() */
};

enum spawn_what {
	SPAWN_STARTED, /* ${in_fd} is its output, ${out_fd} its input, both ours now and without blocking */
	SPAWN_FAILED,  /* it could not be started: ${number} is an errno */
	SPAWN_ENDED,   /* ${number} is as of waitpid(2) */
};

struct spawn_news {
	enum spawn_what what;
	int in_fd, out_fd;
	int number;
};

/* One command. The caller's, who sets told. */
struct spawn {
	struct spawner *spawner;
	uint32_t slot;
	bool ended; /* or it was not started */
	void (*told)(struct spawn *s, const struct spawn_news *news);
};

/* Fork the helper. Also lets this process, but not the commands, have as many descriptors as it may. NULL with
 * ${e} set. */
struct spawner *spawner_start(const struct spawner_options *o, struct error *e);

/* Listen to it. */
void spawner_watch(struct spawner *sp, struct ev_loop *loop);

/* Run the command, or ${line} by a shell (unless NULL). ${env}: "NAME=value" and a NUL each, ${len} bytes. The news
 * comes later. 0 or -1. */
int spawner_run(struct spawner *sp, struct spawn *s, const char *line, const char *env, size_t len, struct error *e);

/* Its input has really ended; our own descriptor is closed by the caller. */
void spawner_end_input(struct spawn *s);

/* Send TERM to its process group, and KILL to what is left of that after 5 s, or 1 s after the command itself has
 * ended. */
void spawner_kill(struct spawn *s);

/* No more news. One that still runs is killed. */
void spawner_forget(struct spawn *s);

/* Has the helper died? All commands have ended then, and none can be started. */
bool spawner_lost(const struct spawner *sp);

/* Let the helper go. It ends when all commands have, and kills those that have not. */
void spawner_free(struct spawner *sp);

#endif
