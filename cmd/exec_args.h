/* exec_args: the command of vault-listen -e, -c or --. */
#ifndef EXEC_ARGS_H
#define EXEC_ARGS_H

#include "common.h"

struct exec_args {
	const char *exec, *shell; /* -e, -c */
	char **command;		  /* what it comes to, NULL at its end; or NULL */
	char **list;		  /* what of that is ours */
	char *words;
};

/* Take -e ('e') or -c ('c'). 0 or COMMON_USAGE. */
int exec_args_take(struct exec_args *x, int option, const struct common_args *a);

/* Is there any? */
bool exec_args_given(const struct exec_args *x, const struct common_args *a);

/* Which one, for messages. */
const char *exec_args_name(const struct exec_args *x);

/* More than one is too many; then make the command. 0 or COMMON_USAGE. */
int exec_args_command(struct exec_args *x, const struct common_args *a);

void exec_args_free(struct exec_args *x);

#endif
