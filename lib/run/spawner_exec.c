/* Between fork and exec: the process of a command gets rid of what it has from its parents. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "log.h"
#include "spawner_talk.h"

#define STATUS_CANNOT_RUN 126
#define STATUS_NOT_FOUND 127

/* Ignored signals would stay ignored behind exec. */
static void default_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP)
			signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void spawner_become(char *const *command, const char *line, char *env, size_t len, const int fds[2],
    const struct rlimit *limit)
{
	char *shell[] = {"sh", "-c", (char *)(uintptr_t)line, NULL};
	char *const *argv = line ? shell : command;
	int error;

#ifdef __linux__
	/* The helper ends after its commands; if it is killed, there is nobody who could do it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	(void)setpgid(0, 0);
	if (dup2(fds[0], 0) < 0 || dup2(fds[1], 1) < 0)
		_exit(STATUS_CANNOT_RUN);
	for (char *at = env; at < env + len; at += strlen(at) + 1)
		(void)putenv(at);
	(void)setrlimit(RLIMIT_NOFILE, limit);
	default_signals();
	if (line)
		execv("/bin/sh", argv);
	else
		execvp(argv[0], argv);
	error = errno;
	log_error("cannot run %s: %s", argv[0], strerror(error));
	_exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN);
}
