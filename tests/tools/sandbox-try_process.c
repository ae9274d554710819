#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox-try_process.h"

/* ---- processes and memory ---- */

int try_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static void *nothing(void *given)
{
	return given;
}

int try_thread(void)
{
	pthread_t t;
	int rc = pthread_create(&t, NULL, nothing, NULL);

	if (rc == 0)
		return pthread_join(t, NULL) == 0 ? 0 : -1;
	errno = rc;
	return -1;
}

int try_kill(void)
{
	return kill(getppid(), 0);
}

int try_abort(void)
{
	abort();
}

int try_memory(void)
{
	char *p = malloc(8 << 20);

	if (!p)
		return -1;
	memset(p, 1, 8 << 20);
	free(p);
	return 0;
}

int try_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

int try_make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

/* ---- the terminal ---- */

int try_foreground(void)
{
	return tcgetpgrp(0) < 0 && errno != ENOTTY ? -1 : 0;
}

int try_type(void)
{
	return ioctl(0, TIOCSTI, "x");
}
