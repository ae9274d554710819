/*
 * ifaces: one snapshot of all network interfaces and their addresses. Nothing in it points into the
 * kernel or changes by itself; ifaces_watch.h tells what has changed since.
 *
 * Where the facts come from, the first that works:
 *
 *   IFACES_NETLINK     Linux with libmnl: everything (ifaces_netlink.c)
 *   IFACES_GETIFADDRS  getifaddrs(3) and ioctls, any system (ifaces_portable.c)
 *   IFACES_PROC        Linux where netlink is denied: ioctls and /proc/net (ifaces_proc.c)
 *
 * ${missing} says what the source that was used cannot tell. Speed and duplex come from an ioctl in
 * all cases, and /sys is never needed.
 */
#ifndef IFACES_H
#define IFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/error.h"

#define IFACES_NAMEMAX 16 /* with its NUL, as IFNAMSIZ */
#define IFACES_ALIASMAX 256
#define IFACES_KINDMAX 32
#define IFACES_MACMAX 32
#define IFACES_ADDRESSMAX 64  /* text of an address, and of one with "/128" */
#define IFACES_DEFAULT_MTU 1500 /* where there is no interface to ask */

enum iface_flag {
	IFACE_UP = 1,
	IFACE_RUNNING = 2, /* up, and the other end is there */
	IFACE_LOOPBACK = 4,
	IFACE_POINT_TO_POINT = 8,
	IFACE_MULTICAST = 16,
	IFACE_BROADCAST = 32,
};

enum iface_duplex {
	DUPLEX_NOT_KNOWN = 0,
	DUPLEX_IS_HALF,
	DUPLEX_IS_FULL,
};

/* The values of Linux (rtnetlink(7)), on other systems derived from the address. */
enum iface_scope {
	SCOPE_GLOBAL = 0,
	SCOPE_SITE = 200,
	SCOPE_LINK = 253,
	SCOPE_HOST = 254,
	SCOPE_NOWHERE = 255,
};

/* Of IPv6 addresses. */
enum iface_address_flag {
	ADDRESS_TEMPORARY = 1,  /* changes for privacy (RFC 8981) */
	ADDRESS_DEPRECATED = 2, /* not for new connections */
	ADDRESS_TENTATIVE = 4,  /* not usable yet */
	ADDRESS_DUPLICATE = 8,  /* somebody else has it */
};

struct iface_address {
	int family; /* AF_INET: 4 bytes are used; AF_INET6: 16 */
	uint8_t bytes[16];
	uint8_t peer[16]; /* the other end of a point-to-point link */
	bool has_peer;
	uint8_t prefix;
	uint8_t scope; /* enum iface_scope or another number */
	unsigned flags; /* of enum iface_address_flag */
};

struct iface {
	unsigned index;
	char name[IFACES_NAMEMAX];	/* any bytes but '/', ':' and white space */
	char alias[IFACES_ALIASMAX];	/* any bytes; "" if none */
	char kind[IFACES_KINDMAX];	/* "veth", "bridge"; "" for hardware, or not known */
	unsigned hardware;		/* ARPHRD_... (Linux), IFT_... (BSD) */
	unsigned flags;			/* of enum iface_flag */
	uint32_t mtu;
	uint8_t mac[IFACES_MACMAX];
	size_t mac_len;
	uint32_t speed;			/* Mbit/s, 0 = not known */
	enum iface_duplex duplex;
	unsigned master;		/* index of the bridge it belongs to, 0 = none */
	unsigned lower;			/* index of the interface it stands on, 0 = none */
	struct iface_address *addresses; /* in the kernel's order */
	size_t address_count;
};

enum ifaces_source {
	IFACES_ANY = 0,
	IFACES_NETLINK,
	IFACES_GETIFADDRS,
	IFACES_PROC,
};

/* What a source cannot tell. */
enum ifaces_missing {
	IFACES_NO_KIND = 1,   /* kinds, aliases, masters */
	IFACES_NO_SCOPE4 = 2, /* scopes of IPv4 addresses are guessed from the address */
	IFACES_NO_FLAGS6 = 4, /* flags of IPv6 addresses */
	IFACES_NO_IPV6 = 8,   /* IPv6 addresses */
	IFACES_NO_HIDDEN = 16, /* interfaces without an IPv4 address */
};

struct ifaces {
	struct iface *list; /* by index */
	size_t count;
	enum ifaces_source source;
	unsigned missing;  /* of enum ifaces_missing */
	int denied;	   /* errno of netlink where another source had to do, or 0 */
};

/* Take a snapshot of the interfaces in this network namespace. 0, or -1 with ERROR_IO. Free it with
 * ifaces_free() in either case. */
int ifaces_read(struct ifaces *s, enum ifaces_source source, struct error *e)
    __attribute__((warn_unused_result));
void ifaces_free(struct ifaces *s);

/* NULL if there is none. */
struct iface *ifaces_indexed(const struct ifaces *s, unsigned index);
struct iface *ifaces_named(const struct ifaces *s, const char *name);
/* The interface that has this address (4 or 16 bytes). */
struct iface *ifaces_owner(const struct ifaces *s, int family, const void *bytes);

/* The smallest MTU of the interfaces that are up and not loopback; 0 if there are none. This is what
 * packet sizes are made from as long as the path is not known. */
uint32_t ifaces_smallest_mtu(const struct ifaces *s);

/* Can a peer elsewhere use this address? Not on loopback or an interface that is down, not
 * link-local, not tentative, duplicate or deprecated. */
bool ifaces_usable(const struct iface *i, const struct iface_address *a);

/* The local address that is used toward the rest of the world: the source address of the default
 * route, otherwise the first usable one. NULL if none; ${owner} (may be NULL) is its interface. */
const struct iface_address *ifaces_primary(const struct ifaces *s, int family, const struct iface **owner);

bool iface_address_same(const struct iface_address *a, const struct iface_address *b);
bool iface_is_link_local(const struct iface_address *a);

/* "veth", "ethernet", "loopback": the kind, or what the hardware is; "other" if that has no name here. */
const char *iface_type(const struct iface *i);
/* "up", "no-carrier", "down". */
const char *iface_state(const struct iface *i);
/* "02:00:5e:00:53:01"; "" if there is none. */
char *iface_mac_text(char out[3 * IFACES_MACMAX], const struct iface *i);
/* "192.0.2.1"; with ${prefix} "192.0.2.1/24". */
char *iface_address_text(char out[IFACES_ADDRESSMAX], const struct iface_address *a, bool prefix);
/* "global", "site", "link", "host", "nowhere", or the number. */
char *iface_scope_text(char out[16], uint8_t scope);
/* "full", "half", or NULL. */
const char *iface_duplex_text(enum iface_duplex d);
/* What one bit of ${missing} means, for a person. */
const char *ifaces_missing_text(enum ifaces_missing bit);

/* ---- between the files of ifaces ---- */

/* A new interface, all zero but the index; NULL without memory. It may move when another is added. */
struct iface *ifaces_add(struct ifaces *s, unsigned index);
void ifaces_remove(struct ifaces *s, unsigned index);
int iface_add_address(struct iface *i, const struct iface_address *a);
void iface_remove_address(struct iface *i, size_t at);
struct iface_address *iface_find_address(const struct iface *i, const struct iface_address *a);

/* What the address itself says about its scope. */
uint8_t iface_guess_scope(const struct iface_address *a);
/* The MTU, flags and so on of IFF_... */
unsigned iface_flags_of(unsigned iff);
/* Fill in by ioctl on ${fd}, any internet socket: */
void iface_ioctl_facts(struct iface *i, int fd); /* flags, MTU, MAC, hardware */
void iface_ioctl_speed(struct iface *i, int fd); /* speed, duplex */

int ifaces_read_netlink(struct ifaces *s, struct error *e);
int ifaces_read_portable(struct ifaces *s, struct error *e);
int ifaces_read_proc(struct ifaces *s, struct error *e);

#endif
