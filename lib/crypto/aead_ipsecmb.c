/*
 * AES-256-GCM of Intel's ipsec-mb; see aead_library.h.
 *
 * Only where the CPU has its vector AES instructions (VAES, with AVX-512): there it is more than
 * twice as fast as libcrypto before 3.1, which does not use them, and is loaded in a tenth of the
 * time. Elsewhere they are alike, and libcrypto serves.
 */
#include "aead_library.h"

#if WITH_IPSEC_MB

#include <cpuid.h>
#include <immintrin.h>
#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "secret.h"

#define SO "libIPSec_MB.so.1"
#define NEEDED (IMB_CPUFLAGS_AVX512_T2 | IMB_FEATURE_SELF_TEST_PASS)
/* The same as the CPU tells it. */
#define NEEDED_B \
	(bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL | bit_AVX512IFMA | bit_SHA | bit_BMI2)
#define NEEDED_C (bit_VAES | bit_VPCLMULQDQ | bit_GFNI)
#define KEY_ALIGNMENT 64

#define KEY_SIZE ((sizeof(struct gcm_key_data) + KEY_ALIGNMENT - 1) / KEY_ALIGNMENT * KEY_ALIGNMENT)

static struct {
	__typeof__(alloc_mb_mgr) *alloc_mb_mgr;
	__typeof__(init_mb_mgr_auto) *init_mb_mgr_auto;
	__typeof__(free_mb_mgr) *free_mb_mgr;
	__typeof__(imb_get_version) *imb_get_version;
	__typeof__(imb_get_errno) *imb_get_errno;
	IMB_MGR *manager; /* of all sessions, as long as the process lives: it has no state of theirs */
} imb;

/* The vector registers that the system keeps when it switches tasks: of SSE, AVX, AVX-512. */
#define STATES 0xe6U

static __attribute__((target("xsave"))) bool system_serves(void)
{
	return (_xgetbv(0) & STATES) == STATES;
}

/* Asked when it matters: compilers ask at every start, and virtual machines answer slowly. */
static bool cpu_serves(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) != 1 || !(c & bit_OSXSAVE) || !system_serves())
		return false;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 1)
		return false;
	return (b & NEEDED_B) == NEEDED_B && (c & NEEDED_C) == NEEDED_C;
}

static bool serves(enum aead_alg alg)
{
	static int known = -1;

	if (alg != AEAD_AESGCM)
		return false;
	if (known < 0)
		known = cpu_serves();
	return known;
}

static int find_functions(void)
{
	void *library = library_open(SO);

	if (!library || library_function(library, "alloc_mb_mgr", &imb.alloc_mb_mgr) < 0 ||
	    library_function(library, "init_mb_mgr_auto", &imb.init_mb_mgr_auto) < 0 ||
	    library_function(library, "free_mb_mgr", &imb.free_mb_mgr) < 0 ||
	    library_function(library, "imb_get_version", &imb.imb_get_version) < 0 ||
	    library_function(library, "imb_get_errno", &imb.imb_get_errno) < 0)
		return -1;
	/* Of another one the manager and the keys may have other sizes than in this header. */
	return imb.imb_get_version() >> 8 == IMB_VERSION_NUM >> 8 ? 0 : -1;
}

static int load(void)
{
	static bool tried, found;

	if (!tried) {
		tried = true;
		found = find_functions() == 0;
	}
	return found ? 0 : -1;
}

/* One that has tested itself, and uses the instructions for which it is here. */
static IMB_MGR *new_manager(void)
{
	IMB_MGR *m = imb.alloc_mb_mgr(0);

	if (!m)
		return NULL;
	imb.init_mb_mgr_auto(m, NULL);
	if ((m->features & NEEDED) == NEEDED && imb.imb_get_errno(NULL) == 0)
		return m;
	imb.free_mb_mgr(m);
	return NULL;
}

static IMB_MGR *manager(void)
{
	static bool tried;

	if (!tried) {
		tried = true;
		imb.manager = load() == 0 ? new_manager() : NULL;
	}
	return imb.manager;
}

static bool started(void)
{
	return imb.manager != NULL;
}

static void *make(enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES])
{
	IMB_MGR *m = alg == AEAD_AESGCM ? manager() : NULL;
	struct gcm_key_data *expanded = m ? aligned_alloc(KEY_ALIGNMENT, KEY_SIZE) : NULL;

	if (expanded)
		IMB_AES256_GCM_PRE(m, key, expanded);
	return expanded;
}

static void free_made(void *made)
{
	secret_wipe(made, KEY_SIZE);
	free(made);
}

static const uint8_t *some(const uint8_t *p)
{
	return p ? p : (const uint8_t *)"";
}

/* The calls themselves return nothing. */
static int outcome(void)
{
	return imb.imb_get_errno(NULL) == 0 ? 0 : -1;
}

static int seal(void *made, const uint8_t *nonce, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out)
{
	struct gcm_context_data context;

	IMB_AES256_GCM_ENC(imb.manager, made, &context, out, some(in), n, nonce, some(ad), adlen, out + n, AEAD_TAGBYTES);
	secret_wipe(&context, sizeof(context));
	return outcome();
}

static int open(void *made, const uint8_t *nonce, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out)
{
	struct gcm_context_data context;
	uint8_t tag[AEAD_TAGBYTES], right[AEAD_TAGBYTES];
	int r;

	n -= AEAD_TAGBYTES;
	memcpy(tag, in + n, sizeof(tag));
	for (size_t i = 0; i < sizeof(tag); i++)
		right[i] = (uint8_t)~tag[i];
	IMB_AES256_GCM_DEC(imb.manager, made, &context, out, in, n, nonce, some(ad), adlen, right, AEAD_TAGBYTES);
	r = outcome() == 0 && secret_equal(tag, right, sizeof(tag)) ? 0 : -1;
	secret_wipe(right, sizeof(right));
	secret_wipe(&context, sizeof(context));
	return r;
}

const struct aead_library aead_ipsecmb = {
    .serves = serves,
    .load = load,
    .started = started,
    .make = make,
    .free = free_made,
    .seal = seal,
    .open = open,
};

#else

static bool serves(enum aead_alg alg)
{
	(void)alg;
	return false;
}

const struct aead_library aead_ipsecmb = {.serves = serves};

#endif
