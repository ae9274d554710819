/*
 * sandbox-try: enter the sandbox as the tools do, then try what should and what should not work.
 *
 *   sandbox-try [NEED...] [TRY...]       --sandbox=require with these needs; each TRY in a process of its
 *                                        own, and one line about it: "TRY: ok", "TRY: Permission denied",
 *                                        "TRY: killed by signal 31"
 *   sandbox-try --time N [NEED...]       microseconds that entering takes, the median of N times
 *   sandbox-try --deny WHAT COMMAND      run a command on a system that has not WHAT: landlock, seccomp, both
 *
 * NEED is --accept, --connect PORT, --also PORT (up to four more), --unix, --bind PORT, --resolve, --append FILE, --arrival FILE, --directory DIR,
 * --removal FILE, --thread: each TRY is made by a thread that was started for the sandbox's threads, --again: it will be entered once more, and --twice: which is done, with no needs; with --off there
 * is none. TRY is a name from the table below, with arguments after colons.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run/sandbox.h"
#include "sandbox-try_linux.h"
#include "sandbox-try_net.h"

struct made made;
const char *arg[3];

/* ---- files ---- */

static int try_read(void)
{
	return net_none(open(arg[0], O_RDONLY | O_CLOEXEC));
}

/* open(2) itself, which the C library may or may not use: to read, and only to name. */
static int try_old_open(void)
{
	return net_none(linux_open(arg[0], 0));
}

static int try_old_path(void)
{
	return net_none(linux_open(arg[0], 1));
}

static int try_append(void)
{
	int fd = open(arg[0], O_RDWR | O_APPEND | O_CLOEXEC);

	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0)
		return -1;
	return close(fd);
}

static int try_create(void)
{
	return net_none(open(arg[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_remove(void)
{
	return unlink(arg[0]);
}

static int try_rename(void)
{
	return rename(arg[0], arg[1]);
}

static int try_mkdir(void)
{
	return mkdir(arg[0], 0700);
}

static int try_stat(void)
{
	struct stat st;

	return stat(arg[0], &st);
}

/* ---- processes and memory ---- */

static int try_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int try_fork(void)
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

static int try_thread(void)
{
	pthread_t t;
	int rc = pthread_create(&t, NULL, nothing, NULL);

	if (rc == 0)
		return pthread_join(t, NULL) == 0 ? 0 : -1;
	errno = rc;
	return -1;
}

static int try_kill(void)
{
	return kill(getppid(), 0);
}

static int try_abort(void)
{
	abort();
}

static int try_memory(void)
{
	char *p = malloc(8 << 20);

	if (!p)
		return -1;
	memset(p, 1, 8 << 20);
	free(p);
	return 0;
}

static int try_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static int try_make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

/* ---- the terminal ---- */

static int try_foreground(void)
{
	return tcgetpgrp(0) < 0 && errno != ENOTTY ? -1 : 0;
}

static int try_type(void)
{
	return ioctl(0, TIOCSTI, "x");
}

/* ---- all of them ---- */

static const struct {
	const char *name;
	int (*go)(void);
} tries[] = {{"read", try_read}, {"append", try_append}, {"create", try_create}, {"remove", try_remove},
    {"rename", try_rename}, {"mkdir", try_mkdir}, {"stat", try_stat}, {"socket", net_socket},
    {"connect", net_connect}, {"bind", net_bind}, {"listen", net_listen},
    {"accept", net_accept}, {"send", net_send}, {"sendto", net_sendto}, {"tune", net_tune}, {"tune-ip", net_tune_ip},
    {"resolve", net_resolve}, {"link-local", net_linklocal}, {"exec", try_exec}, {"fork", try_fork},
    {"thread", try_thread}, {"kill", try_kill}, {"abort", try_abort}, {"memory", try_memory}, {"code", try_code},
    {"make-code", try_make_code}, {"foreground", try_foreground}, {"type", try_type}, {"ptrace", linux_ptrace},
    {"process-vm", linux_process_vm}, {"name", linux_name}, {"fast-listener", net_fast_listener}, {"fast-msg", net_fast_msg},
    {"fast-to", net_fast_to}, {"fast-many", net_fast_many}, {"old-open", try_old_open}, {"old-path", try_old_path}};

static enum sandbox_mode mode = SANDBOX_REQUIRE;
static bool twice;

/* ---- a thread that is there before ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool runs;
	int (*go)(void);
} other = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *in_other(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&other.lock);
	other.runs = true;
	pthread_cond_signal(&other.changed);
	while (!other.go)
		pthread_cond_wait(&other.changed, &other.lock);
	pthread_mutex_unlock(&other.lock);
	_exit(other.go() == 0 ? 0 : errno);
}

static int start_other(void *owner, struct error *e)
{
	(void)owner;
	if (pthread_create(&other.thread, NULL, in_other, NULL) != 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no thread");
	pthread_mutex_lock(&other.lock);
	while (!other.runs)
		pthread_cond_wait(&other.changed, &other.lock);
	pthread_mutex_unlock(&other.lock);
	return 0;
}

/* (It does not come back.) */
static void go_in_other(int (*go)(void))
{
	pthread_mutex_lock(&other.lock);
	other.go = go;
	pthread_cond_signal(&other.changed);
	pthread_mutex_unlock(&other.lock);
	pthread_join(other.thread, NULL);
}

static void enter(const struct sandbox_needs *needs)
{
	const struct sandbox_needs nothing_more = {0};
	struct error e = {0};

	if (sandbox_enter(needs, mode, &e) < 0) {
		fprintf(stderr, "sandbox-try: %s\n", e.text);
		_exit(error_status(e.code));
	}
	if (twice && sandbox_enter(&nothing_more, mode, &e) < 0)
		_exit(1);
}

/* In a process of its own: 0 or errno as exit status. */
static void child(const struct sandbox_needs *needs, char *what)
{
	char *save, *name = strtok_r(what, ":", &save);

	arg[0] = strtok_r(NULL, ":", &save);
	arg[1] = strtok_r(NULL, ":", &save);
	arg[2] = strtok_r(NULL, ":", &save);
	for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++)
		if (strcmp(tries[i].name, name) == 0) {
			linux_prepare(arg[0]);
			enter(needs);
			if (needs->threads)
				go_in_other(tries[i].go);
			_exit(tries[i].go() == 0 ? 0 : errno);
		}
	fprintf(stderr, "sandbox-try: no try is called '%s'\n", name);
	_exit(255);
}

static int try_one(const struct sandbox_needs *needs, char *what)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		child(needs, strdup(what));
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 255))
		return 1;
	if (WIFSIGNALED(status))
		printf("%s: killed by signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: %s\n", what, WEXITSTATUS(status) == 0 ? "ok" : strerror(WEXITSTATUS(status)));
	return fflush(stdout);
}

/* ---- how long it takes ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double once(const struct sandbox_needs *needs)
{
	struct timespec from, to;
	double us = -1;
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		clock_gettime(CLOCK_MONOTONIC, &from);
		enter(needs);
		clock_gettime(CLOCK_MONOTONIC, &to);
		us = (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3;
		_exit(write(fds[1], &us, sizeof us) == sizeof us ? 0 : 1);
	}
	close(fds[1]);
	if (read(fds[0], &us, sizeof us) != sizeof us)
		us = -1;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return us;
}

static int measure(const struct sandbox_needs *needs, int n)
{
	double *all = calloc((size_t)n, sizeof *all);

	for (int i = 0; all && i < n; i++)
		all[i] = once(needs);
	if (!all || n < 1)
		return 1;
	qsort(all, (size_t)n, sizeof *all, compare);
	printf("%.0f\n", all[n / 2]);
	free(all);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"accept", 0, NULL, 'a'}, {"connect", 1, NULL, 'c'}, {"also", 1, NULL, 'l'}, {"bind", 1, NULL, 'b'},
	    {"resolve", 0, NULL, 'r'}, {"append", 1, NULL, 'p'}, {"arrival", 1, NULL, 'v'}, {"directory", 1, NULL, 'd'}, {"removal", 1, NULL, 'u'},
	    {"unix", 0, NULL, 'x'}, {"thread", 0, NULL, 'h'},
	    {"again", 0, NULL, '1'}, {"twice", 0, NULL, '2'}, {"off", 0, NULL, 'o'}, {"time", 1, NULL, 't'}, {"deny", 1, NULL, 'n'}, {NULL, 0, NULL, 0}};
	const struct rlimit no_core = {0, 0};
	uint16_t ports[4];
	struct sandbox_needs needs = {.ports = ports};
	int option, times = 0;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	while ((option = getopt_long(argc, argv, "+", longs, NULL)) != -1)
		switch (option) {
		case 'a': needs.accept = true; break;
		case 'c': needs.connect = true; needs.port = (uint16_t)atoi(optarg); break;
		case 'l': if (needs.port_count < 4) ports[needs.port_count++] = (uint16_t)atoi(optarg); break;
		case 'b': needs.bind = true; needs.source_port = (uint16_t)atoi(optarg); break;
		case 'r': needs.resolve = true; break;
		case 'p': needs.append = optarg; break;
		case 'v': needs.arrival = optarg; break;
		case 'd': needs.directory = optarg; break;
		case 'u': needs.removal = optarg; break;
		case 'o': mode = SANDBOX_OFF; break;
		case 'x': needs.connect = true; needs.unix_socket = true; break;
		case 'h': needs.threads = start_other; break;
		case '1': needs.again = true; break;
		case '2': needs.again = twice = true; break;
		case 't': times = atoi(optarg); break;
		case 'n': return linux_deny(optarg, argv + optind);
		default: return 2;
		}
	if (times > 0)
		return measure(&needs, times);
	net_prepare();
	for (int i = optind; i < argc; i++)
		if (try_one(&needs, argv[i]))
			return 1;
	if (optind == argc)
		enter(&needs);
	return 0;
}
