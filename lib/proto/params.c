#include "params.h"

#include <msgpack.h>
#include <string.h>

#include "msgwalk.h"

/* ---- writing: msgpack-c's packer over a fixed buffer ---- */

struct sink {
	uint8_t *at;
	size_t len, cap;
};

static int sink_write(void *data, const char *buf, size_t n)
{
	struct sink *s = data;

	if (n > s->cap - s->len)
		return -1;
	memcpy(s->at + s->len, buf, n);
	s->len += n;
	return 0;
}

static void put_key(msgpack_packer *pk, char key)
{
	msgpack_pack_str(pk, 1);
	msgpack_pack_str_body(pk, &key, 1);
}

static void put_bool(msgpack_packer *pk, char key, bool value)
{
	put_key(pk, key);
	if (value)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
}

size_t params_encode(const struct params *p, uint8_t *out, size_t cap)
{
	struct sink sink = {.at = out, .cap = cap < PARAMS_MAX ? cap : PARAMS_MAX};
	size_t software = strlen(p->software);
	msgpack_packer pk;

	msgpack_packer_init(&pk, &sink, sink_write);
	msgpack_pack_map(&pk, p->has_identity ? 7 : 6);
	put_bool(&pk, 'z', p->compress);
	put_bool(&pk, 'f', p->messages);
	put_key(&pk, 'k');
	msgpack_pack_uint32(&pk, p->keepalive);
	put_bool(&pk, 't', p->throwaway);
	put_bool(&pk, 'p', p->probe);
	put_key(&pk, 'n');
	msgpack_pack_str(&pk, software);
	if (msgpack_pack_str_body(&pk, p->software, software) < 0)
		return 0;
	if (p->has_identity) {
		put_key(&pk, 'i');
		msgpack_pack_bin(&pk, sizeof p->identity);
		if (msgpack_pack_bin_body(&pk, p->identity, sizeof p->identity) < 0)
			return 0;
	}
	return sink.len;
}

/* ---- reading ---- */

/* Is [in, in + n) exactly one well-formed object within our bounds? */
static bool well_formed(const uint8_t *in, size_t n)
{
	return n > 0 && msgwalk_object(in, n, PARAMS_DEPTH) == n;
}

static bool get_bool(const msgpack_object *o, bool *out)
{
	if (o->type != MSGPACK_OBJECT_BOOLEAN)
		return false;
	*out = o->via.boolean;
	return true;
}

static bool get_uint32(const msgpack_object *o, uint32_t *out)
{
	if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 > UINT32_MAX)
		return false;
	*out = (uint32_t)o->via.u64;
	return true;
}

static bool get_software(const msgpack_object *o, struct params *p)
{
	if (o->type != MSGPACK_OBJECT_STR)
		return false;
	size_t n = o->via.str.size < sizeof p->software - 1 ? o->via.str.size : sizeof p->software - 1;

	if (n > 0)
		memcpy(p->software, o->via.str.ptr, n);
	p->software[n] = '\0';
	return true;
}

static bool get_identity(const msgpack_object *o, struct params *p)
{
	if (o->type != MSGPACK_OBJECT_BIN || o->via.bin.size != sizeof p->identity)
		return false;
	memcpy(p->identity, o->via.bin.ptr, sizeof p->identity);
	p->has_identity = true;
	return true;
}

static bool get_pair(const msgpack_object_kv *kv, struct params *p)
{
	if (kv->key.type != MSGPACK_OBJECT_STR || kv->key.via.str.size != 1)
		return true;
	switch (kv->key.via.str.ptr[0]) {
	case 'z':
		return get_bool(&kv->val, &p->compress);
	case 'f':
		return get_bool(&kv->val, &p->messages);
	case 't':
		return get_bool(&kv->val, &p->throwaway);
	case 'p':
		return get_bool(&kv->val, &p->probe);
	case 'k':
		return get_uint32(&kv->val, &p->keepalive);
	case 'n':
		return get_software(&kv->val, p);
	case 'i':
		return get_identity(&kv->val, p);
	default:
		return true;
	}
}

/* Has this known key stood in the map before? ${seen} has a bit for each. */
static bool again(const msgpack_object_kv *kv, unsigned *seen)
{
	static const char known[] = "zftpkni";
	const char *at;
	unsigned bit;

	if (kv->key.type != MSGPACK_OBJECT_STR || kv->key.via.str.size != 1)
		return false;
	at = memchr(known, kv->key.via.str.ptr[0], sizeof known - 1);
	if (!at)
		return false;
	bit = 1U << (at - known);
	if (*seen & bit)
		return true;
	*seen |= bit;
	return false;
}

int params_decode(struct params *p, const uint8_t *in, size_t n, const char **why)
{
	msgpack_unpacked result;
	unsigned seen = 0;
	size_t off = 0;
	int rc = -1;

	memset(p, 0, sizeof *p);
	*why = "malformed parameter map";
	if (n > PARAMS_MAX || !well_formed(in, n))
		return -1;
	msgpack_unpacked_init(&result);
	if (msgpack_unpack_next(&result, (const char *)in, n, &off) != MSGPACK_UNPACK_SUCCESS)
		goto out;
	if (result.data.type != MSGPACK_OBJECT_MAP) {
		*why = "the parameters are not a map";
		goto out;
	}
	for (uint32_t i = 0; i < result.data.via.map.size; i++) {
		const msgpack_object_kv *kv = &result.data.via.map.ptr[i];

		*why = "a parameter stands twice in the map";
		if (again(kv, &seen))
			goto out;
		*why = "a parameter has the wrong type";
		if (!get_pair(kv, p))
			goto out;
	}
	rc = 0;
out:
	msgpack_unpacked_destroy(&result);
	return rc;
}
