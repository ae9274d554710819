/* pathmtu_ways: the sockets that probes leave by, and what comes back to them. Private to pathmtu. */
#ifndef PATHMTU_WAYS_H
#define PATHMTU_WAYS_H

#include "pathmtu.h"

enum path_outcome {
	PATH_NOTHING = 0, /* not about a probe of ours */
	PATH_ARRIVED,	  /* the probe reached the host */
	PATH_TOO_BIG,	  /* ${mtu}: 0 = not said; ${from}: family 0 = this machine itself */
	PATH_UNREACHABLE, /* ${why}: an errno */
	PATH_EXPIRED,	  /* its hops were used up at ${from} */
	PATH_TALKS,	  /* there is a vault-udp peer, and it can be asked now */
	PATH_CLOSED,	  /* there is none (any more) */
};

struct path_news {
	enum path_outcome what;
	uint32_t id;	 /* of the probe; 0 = not said */
	uint32_t mtu;
	uint32_t piece;	 /* arrived in fragments: size of the largest as a packet; 0 = in one piece */
	int why;
	struct sockaddr_storage from;
	/* What a vault-udp peer says, as packets: */
	uint32_t back; /* size of its answer */
	uint32_t most; /* what its route to us takes, 0 = it does not say */
};

struct path_probe {
	uint32_t id;	/* not 0 */
	uint32_t size;	/* of the whole IP packet */
	bool fragment;	/* on the way, if need be */
	uint32_t pieces; /* with fragment, IPv6: the packets that leave here have at most so much */
	int hops;	/* 0 = as usual */
	uint32_t back;	/* of a vault-udp peer: the answer that is wanted, as a packet; 0 = any */
};

struct path_socket;

/* One way to ask. */
struct path_way {
	const char *name;
	/* The descriptor, or -1 with errno: not for us. */
	int (*open)(struct path_socket *s, const struct sockaddr_storage *to);
	/* Put the probe's bytes in front of ${packet}'s zeros; ${n} bytes of it will be sent. */
	void (*fill)(struct path_socket *s, const struct path_probe *p, uint8_t *packet, size_t n);
	size_t header;	/* bytes between the IP header and what fill() writes */
	size_t least;	/* bytes that fill() needs */
	/* What the host sent (it may be changed): the probe's id, 0 for none. It may say more in ${news}. */
	uint32_t (*reply)(struct path_socket *s, uint8_t *bytes, size_t n, struct path_news *news);
	/* The id in what an error quotes of our packet. 0: it is not there. */
	uint32_t (*quoted)(const struct path_socket *s, const uint8_t *bytes, size_t n);
	/* What is due, from time to time; or NULL. */
	void (*tick)(struct path_socket *s);
	/* Before the descriptor is closed; or NULL. */
	void (*close)(struct path_socket *s);
};

extern const struct path_way path_by_echo, path_by_udp, path_by_vault;

struct path_vault;
#define PATH_VAULT_QUOTE 24 /* so much of a datagram tells whether it was a probe */

struct path_socket {
	const struct path_way *way;
	int fd; /* -1 = not open */
	int family;
	bool raw;	/* echo by a raw socket */
	uint16_t ident; /* of echo */
	uint32_t secret; /* so that nobody who did not see a probe can answer it */
	struct sockaddr_storage to;
	struct pathmtu *p;	/* where packets are counted */
	struct path_vault *vault; /* path_by_vault's own */
};

/* Toward p->to. 0, or -1 with errno. */
int path_open(struct path_socket *s, const struct path_way *way, struct pathmtu *p);
void path_close(struct path_socket *s);
size_t path_ip_header(int family);

/* 0, or an errno; EMSGSIZE: too big for this machine's own link. */
int path_send(struct path_socket *s, const struct path_probe *p);
/* The same for bytes that are made already. */
int path_put(struct path_socket *s, const struct path_probe *p, const uint8_t *bytes, size_t n);

/* One piece of news, without waiting. False if there is none. */
bool path_receive(struct path_socket *s, struct path_news *news);

bool path_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

#endif
