-- load.lua: for wrk. Arguments after `--`: METHOD FILE_WITH_TARGETS BODY_BYTES. Each thread walks its own share of the targets, over and
-- over. The last line it prints is one JSON object.
local threads = {}

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

function init(args)
   method, at, refused, begun = args[1], 0, 0, false
   body = tonumber(args[3]) > 0 and string.rep("n0ct", tonumber(args[3]) / 4) or nil
   targets = {}
   local line_number = 0
   local share = tonumber(args[4] or "1")
   for line in io.lines(args[2]) do
      if line_number % share == number then table.insert(targets, line) end
      line_number = line_number + 1
   end
end

function request()
   if begun then at = at % #targets + 1 end
   begun = true -- wrk throws away the first request it asks for
   return wrk.format(method, targets[math.max(at, 1)], nil, body)
end

function response(status)
   if status >= 300 then refused = refused + 1 end
end

function done(summary, latency)
   local refused_total = 0
   for _, thread in ipairs(threads) do refused_total = refused_total + thread:get("refused") end
   local e = summary.errors
   io.write(string.format('{"requests":%d,"seconds":%.3f,"errors":%d,"p50_ms":%.2f,"p99_ms":%.2f}\n', summary.requests,
      summary.duration / 1e6, refused_total + e.connect + e.read + e.write + e.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
