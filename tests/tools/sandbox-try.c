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
 * --removal FILE, --again: it will be entered once more, and --twice: which is done, with no needs; with --off there is none. TRY is a name from the table
 * below, with arguments after colons.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
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
#include "sandbox-try_process.h"

/* Made before the sandbox is entered, like the tools' own descriptors. */
static struct {
	int tcp, udp, listening, pair[2];
} made;

static const char *arg[3]; /* of the try, NULL if there is none */

static int none(int fd)
{
	if (fd < 0)
		return -1;
	return close(fd);
}

/* ---- files ---- */

static int try_read(void)
{
	return none(open(arg[0], O_RDONLY | O_CLOEXEC));
}

/* open(2) itself, which the C library may or may not use: to read, and only to name. */
static int try_old_open(void)
{
	return none(linux_open(arg[0], 0));
}

static int try_old_path(void)
{
	return none(linux_open(arg[0], 1));
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
	return none(open(arg[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
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

/* ---- the network ---- */

static struct sockaddr_in here(const char *port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* socket:FAMILY:TYPE:PROTOCOL, all as numbers or one of the names below; what is not given is 0. */
static int number_of(const char *text)
{
	static const struct {
		const char *name;
		int value;
	} names[] = {{"inet", AF_INET}, {"inet6", AF_INET6}, {"unix", AF_UNIX}, {"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM},
	    {"raw", SOCK_RAW}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"mptcp", 262}};

	for (size_t i = 0; text && i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].value;
	return text ? atoi(text) : 0;
}

static int try_socket(void)
{
	return none(socket(number_of(arg[0]), number_of(arg[1]), number_of(arg[2])));
}

static int try_connect(void)
{
	struct sockaddr_in to = here(arg[0]);

	return connect(made.tcp, (struct sockaddr *)&to, sizeof to);
}

static int try_bind(void)
{
	struct sockaddr_in at = here(arg[0]);

	return bind(made.tcp, (struct sockaddr *)&at, sizeof at);
}

static int try_listen(void)
{
	return listen(made.tcp, 1);
}

/* Nobody is there: to be told so is to be allowed. */
static int try_accept(void)
{
	return accept4(made.listening, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN ? 0 : -1;
}

static int try_send(void)
{
	return send(made.pair[0], "x", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int try_sendto(void)
{
	struct sockaddr_in to = here("9");

	return sendto(made.udp, "x", 1, 0, (struct sockaddr *)&to, sizeof to) == 1 ? 0 : -1;
}

/* A connection without connect(2): TCP Fast Open, from a socket that listened. */
static int fast_open(int fd, int (*give)(int fd, struct msghdr *m))
{
	struct sockaddr_in to = here(arg[0]);
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1};

	return give(fd, &m) < 0 && errno != EINPROGRESS ? -1 : 0;
}

static int give_msg(int fd, struct msghdr *m)
{
	return (int)sendmsg(fd, m, LINUX_FASTOPEN);
}

static int give_to(int fd, struct msghdr *m)
{
	return (int)sendto(fd, m->msg_iov->iov_base, 1, LINUX_FASTOPEN, m->msg_name, m->msg_namelen);
}

static int try_fast_listener(void)
{
	(void)shutdown(made.listening, SHUT_RD);
	return fast_open(made.listening, give_msg);
}

static int try_fast_msg(void)
{
	return fast_open(made.tcp, give_msg);
}

static int try_fast_to(void)
{
	return fast_open(made.tcp, give_to);
}

static int try_fast_many(void)
{
	return fast_open(made.tcp, linux_fast_many);
}

static int try_tune(void)
{
	int on = 1;

	return setsockopt(made.tcp, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int try_tune_ip(void)
{
	int ttl = 64;

	return setsockopt(made.tcp, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
}

static int try_resolve(void)
{
	struct addrinfo *list;
	int rc = getaddrinfo(arg[0], NULL, NULL, &list);

	if (rc == 0)
		freeaddrinfo(list);
	else if (rc != EAI_SYSTEM)
		errno = ENOENT;
	return rc == 0 ? 0 : -1;
}

/* The C library asks for the interface's name, and can do without. */
static int try_linklocal(void)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = 1};
	char text[128];

	inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
	return getnameinfo((struct sockaddr *)&in6, sizeof in6, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 ? 0 : -1;
}

/* ---- all of them ---- */

static const struct {
	const char *name;
	int (*go)(void);
} tries[] = {{"read", try_read}, {"append", try_append}, {"create", try_create}, {"remove", try_remove},
    {"rename", try_rename}, {"mkdir", try_mkdir}, {"stat", try_stat}, {"socket", try_socket},
    {"connect", try_connect}, {"bind", try_bind}, {"listen", try_listen},
    {"accept", try_accept}, {"send", try_send}, {"sendto", try_sendto}, {"tune", try_tune}, {"tune-ip", try_tune_ip},
    {"resolve", try_resolve}, {"link-local", try_linklocal}, {"exec", try_exec}, {"fork", try_fork},
    {"thread", try_thread}, {"kill", try_kill}, {"abort", try_abort}, {"memory", try_memory}, {"code", try_code},
    {"make-code", try_make_code}, {"foreground", try_foreground}, {"type", try_type}, {"ptrace", linux_ptrace},
    {"process-vm", linux_process_vm}, {"name", linux_name}, {"fast-listener", try_fast_listener}, {"fast-msg", try_fast_msg},
    {"fast-to", try_fast_to}, {"fast-many", try_fast_many}, {"old-open", try_old_open}, {"old-path", try_old_path}};

static void prepare(void)
{
	struct sockaddr_in any = here("0");

	made.tcp = socket(AF_INET, SOCK_STREAM, 0);
	made.udp = socket(AF_INET, SOCK_DGRAM, 0);
	made.listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(made.listening, (struct sockaddr *)&any, sizeof any) < 0 || listen(made.listening, 1) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, made.pair) < 0) {
		perror("sandbox-try");
		exit(1);
	}
}

static enum sandbox_mode mode = SANDBOX_REQUIRE;
static bool twice;

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
	    {"unix", 0, NULL, 'x'},
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
		case '1': needs.again = true; break;
		case '2': needs.again = twice = true; break;
		case 't': times = atoi(optarg); break;
		case 'n': return linux_deny(optarg, argv + optind);
		default: return 2;
		}
	if (times > 0)
		return measure(&needs, times);
	prepare();
	for (int i = optind; i < argc; i++)
		if (try_one(&needs, argv[i]))
			return 1;
	if (optind == argc)
		enter(&needs);
	return 0;
}
