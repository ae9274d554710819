/* vault-udp: encrypted messages over UDP, between standard input and output and any number of peers. */
#include <stdio.h>

#include "common.h"
#include "run/log.h"
#include "run/udp_lan.h"
#include "udp_args.h"

#define PROG "vault-udp"

static int version(void)
{
	char features[128 + SANDBOX_TEXTMAX], sandbox[SANDBOX_TEXTMAX];

	snprintf(features, sizeof features, "zstd %s, %s", squash_library(), sandbox_describe(sandbox));
	return common_version(PROG, features);
}

static int browse(const struct udp_args *u)
{
	const struct udp_browse o = {.interface = u->browse_interface, .json = u->json, .silence_ms = u->run.max_age_ms,
	    .sandbox = u->run.sandbox};

	return udp_lan_browse(&o);
}

int main(int argc, char **argv)
{
	struct common_args a = {.prog = PROG, .shorts = udp_args_shorts, .longs = udp_args_longs,
	    .repeatable = udp_args_repeatable, .argc = argc, .argv = argv};
	static struct udp_args u;
	struct error e = {0};
	int option, status;

	if (common_init(PROG))
		return error_status(ERROR_IO);
	udp_args_init(&u);
	while ((option = common_next(&a)) > 0) {
		if (option == 'h')
			return common_help(PROG, (const char *const[]){udp_args_help, udp_args_help_more, NULL});
		if (option == 'V')
			return version();
		status = udp_args_take(&u, option, &a);
		if (status)
			return status;
	}
	if (option < 0 || udp_args_check(&u, &a))
		return COMMON_USAGE;
	log_setup(PROG, u.verbosity, u.run.quiet);
	if (u.run.log_json)
		log_as_json();
	if (u.browse)
		return common_exit(common_close_stdout(PROG, browse(&u)));
	if (udp_args_load(&u, &e) < 0) {
		log_error("%s", e.text);
		status = error_status(e.code);
	} else
		status = udp_loop_run(&u.run);
	udp_args_free(&u);
	if (!u.run.log_json)
		common_try(PROG, status);
	return common_exit(status);
}
