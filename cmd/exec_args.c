#include "exec_args.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

int exec_args_take(struct exec_args *x, int option, const struct common_args *a)
{
	if (option == 'e')
		x->exec = a->value;
	else
		x->shell = a->value;
	return a->value[strspn(a->value, BLANKS)] ? 0 : common_bad(a, "there is no command in it");
}

bool exec_args_given(const struct exec_args *x, const struct common_args *a)
{
	return x->exec || x->shell || a->nrest > 0;
}

const char *exec_args_name(const struct exec_args *x)
{
	return x->exec ? "--exec" : x->shell ? "--sh-exec" : "a command behind --";
}

/* No shell looks at -e: blanks separate words, and nothing else means anything. */
static char **split(struct exec_args *x)
{
	size_t count = 0;
	char *rest;

	x->words = strdup(x->exec);
	x->list = calloc(strlen(x->exec) / 2 + 2, sizeof *x->list);
	if (!x->words || !x->list)
		return NULL;
	for (char *word = strtok_r(x->words, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest))
		x->list[count++] = word;
	return x->list;
}

int exec_args_command(struct exec_args *x, const struct common_args *a)
{
	static char *shell[] = {"/bin/sh", "-c", NULL, NULL};

	if (x->exec && x->shell)
		return common_conflict(a->prog, "--exec", "--sh-exec");
	if (a->nrest > 0 && (x->exec || x->shell))
		return common_conflict(a->prog, exec_args_name(x), "a command behind --");
	if (a->nrest > 0)
		x->command = a->rest;
	if (x->shell) {
		shell[2] = (char *)(uintptr_t)x->shell;
		x->command = shell;
	}
	if (x->exec && !(x->command = split(x)))
		return common_usage(a->prog, "out of memory");
	return 0;
}

void exec_args_free(struct exec_args *x)
{
	free(x->list);
	free(x->words);
}
