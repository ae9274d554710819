/*
 * denied: run a program that cannot use netlink: socket(AF_NETLINK) fails with EPERM, by seccomp(2).
 *
 *   denied [--echo] COMMAND ARGS...    --echo: nor ICMP sockets, neither raw nor "ping" ones
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (what))
#define REFUSE_IF(k) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 0, 1), REFUSE
#define ALLOW_UNLESS(k) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 1, 0), ALLOW

static int install(struct sock_filter *filter, size_t count)
{
	struct sock_fprog program = {.len = (unsigned short)count, .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("denied: seccomp");
		return -1;
	}
	return 0;
}

static int deny_netlink(void)
{
	struct sock_filter filter[] = {
	    LOAD(offsetof(struct seccomp_data, nr)), ALLOW_UNLESS(SYS_socket), LOAD(ARGUMENT(0)), REFUSE_IF(AF_NETLINK), ALLOW};

	return install(filter, sizeof(filter) / sizeof(filter[0]));
}

static int deny_echo(void)
{
	struct sock_filter filter[] = {
	    LOAD(offsetof(struct seccomp_data, nr)), ALLOW_UNLESS(SYS_socket), LOAD(ARGUMENT(2)), REFUSE_IF(IPPROTO_ICMP),
	    REFUSE_IF(IPPROTO_ICMPV6), ALLOW};

	return install(filter, sizeof(filter) / sizeof(filter[0]));
}

int main(int argc, char **argv)
{
	int echo = argc > 1 && strcmp(argv[1], "--echo") == 0, at = 1 + echo;

	if (argc <= at)
		return 2;
	if (echo ? deny_echo() : deny_netlink())
		return 1;
	execvp(argv[at], argv + at);
	perror(argv[at]);
	return 127;
}
