// main.js - puts the console together: one state, read once a second; everything else follows from it.
import { Events, get, Poll, state_interval } from './api.js';
import { Clock } from './clock.js';
import { $, count_text, set_class, set_text } from './dom.js';
import { DetailPanel } from './panel_detail.js';
import { EventsPanel } from './panel_events.js';
import { JobsPanel } from './panel_jobs.js';
import { NodesPanel } from './panel_nodes.js';
import { ObjectsPanel } from './panel_objects.js';
import { TwinPanel } from './panel_twin.js';

const clock = new Clock();
let state = null;
let selected = null;
let globe = null;
let globe_module = null;

const clock_text = () => (clock.known ? new Date(clock.time_ms()).toISOString() : '');

async function make_globe() {
    try {
        globe_module = await import('./globe.js');
        globe = new globe_module.Globe($('globe'), clock, select, show_mode);
        if (state)
            globe.set_state(state);
    } catch (error) {
        globe = null;
        $('globe').replaceChildren($('no-globe'));
        $('no-globe').hidden = false;
        set_text($('no-globe-why'), error.message);
        document.body.classList.add('without-globe');
    }
}

function select(id) {
    selected = id === selected ? null : id;
    nodes.select(selected);
    globe?.select(selected);
    detail.globe = globe;
    if (state)
        detail.set(state, selected);
}

function show_mode(mode) {
    for (const button of document.querySelectorAll('[data-mode]'))
        button.setAttribute('aria-pressed', button.dataset.mode === mode);
}

function set_mode(mode) {
    globe?.camera.set_mode(mode);
}

const nodes = new NodesPanel(select);
const detail = new DetailPanel(null, clock, select);
const objects = new ObjectsPanel(clock_text);
const jobs = new JobsPanel(clock_text);
const events_panel = new EventsPanel(clock_text, (name) => {
    const node = state?.nodes.find((n) => n.name === name);
    if (node && node.id !== selected)
        select(node.id);
});
const events = new Events(
    (event) => {
        events_panel.add(event);
        // What the gateway tells again at the start of a stream is no news.
        if (event.node && event.level !== 'D' && Date.parse(event.time) > clock.time_ms() - 3000 * clock.speed)
            globe?.flash(event.node);
    },
    (live) => {
        set_text($('events-live'), live ? 'live' : 'reconnecting');
        set_class($('events-live'), live ? 'live' : 'live lost');
    },
);

// Links per node and per kind, once per state.
function count_links(s) {
    const by_id = new Map(s.nodes.map((n) => [n.id, n]));
    const kinds = { isl: 0, ground: 0, fibre: 0 };
    for (const n of s.nodes)
        n.degree = 0;
    s.links = s.links.filter(([a, b]) => by_id.has(a) && by_id.has(b));
    for (const [a, b] of s.links) {
        const [p, q] = [by_id.get(a), by_id.get(b)];
        p.degree++;
        q.degree++;
        kinds[p.role === 'gateway' && q.role === 'gateway' ? 'fibre' : p.role === 'gateway' || q.role === 'gateway' ? 'ground' : 'isl']++;
    }
    return kinds;
}

function figure(id, value, kind, title) {
    set_text($(id), value);
    set_class($(id).parentElement, `figure ${kind}`);
    $(id).parentElement.title = title;
}

function show_header(s, kinds) {
    const alive = s.nodes.filter((n) => n.state === 'alive').length;
    const lost = s.nodes.filter((n) => n.state === 'convicted' || n.state === 'quarantined').length;
    set_text($('region'), s.region);
    set_text($('gateway'), s.gateway);
    set_text($('speed'), `×${Number(s.speed.toFixed(2))}`);
    document.title = `${s.region}: Noctilucent`;
    figure('figure-nodes', `${alive}/${s.nodes.length}`, lost ? 'bad' : alive < s.nodes.length ? 'warn' : 'good', `${alive} of ${s.nodes.length} nodes alive`);
    figure('figure-links', count_text(s.links.length), '', `${kinds.isl} between satellites, ${kinds.ground} to the ground, ${kinds.fibre} fibre`);
    figure('figure-objects', count_text(s.counts.objects), '', 'objects in the region');
    figure('figure-repairs', count_text(s.counts.repairs_queued), s.counts.repairs_queued ? 'warn' : 'good', 'objects below their policy, queued for repair');
    figure('figure-tasks', count_text(s.counts.tasks_running), '', 'tasks running');
    figure('figure-facts', count_text(s.counts.facts), '', 'signed facts known to this gateway');
    for (const kind of Object.keys(kinds))
        set_text($(`legend-${kind}`), kinds[kind]);
}

function notice(text) {
    set_text($('notice'), text);
    $('notice').hidden = !text;
}

async function load_state() {
    try {
        const { value, sent_at, received_at } = await get('state');
        clock.set(value.unix_ms, value.speed, sent_at, received_at);
        const kinds = count_links(value);
        if (state && value.event_last < events.last) {
            events_panel.clear();
            events.restart(value.event_last);
        }
        state = value;
        show_header(value, kinds);
        twin.set(value.twin);
        nodes.set(value);
        globe?.set_state(value);
        if (selected !== null)
            detail.set(value, selected);
        document.body.classList.add('ready');
        notice('');
    } catch (error) {
        notice(error.status === 401 ? 'The gateway wants credentials: reload the page and enter the access key and the secret key.'
            : `The gateway does not answer (${error.message}). Trying again.`);
    }
}

const twin = new TwinPanel(load_state);

function show_clock() {
    if (!clock.known)
        return;
    const text = clock_text();
    set_text($('date'), text.slice(0, 10));
    set_text($('time'), text.slice(11, 19));
}

function keys(e) {
    const typing = e.target instanceof HTMLInputElement;
    if (e.key === 'Escape') {
        if (typing)
            e.target.blur();
        else if (selected !== null)
            select(null);
    } else if (typing || e.ctrlKey || e.metaKey || e.altKey) {
        return;
    } else if (e.key === '/') {
        $('node-filter').focus();
        e.preventDefault();
    } else if (e.key === 'f' || e.key === 'e' || e.key === 's') {
        set_mode({ f: 'follow', e: 'earth', s: 'sky' }[e.key]);
    }
}

for (const button of document.querySelectorAll('[data-mode]'))
    button.addEventListener('click', () => set_mode(button.dataset.mode));
$('zoom-in').addEventListener('click', () => globe?.camera.zoom(0.75));
$('zoom-out').addEventListener('click', () => globe?.camera.zoom(1.33));
document.addEventListener('keydown', keys);
setInterval(show_clock, 100);
setInterval(() => detail.node && !document.hidden && detail.position(), 300);
new Poll(load_state, () => state_interval(state));
make_globe();

// For tests and the curious, in the browser's own tools.
globalThis.noct = { clock, events, events_panel, objects, jobs, nodes, select, twin, globe: () => globe, state: () => state };
