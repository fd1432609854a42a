/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree: see tree.h.
 */
#include "client/tree.h"

#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"

struct tree {
    const struct tree_filter *filter;
    glob_t matches;
    char *word;
    FTS *walk;
    size_t root; /* bytes of the path of what is walked, with its slash */
};

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static struct tree *refuse(struct tree *tree, struct error *error, const char *word, const char *why)
{
    error_set(error, ERROR_DATA, "%s: %s", word, why);
    tree_close(tree);
    return NULL;
}

struct tree *tree_open(const char *word, const struct tree_filter *filter, struct error *error)
{
    struct tree *tree = xcalloc(1, sizeof *tree);
    struct stat status;
    /* What is there is meant, whatever it would match as a pattern. */
    bool literal = lstat(word, &status) == 0;
    int result = 0;

    tree->filter = filter;
    tree->word = xstrdup(word);
    if (!literal) {
        result = glob(word, GLOB_ERR | GLOB_BRACE, NULL, &tree->matches);
    }
    if (result == GLOB_NOMATCH) {
        return refuse(tree, error, word, "there is no such file or folder");
    }
    if (result != 0) {
        return refuse(tree, error, word, "the folders of this pattern cannot be read");
    }
    tree->walk = fts_open(literal ? (char *[]){tree->word, NULL} : tree->matches.gl_pathv,
                          FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    if (tree->walk == NULL) {
        return refuse(tree, error, word, strerror(errno));
    }
    return tree;
}

static bool matches(const char *const *patterns, size_t count, const char *name, const char *below)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = strchr(patterns[i], '/') != NULL ? below : name;

        if (fnmatch(patterns[i], text, 0) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_file(const FTSENT *entry)
{
    struct stat status;

    if (entry->fts_info == FTS_F) {
        return true;
    }
    /* What is named is taken whatever it is: a pipe can be read, too. */
    if (entry->fts_level == 0) {
        return entry->fts_info == FTS_DEFAULT;
    }
    return entry->fts_info == FTS_SL && stat(entry->fts_accpath, &status) == 0 &&
           S_ISREG(status.st_mode);
}

/* Whether an entry is one of the files; folders that are not wanted are passed over here. */
static bool wanted(struct tree *tree, FTSENT *entry, const char *below)
{
    const struct tree_filter *filter = tree->filter;
    bool named = entry->fts_level == 0;
    bool excluded = matches(filter->exclude, filter->exclude_count, entry->fts_name, below);

    if (entry->fts_info == FTS_D) {
        if (!named && (excluded || entry->fts_name[0] == '.')) {
            fts_set(tree->walk, entry, FTS_SKIP);
        }
        return false;
    }
    if (!is_file(entry) || excluded || (!named && entry->fts_name[0] == '.')) {
        return false;
    }
    return filter->include_count == 0 ||
           matches(filter->include, filter->include_count, entry->fts_name, below);
}

int tree_next(struct tree *tree, const char **path, const char **below, struct error *error)
{
    FTSENT *entry;

    while ((errno = 0, entry = fts_read(tree->walk)) != NULL) {
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
            entry->fts_info == FTS_NS) {
            error_set(error, ERROR_DATA, "%s cannot be read: %s", entry->fts_path,
                      strerror(entry->fts_errno));
            return -1;
        }
        if (entry->fts_level == 0) {
            tree->root = entry->fts_pathlen;
            tree->root += tree->root > 0 && entry->fts_path[tree->root - 1] != '/';
        }
        *path = entry->fts_path;
        *below = entry->fts_level == 0 ? entry->fts_name : entry->fts_path + tree->root;
        if (wanted(tree, entry, *below)) {
            return 1;
        }
    }
    if (errno != 0) {
        error_set(error, ERROR_DATA, "the folders cannot be read: %s", strerror(errno));
        return -1;
    }
    return 0;
}

void tree_close(struct tree *tree)
{
    if (tree == NULL) {
        return;
    }
    if (tree->walk != NULL) {
        fts_close(tree->walk);
    }
    globfree(&tree->matches);
    free(tree->word);
    free(tree);
}
