/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * room: see room.h.
 */
#include "daemon/room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon/finish.h"

enum { LOOK_MS = 250 };

int room_free(const struct core *core, struct room *room)
{
    struct statvfs status;

    if (fstatvfs(core->spool->root, &status) < 0)
        return -errno;
    room->free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    room->free_inodes = status.f_files != 0 ? status.f_favail : UINT64_MAX;
    return 0;
}

static void trouble_set(struct core *core, const char *text)
{
    if (strcmp(core->trouble, text) == 0)
        return;
    if (text[0] != '\0' && core->trouble[0] == '\0')
        log_error(&core->log, "nothing is sent: %s", text);
    else if (text[0] == '\0')
        log_info(&core->log, "there is room again: sending goes on");
    snprintf(core->trouble, sizeof core->trouble, "%s", text);
    core->changed = core->counted = true;
}

void room_look(struct core *core)
{
    struct mono now = clock_mono(core->clock);
    struct room room;
    char text[200] = "";
    int result;

    if (now.ms < core->room_looked.ms + LOOK_MS)
        return;
    core->room_looked = now;
    result = room_free(core, &room);
    if (result < 0)
        snprintf(text, sizeof text, "the spool's file system does not answer: %s",
                 strerror(-result));
    else if (room.free_bytes < core->config->floor_bytes)
        snprintf(text, sizeof text, "no room: %llu MiB free, the floor (floor_space) is %llu MiB",
                 (unsigned long long)(room.free_bytes >> 20),
                 (unsigned long long)(core->config->floor_bytes >> 20));
    else if (room.free_inodes < core->config->floor_inodes)
        snprintf(text, sizeof text, "no room: %llu inodes free, the floor (floor_inodes) is %llu",
                 (unsigned long long)room.free_inodes,
                 (unsigned long long)core->config->floor_inodes);
    else if (finish_stuck(core->finish) > 0)
        snprintf(text, sizeof text, "%zu answers cannot be written; they are kept and tried again",
                 finish_stuck(core->finish));
    trouble_set(core, text);
}
