-- SPDX-License-Identifier: GPL-2.0-or-later
-- wrk: posts distinct jobs with prompts of about a kilobyte.
local threads, filler = 0, string.rep("The quick brown fox jumps over the lazy dog. ", 21)

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    count = 0
    run = args[1] or "0"
end

function request()
    count = count + 1
    local body = string.format('{"model": "m", "prompt": "%s run %s thread %d number %d"}', filler, run,
                               number, count)
    return wrk.format("POST", "/v1/jobs", {["Content-Type"] = "application/json"}, body)
end

function response(status, headers, body)
    if status ~= 201 then
        bad = (bad or 0) + 1
        if bad == 1 then io.stderr:write("status " .. status .. ": " .. body .. "\n") end
    end
end
