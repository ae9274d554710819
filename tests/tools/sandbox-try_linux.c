#include "sandbox-try_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int nameless = -1;
static const char *target;

void linux_prepare(const char *path)
{
	char copy[4096];

	target = path;
	if (!path)
		return;
	snprintf(copy, sizeof copy, "%s", path);
	nameless = open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
}

int linux_name(void)
{
	char self[64];

	snprintf(self, sizeof self, "/proc/self/fd/%d", nameless);
	return linkat(AT_FDCWD, self, AT_FDCWD, target, AT_SYMLINK_FOLLOW);
}

int linux_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? -1 : 0;
}

int linux_process_vm(void)
{
	char byte = 1, copy;
	struct iovec from = {&byte, 1}, to = {&copy, 1};

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1 ? 0 : -1;
}

int linux_open(const char *path, int only_name)
{
#ifdef SYS_open
	return (int)syscall(SYS_open, path, (only_name ? O_PATH : O_RDONLY) | O_CLOEXEC, 0);
#else
	return open(path, (only_name ? O_PATH : O_RDONLY) | O_CLOEXEC);
#endif
}

int linux_fast_many(int fd, struct msghdr *m)
{
	struct mmsghdr one = {.msg_hdr = *m};

	return sendmmsg(fd, &one, 1, LINUX_FASTOPEN);
}

#define UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)
#define LANDLOCK_FIRST 444 /* to 446 */

int linux_deny(const char *what, char **command)
{
	int landlock = strcmp(what, "seccomp") != 0, seccomp = strcmp(what, "landlock") != 0;
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, seccomp ? UNKNOWN : SECCOMP_RET_ALLOW),
	    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, LANDLOCK_FIRST, 0, 2),
	    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LANDLOCK_FIRST + 2, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, landlock ? UNKNOWN : SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof code[0], code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("sandbox-try: --deny");
		return 1;
	}
	execvp(command[0], command);
	perror(command[0]);
	return 127;
}

#else

void linux_prepare(const char *path)
{
	(void)path;
}

static int unknown(void)
{
	errno = ENOSYS;
	return -1;
}

int linux_name(void)
{
	return unknown();
}

int linux_ptrace(void)
{
	return unknown();
}

int linux_process_vm(void)
{
	return unknown();
}

int linux_open(const char *path, int only_name)
{
	(void)path;
	(void)only_name;
	return unknown();
}

int linux_fast_many(int fd, struct msghdr *m)
{
	(void)fd;
	(void)m;
	return unknown();
}

int linux_deny(const char *what, char **command)
{
	(void)what;
	(void)command;
	return 1;
}

#endif
