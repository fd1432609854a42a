/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libarchive: those functions of libarchive that read a tar, loaded when the first is read.
 *
 * Floor: retain. Nearly all commands can read an archived job, and hardly ever one does; but to load
 * libarchive and the libraries that it needs, of XML and Unicode, takes longer than all else that
 * llmspool-submit does for one job.
 */
#ifndef RETAIN_LIBARCHIVE_H
#define RETAIN_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

/* Their names without archive_. */
#define LIBARCHIVE_FUNCTIONS(EACH) \
    EACH(entry_filetype)           \
    EACH(entry_gid)                \
    EACH(entry_gname)              \
    EACH(entry_hardlink)           \
    EACH(entry_mtime)              \
    EACH(entry_mtime_is_set)       \
    EACH(entry_mtime_nsec)         \
    EACH(entry_pathname)           \
    EACH(entry_perm)               \
    EACH(entry_size)               \
    EACH(entry_size_is_set)        \
    EACH(entry_symlink)            \
    EACH(entry_uid)                \
    EACH(entry_uname)              \
    EACH(error_string)             \
    EACH(format)                   \
    EACH(read_data_block)          \
    EACH(read_free)                \
    EACH(read_header_position)     \
    EACH(read_new)                 \
    EACH(read_next_header)         \
    EACH(read_open)                \
    EACH(read_support_format_tar)  \
    EACH(set_error)

/* archive_read_new and so on, as the library has them. */
struct libarchive {
#define LIBARCHIVE_MEMBER(name) __typeof__(archive_##name) *name;
    LIBARCHIVE_FUNCTIONS(LIBARCHIVE_MEMBER)
#undef LIBARCHIVE_MEMBER
};

/* The functions, for as long as the process lives. From any thread. A library that cannot be loaded ends
 * the program with EX_OSERR and the loader's reason, as one that was linked would have. */
const struct libarchive *libarchive(void);

#endif
