#include "sandbox_landlock.h"

#ifdef SANDBOX_LINUX

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* From the kernel's interface, as far as we use it: headers are often older than the kernel. */
#define VERSION_FLAG 1U
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2

#define FS_EXECUTE (1ULL << 0)
#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_REG (1ULL << 8)
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define NET_BIND_TCP (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

#define DNS_PORT 53
#define RESOLV_CONF "/etc/resolv.conf"

struct ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

struct path_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

struct port_attr {
	uint64_t allowed_access, port;
};

/* What the C library's resolver and its plug-ins read. (The daemons that some of them ask have sockets, which
 * are no files in this sense.) */
static const char *const resolver_files[] = {RESOLV_CONF, "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/gai.conf",
    "/etc/host.conf", "/etc/mdns.allow", "/etc/ld.so.cache", "/dev/urandom"};
/* The plug-ins themselves, which are loaded when they are needed. */
static const char *const libraries[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store",
    "/gnu/store"};

int sandbox_landlock_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
}

/* Everything that this version can restrict. Fields that an older one does not know stay zero. */
static struct ruleset_attr everything(int abi)
{
	/* bits of the file system that each version knew */
	static const int bits[] = {0, 13, 14, 15, 15, 16};
	const int known = (int)(sizeof bits / sizeof bits[0]) - 1;

	return (struct ruleset_attr){
	    .handled_access_fs = (1ULL << bits[abi < known ? abi : known]) - 1,
	    .handled_access_net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
	    .scoped = abi >= 6 ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0,
	};
}

struct rules {
	int fd;
	struct ruleset_attr handled;
};

static int allow_path(const struct rules *r, const char *path, uint64_t access)
{
	struct path_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	struct stat st;
	int rc = -1, saved;

	if (rule.parent_fd < 0)
		return -1;
	rule.allowed_access = access & r->handled.handled_access_fs;
	if (fstat(rule.parent_fd, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			rule.allowed_access &= FS_OF_FILES;
		rc = (int)syscall(SYS_landlock_add_rule, r->fd, RULE_PATH_BENEATH, &rule, 0U);
	}
	saved = errno;
	close(rule.parent_fd);
	errno = saved;
	return rc;
}

static int allow_port(const struct rules *r, uint16_t port, uint64_t access)
{
	struct port_attr rule = {access & r->handled.handled_access_net, port};

	if (rule.allowed_access == 0)
		return 0;
	return (int)syscall(SYS_landlock_add_rule, r->fd, RULE_NET_PORT, &rule, 0U);
}

/* In the directory that ${path} lies in. */
static int allow_beside(const struct rules *r, const char *path, uint64_t access)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof copy, "%s", path);
	return allow_path(r, dirname(copy), access);
}

/*
 * Daemons that keep resolv.conf in a directory of their own below /run put a new file in its place now and
 * then; that one is to be read, too.
 */
static void allow_resolv_conf(const struct rules *r)
{
	char real[PATH_MAX];

	if (realpath(RESOLV_CONF, real) && strncmp(real, "/run/", 5) == 0 && strchr(real + 5, '/'))
		(void)allow_beside(r, real, FS_READ_FILE);
}

/* Not every system has all of them. */
static void allow_resolver(const struct rules *r)
{
	allow_resolv_conf(r);
	for (size_t i = 0; i < sizeof resolver_files / sizeof resolver_files[0]; i++)
		(void)allow_path(r, resolver_files[i], FS_READ_FILE);
	for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
		(void)allow_path(r, libraries[i], FS_READ_FILE | FS_READ_DIR);
}

static int allow_files(const struct rules *r, const struct sandbox_needs *needs)
{
	if (needs->append && allow_path(r, needs->append, FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE) < 0)
		return -1;
	/* It may be another one by then, so what counts is where it lies. */
	if ((needs->reread && allow_beside(r, needs->reread, FS_READ_FILE) < 0) ||
	    (needs->reread_too && allow_beside(r, needs->reread_too, FS_READ_FILE) < 0))
		return -1;
	/* The file itself is open; these let it take its name, or another's place. */
	if (needs->directory && allow_path(r, needs->directory, FS_MAKE_REG | FS_REMOVE_FILE) < 0)
		return -1;
	if (needs->arrival && allow_beside(r, needs->arrival, FS_MAKE_REG) < 0)
		return -1;
	if (needs->removal && allow_beside(r, needs->removal, FS_REMOVE_FILE) < 0)
		return -1;
	if (needs->removal_too && allow_beside(r, needs->removal_too, FS_REMOVE_FILE) < 0)
		return -1;
	if (needs->resolve)
		allow_resolver(r);
	return 0;
}

static int allow_ports(const struct rules *r, const struct sandbox_needs *needs)
{
	if (needs->resolve && allow_port(r, DNS_PORT, NET_CONNECT_TCP) < 0)
		return -1;
	if (!needs->connect)
		return 0;
	if (needs->port != 0 && allow_port(r, needs->port, NET_CONNECT_TCP) < 0)
		return -1;
	for (size_t i = 0; i < needs->port_count; i++)
		if (allow_port(r, needs->ports[i], NET_CONNECT_TCP) < 0)
			return -1;
	return needs->bind ? allow_port(r, needs->source_port, NET_BIND_TCP) : 0;
}

int sandbox_landlock(const struct sandbox_needs *needs)
{
	struct rules r = {.fd = -1};
	int abi = sandbox_landlock_abi(), rc, saved;

	if (abi < 0)
		return -1;
	r.handled = everything(abi);
	r.fd = (int)syscall(SYS_landlock_create_ruleset, &r.handled, sizeof r.handled, 0U);
	if (r.fd < 0)
		return -1;
	rc = allow_files(&r, needs) < 0 || allow_ports(&r, needs) < 0
		 ? -1
		 : (int)syscall(SYS_landlock_restrict_self, r.fd, 0U);
	saved = errno;
	close(r.fd);
	errno = saved;
	return rc;
}

#endif
