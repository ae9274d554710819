/* see pake.h */
#include "pake.h"

#include <sodium.h>
#include <string.h>

#define BLOCK 128 /* bytes of SHA-512's block */

static const char dsi[] = "CPaceRistretto255", dsi_isk[] = "CPaceRistretto255_ISK", dsi_sid[] = "CPaceSidOutput";

/* ---- lv(x): a length as LEB128, then the bytes ---- */

static size_t length_of_length(size_t n)
{
	size_t bytes = 1;

	while (n >>= 7)
		bytes++;
	return bytes;
}

static void add(crypto_hash_sha512_state *hash, const void *bytes, size_t n)
{
	if (n > 0)
		crypto_hash_sha512_update(hash, bytes, n);
}

static void add_lv(crypto_hash_sha512_state *hash, const void *bytes, size_t n)
{
	uint8_t length[10];
	size_t used = 0, left = n;

	do {
		length[used] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
		left >>= 7;
		used++;
	} while (left > 0);
	add(hash, length, used);
	add(hash, bytes, n);
}

/* ---- the exchange ---- */

int pake_generator(uint8_t g[PAKE_SHARE], const struct pake_terms *terms)
{
	static const uint8_t zeros[BLOCK];
	crypto_hash_sha512_state hash;
	uint8_t digest[crypto_core_ristretto255_HASHBYTES];
	size_t before = length_of_length(terms->code_len) + terms->code_len + 1 + sizeof dsi - 1;
	int rc;

	memset(g, 0, PAKE_SHARE);
	if (terms->code_len > PAKE_INPUT || terms->ci_len > PAKE_INPUT || terms->sid_len > PAKE_INPUT)
		return -1;
	crypto_hash_sha512_init(&hash);
	add_lv(&hash, dsi, sizeof dsi - 1);
	add_lv(&hash, terms->code, terms->code_len);
	add_lv(&hash, zeros, before < BLOCK - 1 ? BLOCK - 1 - before : 0);
	add_lv(&hash, terms->ci, terms->ci_len);
	add_lv(&hash, terms->sid, terms->sid_len);
	crypto_hash_sha512_final(&hash, digest);
	rc = crypto_core_ristretto255_from_hash(g, digest);
	secret_wipe(digest, sizeof digest);
	secret_wipe(&hash, sizeof hash);
	return rc;
}

int pake_start(struct pake *p, bool initiator, enum pake_order order, const struct pake_terms *terms,
    const struct rng *rng)
{
	uint8_t wide[crypto_core_ristretto255_NONREDUCEDSCALARBYTES], g[PAKE_SHARE];
	int rc;

	memset(p, 0, sizeof *p);
	p->initiator = initiator;
	p->order = order;
	rng->fill(rng->ctx, wide, sizeof wide);
	crypto_core_ristretto255_scalar_reduce(p->scalar, wide);
	rc = pake_generator(g, terms);
	if (rc == 0)
		rc = crypto_scalarmult_ristretto255(p->share, p->scalar, g);
	secret_wipe(wide, sizeof wide);
	secret_wipe(g, sizeof g);
	if (rc != 0) {
		pake_free(p);
		return -1;
	}
	p->started = true;
	return 0;
}

static int compare(const struct pake_message *a, const struct pake_message *b)
{
	size_t n = a->ad_len < b->ad_len ? a->ad_len : b->ad_len;
	int order = memcmp(a->share, b->share, PAKE_SHARE);

	if (order == 0 && n > 0)
		order = memcmp(a->ad, b->ad, n);
	return order != 0 ? order : (a->ad_len > b->ad_len) - (a->ad_len < b->ad_len);
}

static void add_transcript(crypto_hash_sha512_state *hash, const struct pake *p, const struct pake_message *own,
    const struct pake_message *peer)
{
	bool own_first = p->order == PAKE_BY_VALUE ? compare(own, peer) > 0 : p->initiator;
	const struct pake_message *order[2] = {own_first ? own : peer, own_first ? peer : own};

	if (p->order == PAKE_BY_VALUE)
		add(hash, "oc", 2);
	for (int i = 0; i < 2; i++) {
		add_lv(hash, order[i]->share, PAKE_SHARE);
		add_lv(hash, order[i]->ad, order[i]->ad_len);
	}
}

int pake_finish(struct pake *p, const struct pake_terms *terms, const uint8_t *ad, size_t ad_len,
    const struct pake_message *peer, uint8_t isk[PAKE_KEY], uint8_t id[PAKE_KEY])
{
	const struct pake_message own = {p->share, ad, ad_len};
	crypto_hash_sha512_state hash;
	uint8_t k[PAKE_SHARE];
	int rc = -1;

	memset(isk, 0, PAKE_KEY);
	if (id)
		memset(id, 0, PAKE_KEY);
	/* (This refuses what is no point, and the neutral one.) */
	if (p->started && ad_len <= PAKE_INPUT && peer->ad_len <= PAKE_INPUT)
		rc = crypto_scalarmult_ristretto255(k, p->scalar, peer->share);
	p->started = false;
	secret_wipe(p->scalar, sizeof p->scalar);
	if (rc != 0)
		return -1;
	crypto_hash_sha512_init(&hash);
	add_lv(&hash, dsi_isk, sizeof dsi_isk - 1);
	add_lv(&hash, terms->sid, terms->sid_len);
	add_lv(&hash, k, sizeof k);
	add_transcript(&hash, p, &own, peer);
	crypto_hash_sha512_final(&hash, isk);
	if (id) {
		crypto_hash_sha512_init(&hash);
		add(&hash, dsi_sid, sizeof dsi_sid - 1);
		add_transcript(&hash, p, &own, peer);
		crypto_hash_sha512_final(&hash, id);
	}
	secret_wipe(k, sizeof k);
	secret_wipe(&hash, sizeof hash);
	return 0;
}

void pake_free(struct pake *p)
{
	secret_wipe(p, sizeof *p);
}
