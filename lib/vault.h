/*
 * vault: what a program that embeds libvault may use; all other headers are the library's own and may change.
 *
 * So far: network interfaces, the way to a host, and what changes about them, as vault-ifinfo(1) shows it. Nothing
 * here prints, exits, reads the environment or keeps global state. Where something can fail there is ${why}:
 * VAULT_WHY bytes for a sentence about it, or NULL.
 */
#ifndef VAULT_H
#define VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VAULT_WHY 800

/* ---- interfaces ---- */

enum vault_interface_flag {
	VAULT_UP = 1,
	VAULT_RUNNING = 2, /* up, and the other end is there */
	VAULT_LOOPBACK = 4,
	VAULT_POINT_TO_POINT = 8,
	VAULT_MULTICAST = 16,
	VAULT_BROADCAST = 32,
};

/* Of IPv6 addresses. */
enum vault_address_flag {
	VAULT_TEMPORARY = 1,  /* changes for privacy (RFC 8981) */
	VAULT_DEPRECATED = 2, /* not for new connections */
	VAULT_TENTATIVE = 4,  /* not usable yet */
	VAULT_DUPLICATE = 8,  /* somebody else has it */
};

struct vault_address {
	int family; /* AF_INET: 4 bytes are used; AF_INET6: 16 */
	uint8_t bytes[16];
	uint8_t peer[16]; /* the other end of a point-to-point link */
	bool has_peer;
	uint8_t prefix;
	uint8_t scope;	/* as Linux has it (rtnetlink(7)): 0 global, 200 site, 253 link, 254 host */
	unsigned flags; /* of enum vault_address_flag */
};

struct vault_interface {
	unsigned index;
	unsigned master;   /* index of the bridge it belongs to, 0 = none */
	const char *name;  /* may hold any bytes but '/' and white space: not for a terminal as it is */
	const char *alias; /* any bytes; "" if none */
	const char *type;  /* "ethernet", "veth", "loopback" */
	const char *state; /* "up", "no-carrier", "down" */
	unsigned flags;	   /* of enum vault_interface_flag */
	uint32_t mtu;
	uint32_t speed;	   /* Mbit/s, 0 = not known */
	const char *duplex; /* "full", "half", NULL = not known */
	const uint8_t *mac;
	size_t mac_len;
	const struct vault_address *addresses;
	size_t address_count;
};

/* A snapshot of all interfaces in this network namespace, by index; it does not change. */
struct vault_interfaces {
	const struct vault_interface *list;
	size_t count;
	/* What this system, or a sandbox, did not let us know: sentences, and a NULL after the last. */
	const char *const *missing;
};

/* NULL with ${why}. */
struct vault_interfaces *vault_interfaces_read(char why[VAULT_WHY]);
void vault_interfaces_free(struct vault_interfaces *s);

/* The smallest MTU of those that are up and not loopback; 0 if there is none. */
uint32_t vault_interfaces_mtu(const struct vault_interfaces *s);

/* The address that others reach us at: the source address of the default route, otherwise the first that is usable.
 * NULL if there is none. */
const struct vault_address *vault_interfaces_primary(const struct vault_interfaces *s, int family);

/* ---- routes ---- */

struct vault_route {
	int family;
	const char *type; /* "unicast", "local", "not known" */
	bool has_source;
	uint8_t source[16]; /* our address on that way */
	unsigned index;	    /* of the interface, 0 = not known */
	int next_family;    /* of the next hop; 0: none, or not known */
	uint8_t next_hop[16];
	uint32_t mtu; /* of packets on that way, as far as the system knows */
};

/* The way to ${to} (AF_INET or AF_INET6) as the system would choose it now. 0, or -1 with ${why}. */
int vault_route_toward(struct vault_route *r, const struct vault_interfaces *s, const struct sockaddr *to,
    char why[VAULT_WHY]);

/* ---- changes ---- */

enum vault_event {
	VAULT_PRESENT,	/* it was there when the watch began, or after VAULT_LOST */
	VAULT_WATCHING, /* all that is present was told: from here on changes */
	VAULT_NEW,
	VAULT_CHANGED,
	VAULT_GONE,
	VAULT_LOST, /* too many changes at once: all is told again */
};

/* Valid during the call. */
struct vault_change {
	enum vault_event event;
	const struct vault_interface *interface; /* without its addresses; NULL for routes, and for one that is gone */
	const struct vault_address *address;	 /* with an interface: it is about this address of it */
	const struct vault_route *route;
};

struct ev_loop; /* of libev */
struct vault_watch;

/* Tell what is present, and then every change from ${loop}, to ${told}. When it cannot go on, ${told} is called with
 * NULL; free it then, too (not within the call). NULL with ${why}: only Linux with libmnl can do it. */
struct vault_watch *vault_watch_new(struct ev_loop *loop, void (*told)(const struct vault_change *c, void *owner),
    void *owner, char why[VAULT_WHY]);
void vault_watch_free(struct vault_watch *w);

#ifdef __cplusplus
}
#endif

#endif
