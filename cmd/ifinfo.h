/* ifinfo: the parts of vault-ifinfo. */
#ifndef IFINFO_H
#define IFINFO_H

#include <netdb.h>

#include "common.h"
#include "proto/payload.h"
#include "run/ifaces.h"
#include "run/ifaces_watch.h"
#include "run/pathmtu.h"
#include "run/routes.h"
#include "run/udp_judge.h"

#define IFINFO_PROG "vault-ifinfo"
#define IFINFO_TIMEOUT_MS 10000

enum ifinfo_transport { TRANSPORT_ANY = 0, TRANSPORT_TCP, TRANSPORT_UDP };

/* The vault-udp peer of --path HOST:PORT. */
struct ifinfo_peer {
	const char *identity_file, *known_hosts;
	bool demanded; /* by an option that makes no sense without it */
	struct udp_judge judge;
	/* by ifinfo_peer_load() */
	struct key *identity;
	struct pathmtu_peer how;
	char known_hosts_path[KEYFILE_PATH_MAX], authorized_path[KEYFILE_PATH_MAX];
};

/* What was asked for; not changed after options_check(). */
struct ifinfo_opts {
	bool json, mtu, four, six, all, payload, watch;
	enum ifinfo_transport transport;
	const char *route, *path, *netns;
	uint32_t require_mtu; /* 0 = nothing required */
	int64_t timeout_ms;   /* 0 = none */
	struct ifinfo_peer *peer;
	char **selected;
	int selected_count;
};

/* The interfaces, and which of them were asked for. */
struct ifinfo {
	struct ifaces all;
	bool *chosen; /* one for each */
	size_t chosen_count;
};

/* ---- ifinfo_table.c ---- */

void ifinfo_table(const struct ifinfo *f);

/* ---- ifinfo_json.c ---- */

/* An object on a line of standard output, in ASCII: names and aliases are others' words. Releases
 * it. 0 or -1. */
int ifinfo_print(json_t *object, struct error *e);
json_t *ifinfo_json_address(const struct iface_address *a);
json_t *ifinfo_json_iface(const struct ifaces *s, const struct iface *i);
json_t *ifinfo_json_route(const struct ifaces *s, const struct route *r);
json_t *ifinfo_json_ip(const struct sockaddr_storage *sa);
/* The host, then each chosen interface. */
int ifinfo_json_all(const struct ifinfo *f, struct error *e);
/* {"v":1,"kind":"error",...} with the status, code and text. */
void ifinfo_json_error(const struct error *e, int status);

/* ---- ifinfo_lists.c: --mtu, --ipv4, --ipv6, --payload ---- */

/* The MTU of what was chosen; 0 = there is none. */
uint32_t ifinfo_mtu(const struct ifinfo_opts *o, const struct ifinfo *f);
int ifinfo_list_mtu(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e);
int ifinfo_list_addresses(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e);
int ifinfo_list_payload(const struct ifinfo_opts *o, uint32_t mtu, int family, struct error *e);
/* -1 with ERROR_IO if ${mtu} is less than required. */
int ifinfo_require(const struct ifinfo_opts *o, uint32_t mtu, const char *what, struct error *e);

/* ---- ifinfo_path.c: --route, --path ---- */

int ifinfo_route(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e);
int ifinfo_path(const struct ifinfo_opts *o, const struct ifinfo *f, struct error *e);

/* ---- ifinfo_peer.c: the vault-udp peer at the end of a path ---- */

/* --trust, --remote-key. 0 or COMMON_USAGE. */
int ifinfo_peer_trust(struct ifinfo_peer *p, const struct common_args *a);
int ifinfo_peer_pin(struct ifinfo_peer *p, const struct common_args *a);
/* Read keys. 0 or -1. */
int ifinfo_peer_load(struct ifinfo_peer *p, const char *host, uint16_t port, struct error *e);
void ifinfo_peer_free(struct ifinfo_peer *p);
json_t *ifinfo_peer_json(const struct pathmtu *p);
void ifinfo_peer_text(const struct pathmtu *p);
/* Was it the right one, if one was wanted? ${host} as it was given. 0 or -1. */
int ifinfo_peer_verdict(const struct ifinfo_peer *p, const struct pathmtu *m, const char *host, struct error *e);

/* ---- ifinfo_watch.c ---- */

/* Until the reader goes away or a signal comes. The exit status. */
int ifinfo_watch(struct error *e);

#endif
