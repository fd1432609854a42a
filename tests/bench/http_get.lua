-- SPDX-License-Identifier: GPL-2.0-or-later
-- wrk: asks how jobs stand, whose paths are lines of a file.
local paths, at = {}, 0

function init(args)
    for line in io.lines(args[1]) do paths[#paths + 1] = line end
    at = math.random(#paths)
end

function request()
    at = at % #paths + 1
    return wrk.format("GET", paths[at])
end
