/* udp_judge: may this peer be talked to? The rules of --remote-key, --authorized-keys and --trust. */
#ifndef UDP_JUDGE_H
#define UDP_JUDGE_H

#include <stdbool.h>

#include "judge.h"
#include "proto/peers.h"

#define UDP_JUDGE_PINS 64

struct udp_judge {
	/* ---- set by the caller ---- */
	enum judge_trust trust;
	struct key pins[UDP_JUDGE_PINS]; /* -r */
	size_t pin_count;
	const char *authorized; /* path, or NULL: none */
	bool explicit;		/* pins or a file were asked for: they alone decide */
	const char *known_hosts;
	/* ---- private ---- */
	struct trust_list list;
	bool has_list;
	struct judge_server *servers; /* one for each operand */
	size_t server_count;
	bool refused; /* a peer that was named by the user */
	int64_t told_at;
	unsigned untold;
};

/* Read the files. ${names} are those of the operands for known_hosts (trust_name()). 0 or -1. */
int udp_judge_load(struct udp_judge *j, char (*names)[TRUST_NAME_MAX], size_t count, struct error *e)
    __attribute__((warn_unused_result));

/* Before a sandbox: known_hosts will be appended to. False if nothing will have to be remembered. */
bool udp_judge_prepare(struct udp_judge *j);

/* The verdict; it is told on stderr. */
bool udp_judge_accept(struct udp_judge *j, const struct peer *p);

/* "vk1..." of its identity, or "no key". */
char *udp_judge_text(const struct peer *p, char out[KEYTEXT_MAX]);
/* Its label in authorized_keys, or NULL. */
const char *udp_judge_label(const struct udp_judge *j, const struct peer *p);

void udp_judge_free(struct udp_judge *j);

#endif
