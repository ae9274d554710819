/* spawner_talk: what the listener and the helper say to each other. Private to spawner*.c. */
#ifndef SPAWNER_TALK_H
#define SPAWNER_TALK_H

#include <stdint.h>
#include <sys/resource.h>

#include "spawner.h"

#define SPAWNER_SLOTS 65536

enum spawner_verb {
	SPAWNER_RUN,	   /* followed by ${line} bytes of a command line (0: the fixed one), then the environment */
	SPAWNER_END_INPUT,
	SPAWNER_KILL,
};

struct spawner_request {
	uint32_t verb;
	uint32_t slot; /* the listener's number for a command; free again after its end was told */
	uint32_t line;
	uint32_t env;
};

struct spawner_report {
	uint32_t what; /* enum spawn_what; with SPAWN_STARTED come two descriptors */
	uint32_t slot;
	int32_t number;
};

/* The helper's life, from fork() to its end. ${limit}: how many descriptors a command may have. */
void spawner_serve(int fd, const struct spawner_options *o, const struct rlimit *limit) __attribute__((noreturn));

/* In the helper: only standard error and ${fd} stay, and the environment that commands get. */
void spawner_clean(int fd);

/* In the process of a command, without signals: become it. */
void spawner_become(char *const *command, const char *line, char *env, size_t len, const int fds[2],
    const struct rlimit *limit) __attribute__((noreturn));

#endif
