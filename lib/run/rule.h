/*
 * rule: what one key may do: the options before a key in authorized_keys.
 *
 *   command="sh line",forward="db:5432",rate=1M,max-clients=2,expires=2027-01-31 vk1... label
 *
 * Options are separated by commas, without blanks but in quotes; in quotes \" and \\ stand for " and
 * \. expires is a day (its end, UTC) or an RFC 3339 time.
 */
#ifndef RULE_H
#define RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rule {
	char *command;	     /* this instead of what the listener would run, or NULL */
	char *forward;	     /* this instead of the listener's backend, or NULL */
	uint64_t rate;	     /* bytes a second, each way; 0 = no limit */
	int64_t max_clients; /* sessions at a time; 0 = no limit */
	int64_t expires;     /* seconds since 1970, from when it is refused; 0 = never */
};

/* The options at the start of ${text}: the number of bytes they take, 0 if there are none (it begins
 * with something else), -1 with *${why}. rule_free() what it filled. */
ssize_t rule_parse(struct rule *r, const char *text, size_t len, const char **why);

enum rule_service {
	RULE_STDIO = 0, /* standard input and output, messages */
	RULE_COMMANDS,
	RULE_BACKENDS,
};

/* A key with command= or forward= is for that only. NULL if it may have this service, else (for people) what it is
 * for. */
const char *rule_only_for(const struct rule *r, enum rule_service wanted);

/* Has its time come, by the system's clock? */
bool rule_expired(const struct rule *r);

void rule_free(struct rule *r);

#endif
