/* udp_args: the options of vault-udp. */
#ifndef UDP_ARGS_H
#define UDP_ARGS_H

#include "common.h"
#include "run/keyfile.h"
#include "run/udp_loop.h"

struct udp_args {
	struct udp_options run;
	struct udp_judge judge;
	const char *identity_file, *known_hosts, *authorized, *events;
	const char *wire;
	int verbosity;
	bool browse, json;
	const char *browse_interface;
	int64_t browse_ms;
	struct key *identity; /* guarded memory, owned */
	char known_hosts_path[KEYFILE_PATH_MAX], authorized_path[KEYFILE_PATH_MAX];
};

extern const char udp_args_help[], udp_args_help_more[];
extern const char udp_args_shorts[];
extern const struct option udp_args_longs[];
extern const int udp_args_repeatable[];

/* ${u} is all zero: it is large, and most of it is never touched. */
void udp_args_init(struct udp_args *u);

/* Take one option. 0, or COMMON_USAGE after the error was printed. */
int udp_args_take(struct udp_args *u, int option, const struct common_args *a);

/* Operands and conflicts. 0 or COMMON_USAGE. */
int udp_args_check(struct udp_args *u, const struct common_args *a);

/* Read keys, open files. 0 or -1. */
int udp_args_load(struct udp_args *u, struct error *e);

void udp_args_free(struct udp_args *u);

#endif
