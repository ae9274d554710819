/* vault-keygen: make, show, check and convert keys. */
#include "crypto/secret.h"
#include "keygen.h"

static int run(struct keygen_opts *o)
{
	struct error e = {.code = ERROR_OK};
	int (*what)(struct keygen_opts *, struct error *) = keygen_create;
	int rc;

	if (o->import && o->public)
		what = keygen_import_public;
	else if (o->export)
		what = keygen_export;
	else if (o->find || o->remove)
		what = o->find ? keygen_find : keygen_remove;
	else if (o->hide)
		what = keygen_hide;
	else if (o->change)
		what = keygen_change;
	else if (o->check)
		what = keygen_check;
	else if (o->public || o->list)
		what = keygen_show;
	rc = what(o, &e);
	passphrase_free(&o->from);
	return rc ? common_fail(KEYGEN_PROG, &e) : 0;
}

int main(int argc, char **argv)
{
	struct keygen_opts opts = {.from = PASSPHRASE_NONE};
	char *buffer;
	int status;

	if (common_init(KEYGEN_PROG))
		return 1;
	if (keygen_args(&opts, argc, argv, &status))
		return status;

	/* What is printed may be secret, so its buffers are guarded. */
	buffer = secret_alloc(BUFSIZ);
	if (buffer)
		setvbuf(stdout, buffer, _IOFBF, BUFSIZ);
	common_json_guard();

	status = common_close_stdout(KEYGEN_PROG, run(&opts));
	secret_free(buffer);
	return status;
}
