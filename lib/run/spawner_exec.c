/* What helper and commands have from their parents, and get rid of. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "log.h"
#include "spawner_talk.h"

#define STATUS_CANNOT_RUN 126
#define STATUS_NOT_FOUND 127
#define DESCRIPTORS_MAX 65536 /* where they have to be closed one by one */

/* ---- the helper ---- */

static void close_range_of(unsigned from, unsigned to)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, from, to, 0) == 0)
		return;
#endif
	for (unsigned fd = from; fd <= to && fd < DESCRIPTORS_MAX; fd++)
		close((int)fd);
}

/* Standard error and the socket stay; what else the listener was given is not for commands, nor to be held open. */
static void close_others(int fd)
{
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	if (fd > 3)
		close_range_of(3, (unsigned)fd - 1);
	close_range_of((unsigned)fd + 1, ~0U);
}

/* What is about this listener, or names its secrets, is not about the commands. */
static void clean_environment(void)
{
	static const char *const gone[] = {"VTOOLS_", "LISTEN_", "CREDENTIALS_DIRECTORY=", "NOTIFY_SOCKET=", "WATCHDOG_",
	    "JOURNAL_STREAM=", "INVOCATION_ID=", "MAINPID=", "MANAGERPID="};
	char **to = environ;

	for (char **at = environ; at && *at; at++) {
		bool drop = false;

		for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
			drop |= strncmp(*at, gone[i], strlen(gone[i])) == 0;
		if (!drop)
			*to++ = *at;
	}
	if (to)
		*to = NULL;
}

/* ^C and the like are meant for the listener, which decides what becomes of the commands. */
static void ignore_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTSTP};

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		signal(numbers[i], SIG_IGN);
}

void spawner_clean(int fd)
{
	ignore_signals();
	close_others(fd);
	clean_environment();
}

/* ---- a command ---- */

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
