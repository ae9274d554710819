/*
 * outfile: a file that appears only when it is complete.
 *
 * It is written without a name where the system allows that (O_TMPFILE), so that even a killed
 * process leaves nothing behind, otherwise under a temporary name beside the target.
 */
#ifndef OUTFILE_H
#define OUTFILE_H

#include <sys/types.h>

#include "proto/error.h"

struct outfile {
	int fd;
	mode_t mode;	 /* of the file that it replaces, else 0666 less the umask */
	uid_t owner;	 /* likewise, if it replaces one */
	gid_t group;
	bool replaces;
	off_t written, begun; /* bytes, and those of them that are on their way to the disk */
	int dir_fd;	 /* open early, for a sandbox may come; -1 if the directory cannot be read */
	char dir[4096];	 /* where it will appear */
	char path[4096]; /* under this name; a symbolic link is followed */
	char temporary[4096]; /* "" as long as it has no name */
};

/* Begin. 0, or -1: ERROR_IO (also for a symbolic link that leads nowhere), or ERROR_USAGE if the target exists
 * and is not a regular file. */
int outfile_open(struct outfile *f, const char *path, struct error *e);

/* To be called when ${n} more bytes have been written to f->fd: sees to it that the disk is never far behind, or
 * the fsync at the end could take longer than the peer has patience for. */
void outfile_written(struct outfile *f, size_t n);

/* fsync, give it its name (replacing what was there), fsync the directory. 0, or -1 with ERROR_IO
 * and nothing left. f->fd is closed either way. */
int outfile_commit(struct outfile *f, struct error *e);

/* Close and leave nothing. Safe after commit. */
void outfile_discard(struct outfile *f);

#endif
