#include "sandbox_seccomp.h"

#ifdef SANDBOX_LINUX

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox_landlock.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#ifndef ARCH

/* Numbers and arguments of calls differ from machine to machine: no list without having tried it. */
int sandbox_seccomp_check(void)
{
	errno = ENOTSUP;
	return -1;
}

int sandbox_seccomp(const struct sandbox_needs *needs)
{
	(void)needs;
	return sandbox_seccomp_check();
}

#else

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif
#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U /* before Linux 4.14 it ends the thread */
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#define IOCTL_TCGETS2 0x802C542A /* isatty() of newer C libraries */

/* ---- what is let through ---- */

/* A call that is let through if (word & mask) == value for each test; a mask of 0 ends them. */
#define TESTS_MAX 3
#define LOW(argument) (2 * (argument))
#define HIGH(argument) (2 * (argument) + 1) /* both machines are little-endian */

struct guarded {
	int nr;
	struct {
		unsigned word;
		uint32_t mask, value;
	} tests[TESTS_MAX];
};

#define EXACTLY 0xffffffffU
#define SOCK_OF_TYPE (~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))

/* A session under way: its descriptors, memory, clocks, signals. */
static const int basic[] = {SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_lseek, SYS_close, SYS_fstat, SYS_newfstatat,
    SYS_statx, SYS_fsync, SYS_dup, SYS_dup3, SYS_recvfrom, SYS_recvmsg, SYS_shutdown, SYS_getsockopt,
    SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll, SYS_pselect6, SYS_brk, SYS_munmap, SYS_mremap,
    SYS_madvise, SYS_mlock, SYS_munlock, SYS_futex, SYS_getrandom, SYS_clock_gettime, SYS_clock_getres,
    SYS_gettimeofday, SYS_clock_nanosleep, SYS_nanosleep, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_restart_syscall, SYS_exit, SYS_exit_group, SYS_getpid, SYS_gettid, SYS_getpgid, SYS_geteuid, SYS_sched_yield,
#ifdef __x86_64__
    SYS_dup2, SYS_epoll_wait, SYS_poll, SYS_select, SYS_time, SYS_getpgrp,
#endif
};

/* With MSG_FASTOPEN, to send is to connect, to any port, and landlock does not see it. */
static const struct guarded basic_if[] = {
    {SYS_mmap, {{LOW(2), PROT_EXEC, 0}}},
    {SYS_mprotect, {{LOW(2), PROT_EXEC, 0}}},
    {SYS_fcntl, {{LOW(1), EXACTLY, F_GETFL}}},
    {SYS_fcntl, {{LOW(1), EXACTLY, F_SETFL}}},
    {SYS_fcntl, {{LOW(1), EXACTLY, F_GETFD}}},
    {SYS_fcntl, {{LOW(1), EXACTLY, F_SETFD}}},
    {SYS_ioctl, {{LOW(1), EXACTLY, TCGETS}}},
    {SYS_ioctl, {{LOW(1), EXACTLY, IOCTL_TCGETS2}}},
    {SYS_ioctl, {{LOW(1), EXACTLY, TIOCGPGRP}}},
    {SYS_ioctl, {{LOW(1), EXACTLY, TIOCGWINSZ}}},
    {SYS_ioctl, {{LOW(1), EXACTLY, SIOCOUTQ}}}, /* what the peer has not acknowledged */
    {SYS_setsockopt, {{LOW(1), EXACTLY, SOL_SOCKET}}},
    {SYS_setsockopt, {{LOW(1), EXACTLY, IPPROTO_TCP}}},
    {SYS_sendto, {{LOW(4), EXACTLY, 0}, {HIGH(4), EXACTLY, 0}, {LOW(3), MSG_FASTOPEN, 0}}}, /* send(2) */
    {SYS_sendmsg, {{LOW(2), MSG_FASTOPEN, 0}}},
};

/* Who it is, and where it came to. */
static const int accepting[] = {SYS_accept4, SYS_getsockname, SYS_getpeername};

/* The helper may end, and libev makes its set anew when one of its descriptors lives on elsewhere. */
static const int commanding[] = {SYS_wait4, SYS_epoll_create1,
#ifdef __x86_64__
    SYS_epoll_create,
#endif
};

/* -o: see outfile.c. */
static const int naming[] = {SYS_linkat, SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_sync_file_range,
#ifdef __x86_64__
    SYS_rename, SYS_unlink,
#endif
};

static const int removing[] = {SYS_unlinkat,
#ifdef __x86_64__
    SYS_unlink,
#endif
};

/* known_hosts: see trust.c. Landlock says which files. */
static const int appending[] = {SYS_openat,
#ifdef __x86_64__
    SYS_open,
#endif
};
static const int arriving[] = {SYS_linkat};
static const int changing[] = {SYS_flock, SYS_ftruncate};

/* See udp_socket.c, routes_socket.c, udp_lan.c. No socket that is made can be one for streams. */
static const int datagrams[] = {SYS_recvmmsg, SYS_connect, SYS_bind, SYS_getsockname};

static const struct guarded datagrams_if[] = {
    {SYS_socket, {{LOW(1), SOCK_OF_TYPE, SOCK_DGRAM}}},
    {SYS_sendmmsg, {{LOW(3), MSG_FASTOPEN, 0}}},
    {SYS_setsockopt, {{LOW(1), EXACTLY, IPPROTO_UDP}}},
    {SYS_setsockopt, {{LOW(1), EXACTLY, IPPROTO_IP}}},
    {SYS_setsockopt, {{LOW(1), EXACTLY, IPPROTO_IPV6}}},
};

static const int connecting[] = {SYS_connect, SYS_getsockname};
static const int binding[] = {SYS_bind};

/* Only TCP, whose ports landlock confines; nothing confines other protocols. */
static const struct guarded connecting_if[] = {
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET}, {LOW(1), SOCK_OF_TYPE, SOCK_STREAM}, {LOW(2), EXACTLY, 0}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET}, {LOW(1), SOCK_OF_TYPE, SOCK_STREAM}, {LOW(2), EXACTLY, IPPROTO_TCP}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET6}, {LOW(1), SOCK_OF_TYPE, SOCK_STREAM}, {LOW(2), EXACTLY, 0}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET6}, {LOW(1), SOCK_OF_TYPE, SOCK_STREAM}, {LOW(2), EXACTLY, IPPROTO_TCP}}},
    {SYS_ioctl, {{LOW(1), EXACTLY, SIOCGIFINDEX}}},
    {SYS_ioctl, {{LOW(1), EXACTLY, SIOCGIFNAME}}},
};

static const struct guarded connecting_unix_if[] = {
    {SYS_socket, {{LOW(0), EXACTLY, AF_UNIX}, {LOW(1), SOCK_OF_TYPE, SOCK_STREAM}, {LOW(2), EXACTLY, 0}}},
};

/* What getaddrinfo(3) and its plug-ins do, which are loaded when they are needed, in a thread. */
static const int resolving[] = {SYS_mmap, SYS_mprotect, SYS_openat, SYS_pread64, SYS_getdents64, SYS_readlinkat,
    SYS_faccessat, SYS_faccessat2, SYS_statfs, SYS_fstatfs, SYS_fadvise64, SYS_uname, SYS_sysinfo, SYS_getuid, SYS_getgid,
    SYS_getegid, SYS_connect, SYS_bind, SYS_getsockname, SYS_getpeername, SYS_recvmmsg,
    SYS_setsockopt, SYS_epoll_create1, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_set_robust_list,
    SYS_sched_getaffinity,
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef __x86_64__
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink,
#endif
};

/* DNS by UDP and TCP, name service daemons by Unix sockets, this machine's addresses by netlink. */
static const struct guarded resolving_if[] = {
    {SYS_socket, {{LOW(0), EXACTLY, AF_UNIX}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET}, {LOW(1), SOCK_OF_TYPE, SOCK_STREAM}, {LOW(2), EXACTLY, 0}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET}, {LOW(1), SOCK_OF_TYPE, SOCK_DGRAM}, {LOW(2), EXACTLY, 0}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET}, {LOW(1), SOCK_OF_TYPE, SOCK_DGRAM}, {LOW(2), EXACTLY, IPPROTO_UDP}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET6}, {LOW(1), SOCK_OF_TYPE, SOCK_STREAM}, {LOW(2), EXACTLY, 0}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET6}, {LOW(1), SOCK_OF_TYPE, SOCK_DGRAM}, {LOW(2), EXACTLY, 0}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_INET6}, {LOW(1), SOCK_OF_TYPE, SOCK_DGRAM}, {LOW(2), EXACTLY, IPPROTO_UDP}}},
    {SYS_socket, {{LOW(0), EXACTLY, AF_NETLINK}, {LOW(2), EXACTLY, NETLINK_ROUTE}}},
    {SYS_sendto, {{LOW(3), MSG_FASTOPEN, 0}}},
    {SYS_sendmmsg, {{LOW(3), MSG_FASTOPEN, 0}}},
    {SYS_clone, {{LOW(0), CLONE_THREAD, CLONE_THREAD}}},
    {SYS_ioctl, {{LOW(1), EXACTLY, FIONREAD}}},
    {SYS_fcntl, {{LOW(1), EXACTLY, F_DUPFD_CLOEXEC}}},
};

/* A thread. */
static const int aiding[] = {SYS_set_robust_list,
#ifdef SYS_rseq
    SYS_rseq,
#endif
};
static const struct guarded aiding_if[] = {
    {SYS_clone, {{LOW(0), CLONE_THREAD, CLONE_THREAD}}},
};

/* Taking away more. */
static const int entering[] = {SYS_seccomp, SYS_landlock_create_ruleset, SYS_landlock_add_rule,
    SYS_landlock_restrict_self};

static const struct guarded entering_if[] = {
    {SYS_openat, {{LOW(2), O_PATH, O_PATH}}}, /* to name a directory in a rule; nothing can be read that way */
#ifdef __x86_64__
    {SYS_open, {{LOW(1), O_PATH, O_PATH}}}, /* what musl's open(3) calls */
#endif
    {SYS_prctl, {{LOW(0), EXACTLY, PR_SET_NO_NEW_PRIVS}}},
};

/* Unless something above lets them through. */
static const int deadly[] = {SYS_execve, SYS_execveat, SYS_clone, SYS_ptrace, SYS_process_vm_readv,
    SYS_process_vm_writev, SYS_pidfd_getfd, SYS_connect, SYS_bind, SYS_listen,
#ifdef __x86_64__
    SYS_fork, SYS_vfork,
#endif
};

/* ---- the program ---- */

#define CODE_MAX 1024

struct program {
	struct sock_filter code[CODE_MAX];
	unsigned short count;
};

static void put(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	if (p->count < CODE_MAX)
		p->code[p->count++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = k};
}

static void put_load(struct program *p, uint32_t offset)
{
	put(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void put_return(struct program *p, uint32_t action)
{
	put(p, BPF_RET | BPF_K, action, 0, 0);
}

/* The accumulator holds the number of the call before and after each of these. */
static void put_call(struct program *p, int nr, uint32_t action)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1);
	put_return(p, action);
}

static void put_calls(struct program *p, const int *calls, size_t count, uint32_t action)
{
	for (size_t i = 0; i < count; i++)
		put_call(p, calls[i], action);
}

static void put_one_guarded(struct program *p, const struct guarded *g)
{
	uint8_t left = 0;

	while (left < TESTS_MAX && g->tests[left].mask != 0)
		left++;
	put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)g->nr, 0, (uint8_t)(3 * left + 2));
	for (int i = 0; left > 0; i++) {
		left--;
		put_load(p, (uint32_t)offsetof(struct seccomp_data, args) + 4 * g->tests[i].word);
		put(p, BPF_ALU | BPF_AND | BPF_K, g->tests[i].mask, 0, 0);
		put(p, BPF_JMP | BPF_JEQ | BPF_K, g->tests[i].value, 0, (uint8_t)(3 * left + 1));
	}
	put_return(p, SECCOMP_RET_ALLOW);
	put_load(p, offsetof(struct seccomp_data, nr));
}

static void put_guarded(struct program *p, const struct guarded *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put_one_guarded(p, &calls[i]);
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define ALLOW(p, list) put_calls(p, list, COUNT(list), SECCOMP_RET_ALLOW)
#define ALLOW_IF(p, list) put_guarded(p, list, COUNT(list))

static void put_needs(struct program *p, const struct sandbox_needs *needs)
{
	if (needs->accept)
		ALLOW(p, accepting);
	if (needs->datagrams) {
		ALLOW(p, datagrams);
		ALLOW_IF(p, datagrams_if);
	}
	if (needs->commands)
		ALLOW(p, commanding);
	if (needs->directory)
		ALLOW(p, naming);
	if (needs->removal || needs->removal_too)
		ALLOW(p, removing);
	if (needs->append || needs->reread || needs->reread_too)
		ALLOW(p, appending);
	if (needs->arrival)
		ALLOW(p, arriving);
	if (needs->append || needs->reread || needs->reread_too || needs->arrival)
		ALLOW(p, changing);
	if (needs->connect) {
		ALLOW(p, connecting);
		if (needs->unix_socket)
			ALLOW_IF(p, connecting_unix_if);
		if (needs->port != 0 || needs->port_count > 0)
			ALLOW_IF(p, connecting_if);
		if (needs->bind)
			ALLOW(p, binding);
	}
	if (needs->resolve) {
		ALLOW(p, resolving);
		ALLOW_IF(p, resolving_if);
	}
	if (needs->aide) {
		ALLOW(p, aiding);
		ALLOW_IF(p, aiding_if);
	}
	if (needs->again) {
		ALLOW(p, entering);
		ALLOW_IF(p, entering_if);
	}
}

static void write_program(struct program *p, const struct sandbox_needs *needs)
{
	const struct guarded raise_if = {SYS_tgkill, {{LOW(0), EXACTLY, (uint32_t)getpid()}}};

	p->count = 0;
	put_load(p, offsetof(struct seccomp_data, arch));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	put_load(p, offsetof(struct seccomp_data, nr));
	ALLOW(p, basic);
	ALLOW_IF(p, basic_if);
	put_guarded(p, &raise_if, 1); /* abort(3) */
	put_needs(p, needs);
	/* Its flags are out of a filter's sight; the C library then tries clone(2). */
	put_call(p, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
	put_calls(p, deadly, COUNT(deadly), SECCOMP_RET_KILL_PROCESS);
	put_return(p, SECCOMP_RET_ERRNO | EPERM);
}

/* ---- the kernel ---- */

int sandbox_seccomp_check(void)
{
	/* The kernel looks for the filter after it has checked that it knows the mode: EFAULT is good. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0UL, NULL) == 0 || errno == EFAULT)
		return 0;
	return -1;
}

int sandbox_seccomp(const struct sandbox_needs *needs)
{
	struct program p;
	struct sock_fprog program = {.filter = p.code};
	unsigned long everybody = needs->threads ? SECCOMP_FILTER_FLAG_TSYNC : 0;
	long rc;

	write_program(&p, needs);
	if (p.count == CODE_MAX) {
		errno = E2BIG;
		return -1;
	}
	program.len = p.count;
	/* No code of others runs in this process, so it need not pay for being filtered with slower
	 * speculation. Kernels before 4.17 do not know the flag. */
	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, everybody | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
	if (rc < 0 && errno == EINVAL)
		rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, everybody, &program);
	if (rc > 0)
		errno = ESRCH; /* this thread has a filter that we know nothing of */
	return rc == 0 ? 0 : -1;
}

#endif
#endif
