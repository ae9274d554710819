#include "udp_identity.h"

#include <unistd.h>

#include "crypto/secret.h"
#include "keyfile.h"

int udp_identity_load(struct key **k, bool *throwaway, const char *file, struct error *e)
{
	char path[KEYFILE_PATH_MAX];
	struct error no_home = {0};

	*throwaway = false;
	if (file || (keyfile_path(path, "identity", &no_home) == 0 && access(path, F_OK) == 0)) {
		if (keyfile_read_secret(k, NULL, file ? file : path, NULL, e) < 0)
			return -1;
		if ((*k)->form == KEY_SECRET)
			return 0;
		return error_set(e, ERROR_USAGE, BLAME_LOCAL, "%s holds an X25519 key, which cannot sign: UDP needs an identity (vs1...)",
		    file ? file : path);
	}
	*k = secret_alloc(sizeof **k);
	if (!*k)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for keys");
	(*k)->form = KEY_SECRET;
	secret_rng.fill(secret_rng.ctx, (*k)->bytes, sizeof (*k)->bytes);
	*throwaway = true;
	return 0;
}
