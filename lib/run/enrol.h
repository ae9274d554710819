/*
 * enrol: a client that knew the one-time code and asks to be remembered gets a line in authorized_keys.
 */
#ifndef ENROL_H
#define ENROL_H

#include <stdbool.h>

#include "conn.h"
#include "trust.h"

struct enrol {
	bool wanted;	  /* --remember */
	const char *path; /* authorized_keys */
	enum rule_service serves;
	bool failed;	  /* it could not be written: for the exit status */
	int fresh;	  /* by enrol_prepare(): a file that will get that name, or -1 if there is one */
};

/* Before the sandbox: see to it that the file can be written, and read what is in it. 0 or -1. */
int enrol_prepare(struct enrol *en, struct error *e) __attribute__((warn_unused_result));

/* The client has proven its key and will be served: store it if both sides want that, and say what was done.
 * The session learns it, too. */
void enrol_client(struct enrol *en, struct conn *c);

void enrol_free(struct enrol *en);

#endif
