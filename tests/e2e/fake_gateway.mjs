// fake_gateway.mjs - a gateway's console without a gateway: the JSON of src/region/console_api.c, from a made-up region.
// It exists to look at and load the page (console_scale.mjs); what a region does is shown with the real one (console.mjs).
//   node tests/e2e/fake_gateway.mjs [--satellites N] [--port P] [--speed X]
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rotate_z, sun_direction } from '../../console/orbit.js';

const ROOT = fileURLToPath(new URL('../../build/console/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.jpg': 'image/jpeg' };
const R = 6378.137;
const MU = 398600.8;
const RAD = Math.PI / 180;
const GATEWAYS = [['gw-svalbard', 78.2297, 15.4076, 0.5], ['gw-troll', -72.0117, 2.535, 1.27]];

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const gmst_of = (ms) => ((280.46061837 + 360.98564736629 * (ms / 86400000 - 10957.5)) % 360) * RAD;

function elements(count) {
    if (count <= 8) // a string of pearls, sun-synchronous, local time of node 10:30
        return Array.from({ length: count }, (_, i) => ({ plane: 0, slot: i, slots: count, planes: 1, inclination: 97.59, node: 216, anomaly: 60 - 10 * i, altitude: 550 }));
    const planes = Math.max(1, Math.round(Math.sqrt(count / 1.6)));
    const slots = Math.ceil(count / planes);
    return Array.from({ length: count }, (_, i) => {
        const plane = Math.floor(i / slots);
        return { plane, slot: i % slots, slots, planes, inclination: 53, node: (360 / planes) * plane, anomaly: (360 / slots) * (i % slots) + (360 / count) * plane, altitude: 550 };
    });
}

function fly(e, ms) {
    const a = R + e.altitude;
    const n = Math.sqrt(MU / a ** 3);
    const u = e.anomaly * RAD + n * ((ms / 1000) % 1e7);
    const [ci, si, cn, sn] = [Math.cos(e.inclination * RAD), Math.sin(e.inclination * RAD), Math.cos(e.node * RAD), Math.sin(e.node * RAD)];
    const place = (c, s) => [cn * c - sn * s * ci, sn * c + cn * s * ci, s * si];
    return { r: place(Math.cos(u), Math.sin(u)).map((x) => x * a), v: place(-Math.sin(u), Math.cos(u)).map((x) => x * a * n) };
}

function stand([, latitude, longitude, altitude], gmst) {
    const r = R + altitude;
    const fixed = [Math.cos(latitude * RAD) * Math.cos(longitude * RAD), Math.cos(latitude * RAD) * Math.sin(longitude * RAD), Math.sin(latitude * RAD)].map((x) => x * r);
    return { r: rotate_z(fixed, gmst), v: [0, 0, 0] };
}

function sunlit(r, sun) {
    const along = dot(r, sun);
    return along > 0 || dot(r, r) - along * along > R * R ? 1 : 0;
}

function clear(a, b) { // the ray between two satellites stays above the air
    const d = [0, 1, 2].map((i) => b[i] - a[i]);
    const size = Math.hypot(...d);
    if (size > 5000)
        return false;
    const t = Math.min(1, Math.max(0, -dot(a, d) / dot(d, d)));
    return Math.hypot(...[0, 1, 2].map((i) => a[i] + t * d[i])) > R + 80;
}

function rises(ground, sat, degrees) {
    const d = [0, 1, 2].map((i) => sat[i] - ground[i]);
    return dot(d, ground) / (Math.hypot(...d) * Math.hypot(...ground)) > Math.sin(degrees * RAD);
}

export class FakeRegion {
    constructor({ satellites = 4, speed = 60, epoch_ms = Date.parse('2026-11-21T06:00:00Z') } = {}) {
        this.orbits = elements(satellites);
        this.speed = speed;
        this.epoch_ms = epoch_ms;
        this.started = performance.now();
        this.events = [];
        this.listeners = new Set();
        this.last_links = new Set();
        this.dead = new Set();
        this.captures = [];
        this.tasks = [];
        this.names = [...this.orbits.map((_, i) => `sat-${i + 1}`), ...GATEWAYS.map((g) => g[0])];
        this.event('BOOT', 'I', this.names.at(-2), 'boot 1, 0 facts recovered');
        this.event('READY', 'I', this.names.at(-2), 'recovered in 12 ms');
    }

    now_ms() {
        return this.epoch_ms + (performance.now() - this.started) * this.speed;
    }

    event(event, level, node, text) {
        const e = { n: this.events.length + 1, time: new Date(this.now_ms()).toISOString(), event, level, node, text };
        this.events.push(e);
        for (const tell of this.listeners)
            tell(e);
    }

    positions(ms) {
        const gmst = gmst_of(ms);
        return [...this.orbits.map((e) => fly(e, ms)), ...GATEWAYS.map((g) => stand(g, gmst))];
    }

    links(at) {
        const list = [];
        const n = this.orbits.length;
        const grid = n > 8;
        const index = new Map(this.orbits.map((e, i) => [`${e.plane}.${e.slot}`, i]));
        const add = (i, k) => i !== undefined && k !== undefined && i !== k && !this.dead.has(i) && !this.dead.has(k) && list.push([Math.min(i, k) + 1, Math.max(i, k) + 1]);
        this.orbits.forEach((e, i) => {
            const next = index.get(`${e.plane}.${grid ? (e.slot + 1) % e.slots : e.slot + 1}`);
            if (grid || (next !== undefined && clear(at[i].r, at[next].r)))
                add(i, next);
            if (grid)
                add(i, index.get(`${(e.plane + 1) % e.planes}.${e.slot}`));
            let shown = 0;
            for (let g = 0; g < GATEWAYS.length; g++)
                if ((!grid || shown++ < 1) && rises(at[n + g].r, at[i].r, grid ? 40 : 5))
                    add(i, n + g);
        });
        list.push([n + 1, n + 2]);
        return list;
    }

    state() {
        const ms = this.now_ms();
        const at = this.positions(ms);
        const sun = sun_direction(ms);
        const links = this.links(at);
        const gmst = gmst_of(ms);
        return {
            region: 'noct-1', time: new Date(ms).toISOString(), unix_ms: ms, speed: this.speed, gmst_rad: ((gmst % 6.283185307) + 6.283185307) % 6.283185307,
            sun_teme_km: sun.map((x) => x * 149597870), gateway: 'gw-svalbard',
            nodes: this.names.map((name, i) => this.node(name, i, at[i], sun, ms, links, gmst)),
            links,
            counts: { objects: 120 + this.captures.length, facts: 640 + 3 * this.events.length, repairs_queued: this.dead.size * 7, tasks_running: this.orbits.length > 8 ? 37 : 1 },
            event_last: this.events.length,
        };
    }

    node(name, i, s, sun, ms, links, gmst) {
        const satellite = i < this.orbits.length;
        const fixed = rotate_z(s.r, -gmst);
        const lit = satellite ? sunlit(s.r, sun) : dot(s.r, sun) > 0 ? 1 : 0;
        const battery = satellite ? 0.72 + 0.2 * Math.sin(ms / 2.4e6 + i) : 0;
        return {
            id: i + 1, name, role: satellite ? 'satellite' : 'gateway', state: this.dead.has(i) ? 'convicted' : 'alive', self: name === 'gw-svalbard',
            plane: satellite ? this.orbits[i].plane : 0, reach_s: 0.004 + 0.011 * i,
            lat_deg: Math.asin(fixed[2] / Math.hypot(...fixed)) / RAD, lon_deg: Math.atan2(fixed[1], fixed[0]) / RAD, alt_km: Math.hypot(...fixed) - R,
            r_teme_km: s.r, v_teme_km_s: s.v, sunlit: lit,
            status_time: new Date(ms).toISOString(), health: battery < 0.3 && satellite ? 'economy' : 'nominal',
            battery_mwh: Math.round(battery * 2.4e6), battery_capacity_mwh: satellite ? 2400000 : 0, generation_mw: lit ? 3900000 : 0, load_mw: 1460000 + 31000 * i,
            core_celsius: 18 + 6 * Math.sin(ms / 1.9e6 + i), radiator_celsius: -8 + 5 * Math.sin(ms / 1.9e6 + i), sunlit_permille: lit * 1000,
            disk_free_bytes: 4.1e9 - 3e7 * (i % 9), disk_capacity_bytes: satellite ? 4294967296 : 8589934592, lanes_millis: 2000, lanes_busy_millis: i % 3 ? 0 : 1000,
            tasks_running: i % 3 || !satellite ? 0 : 1, objects_held: 42 + ((i * 13) % 50), repairs_queued: 0,
            links: links.filter(([a, b]) => a === i + 1 || b === i + 1).map(([a, b]) => (a === i + 1 ? b : a)).slice(0, 16),
        };
    }

    // What happens: links come and go, pictures, alerts, tasks. Once per half second.
    step() {
        const ms = this.now_ms();
        const at = this.positions(ms);
        const now = new Set(this.links(at).map(String));
        if (this.orbits.length <= 8) {
            const pair = (key) => key.split(',').map((id) => this.names[id - 1]);
            for (const key of now)
                if (!this.last_links.has(key))
                    this.event('LINK_UP', 'I', pair(key)[0], `link to ${pair(key)[1]} stands, 10 Gb/s`);
            for (const key of this.last_links)
                if (!now.has(key))
                    this.event('LINK_DOWN', 'I', pair(key)[0], `link to ${pair(key)[1]} ended as planned`);
        }
        this.last_links = now;
        const satellite = `sat-${1 + (this.captures.length % this.orbits.length)}`;
        if (ms - (this.captures.at(-1)?.ms ?? 0) > 120000) {
            const time = new Date(ms).toISOString();
            this.captures.push({ ms, key: `eo-1/${time.slice(0, 10)}/${time.slice(11, 19).replaceAll(':', '')}-${satellite}.ppm`, satellite });
            this.event('CAPTURE', 'I', satellite, `picture of 500 km at ${satellite}'s nadir into eo`);
            if (this.captures.length % 3 === 1)
                this.task(ms, satellite);
            if (this.captures.length % 7 === 4)
                this.event('ALERT', 'W', satellite, 'change-detect: 3 cells changed by more than 0.2 since the last pass');
        }
        const running = this.tasks.find((t) => t.state === 'RUNNING');
        if (running && ms - running.ms > 90000) {
            running.state = 'COMPLETE';
            running.logs[0].end_time = new Date(ms).toISOString();
            running.logs[0].metadata.state = 'COMPLETE';
            this.event('TASK_ENDED', 'I', running.logs[0].metadata.node, `${running.name}: exit code 0`);
        }
    }

    task(ms, node) {
        const time = new Date(ms).toISOString();
        this.event('TASK_STARTED', 'I', node, `change-detect on ${node}, lease 1`);
        this.tasks.push({
            ms, id: (0x51a0 + this.tasks.length).toString(16).padStart(32, '0'), name: 'change-detect', state: 'RUNNING', creation_time: time,
            executors: [{ image: 'noct:change-detect', command: ['change-detect', '/in/a.ppm', '/in/b.ppm', '/out'] }],
            logs: [{ start_time: time, metadata: { node, epoch: '1', state: 'RUNNING' }, logs: [{ start_time: time, exit_code: 0 }], outputs: [] }],
            tags: { 'noct.owner': node, 'noct.successor1': 'sat-3', 'noct.successor2': 'sat-4', 'noct.epoch': '1' },
        });
    }

    objects(query) {
        const bucket = query.get('bucket');
        const info = (name, ms, size) => ({ name, size, modified: new Date(ms).toISOString(), etag: 'd41d8cd98f00b204e9800998ecf8427e', copies: 2, copies_now: 2, place: 'orbit' });
        if (!bucket)
            return { truncated: false, buckets: [{ ...info('alerts', this.epoch_ms, 0), place: 'any' }, info('eo', this.epoch_ms, 0), info('<b>maps</b>', this.epoch_ms, 0)] };
        const prefix = query.get('prefix') || '';
        const found = new Map();
        for (const c of this.captures.filter((x) => x.key.startsWith(prefix))) {
            const cut = c.key.indexOf('/', prefix.length);
            if (cut >= 0)
                found.set(c.key.slice(0, cut + 1), { name: c.key.slice(0, cut + 1), prefix: true });
            else
                found.set(c.key, info(c.key, c.ms, 196623));
        }
        return { truncated: false, objects: [...found.values()] };
    }
}

async function answer_file(path, response) {
    const name = normalize(path || 'index.html');
    try {
        const body = await readFile(join(ROOT, name.startsWith('..') ? 'index.html' : name));
        response.writeHead(200, { 'Content-Type': TYPES[extname(name)] || 'application/octet-stream', 'Content-Security-Policy': "default-src 'self'", 'Cache-Control': 'no-cache' });
        response.end(body);
    } catch {
        response.writeHead(404).end();
    }
}

function answer_events(region, response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    const tell = (e) => response.write(`id: ${e.n}\ndata: ${JSON.stringify(e)}\n\n`);
    region.events.slice(-500).forEach(tell);
    region.listeners.add(tell);
    response.on('close', () => region.listeners.delete(tell));
}

export function serve(region, port = 0) {
    const server = createServer((request, response) => {
        const url = new URL(request.url, 'http://localhost');
        const json = (value) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
        if (url.pathname === '/console/api/state')
            json(region.state());
        else if (url.pathname === '/console/api/objects')
            json(region.objects(url.searchParams));
        else if (url.pathname === '/console/api/object')
            json({ size: 196623, etag: 'd41d8cd98f00b204e9800998ecf8427e', copies: 2, copies_now: 2, survives: 1, why: '', holders: [{ chunk_first: 0, chunk_count: 1, nodes: ['sat-1', 'sat-2'], alive: 2, bridging: false }] });
        else if (url.pathname === '/console/api/tasks')
            json({ tasks: region.tasks.slice(-100) });
        else if (url.pathname === '/console/api/events')
            answer_events(region, response);
        else if (url.pathname.startsWith('/console/'))
            answer_file(url.pathname.slice(9), response);
        else
            response.writeHead(404).end();
    });
    const timer = setInterval(() => region.step(), 500);
    server.on('close', () => clearInterval(timer));
    return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const option = (name, fallback) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : fallback);
    const server = await serve(new FakeRegion({ satellites: option('--satellites', 4), speed: option('--speed', 60) }), option('--port', 0));
    console.log(`http://127.0.0.1:${server.address().port}/console/`);
}
