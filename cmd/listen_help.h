/* listen_help: what vault-listen --help prints, NULL at the end. */
#ifndef LISTEN_HELP_H
#define LISTEN_HELP_H

extern const char *const listen_help[];

#endif
